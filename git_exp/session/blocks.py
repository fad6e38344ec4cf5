"""A document in blocks: written as Markdown or as a page of HTML, its texts never markup."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from git_exp import visible

LONGEST = 600
WIDEST = 60

_SPACE = re.compile(r"\s+")
# An underscore within a word is none, and so stays: names are full of them. The last two are
# where GitHub would see a link without any brackets.
_MARKUP = re.compile(
    r"[\\`*\[\]<>&|~#$@]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|(?<=:)/(?=/)|(?<=www)\.",
    re.IGNORECASE,
)
# A bar behind a backslash parts cells for some readers of Markdown, and for some it does not.
_NAMED = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "|": "&#124;", "$": "&#36;", "@": "&#64;",
          "/": "&#47;"}  # fmt: skip
_LIST = re.compile(r"^(\d*)([-+=.)])")
_CLIP = re.compile(r"\bclip(\d+)\b")
_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em }}
table {{ border-collapse: collapse; display: block; overflow-x: auto }}
th, td {{ border: 1px solid #ccc; padding: 0.2em 0.6em; text-align: left }}
.number {{ text-align: right }}
code {{ background: #f4f4f4; overflow-wrap: anywhere }}
svg {{ max-width: 100%; height: auto }}
</style>
</head>
<body>
{body}
</body>
</html>
"""


class Code(NamedTuple):
    """Text that is a name or a value."""

    text: str


Line = Sequence[str | Code]


class Heading(NamedTuple):
    """The title of a part; that of the whole document has level 1."""

    level: int
    text: str


class Paragraph(NamedTuple):
    """Running text."""

    line: Line


class Items(NamedTuple):
    """A list of at least one line."""

    lines: Sequence[Line]


class Table(NamedTuple):
    """Rows of cells below headings; `numbers` are the columns that stand at the right."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int] = ()


class Drawing(NamedTuple):
    """A chart in rows of characters, and as SVG of which no other's text is a part."""

    rows: Sequence[str]
    svg: str | None = None


Block = Heading | Paragraph | Items | Table | Drawing


def markdown(blocks: Iterable[Block]) -> str:
    """The blocks in GitHub's Markdown."""
    return "\n\n".join(map(_written, blocks)) + "\n"


def page(blocks: Iterable[Block], title: str) -> str:
    """The blocks as a page of HTML that needs nothing else, and may do nothing."""
    return _PAGE.format(title=_html(title), body="\n".join(map(_tagged, blocks)))


def cut(text: str, limit: int = LONGEST) -> str:
    """Text on one line, nothing in it an order to anybody; the middle of a long one is left out."""
    line = _SPACE.sub(" ", text)
    if len(line) > limit:
        line = f"{line[: limit * 2 // 3]} ... {line[-(limit // 3) :]}"
    return visible.escape(line)


def _written(block: Block) -> str:
    match block:
        case Heading():
            return f"{'#' * block.level} {_prose([block.text])}"
        case Paragraph():
            return _prose(block.line)
        case Items():
            return "\n".join(f"- {_prose(line)}" for line in block.lines)
        case Table():
            rules = ["---:" if at in block.numbers else "---" for at in range(len(block.headings))]
            rows = [[_escaped(cut(one, WIDEST)) for one in row] for row in block.rows]
            return "\n".join(f"| {' | '.join(row)} |" for row in (block.headings, rules, *rows))
        case Drawing():
            return "\n".join(["```text", *map(visible.escape, block.rows), "```"])


def _prose(line: Line) -> str:
    """A line of Markdown that begins neither a list nor any other block."""
    text = "".join(_span(one.text) if isinstance(one, Code) else _escaped(cut(one)) for one in line)
    return _LIST.sub(r"\1\\\2", text.strip())


def _escaped(text: str) -> str:
    return _MARKUP.sub(lambda one: _NAMED.get(one[0], f"\\{one[0]}"), text)


def _span(text: str) -> str:
    """Text between more backticks than there are in it anywhere."""
    shown = cut(text).strip() or "-"
    longest = max(map(len, re.findall("`+", shown)), default=0)
    ticks = "`" * (longest + 1)
    pad = " " if longest else ""
    return f"{ticks}{pad}{shown}{pad}{ticks}"


def _tagged(block: Block) -> str:
    match block:
        case Heading():
            return f"<h{block.level}>{_html(block.text)}</h{block.level}>"
        case Paragraph():
            return f"<p>{_spans(block.line)}</p>"
        case Items():
            return "\n".join(
                ["<ul>", *(f"<li>{_spans(line)}</li>" for line in block.lines), "</ul>"]
            )
        case Table():
            rows = [_row(row, "td", block.numbers) for row in block.rows]
            head = _row(block.headings, "th", block.numbers)
            return "\n".join(["<table>", head, *rows, "</table>"])
        case Drawing():
            # Vega counts its clips on and on: the same chart would never be the same bytes.
            return _numbered(block.svg) if block.svg else _text(block.rows)


def _row(cells: Sequence[str], tag: str, numbers: Sequence[int]) -> str:
    starts = [f'{tag} class="number"' if at in numbers else tag for at in range(len(cells))]
    each = zip(starts, cells, strict=True)
    inner = "".join(f"<{start}>{_html(cut(one, WIDEST))}</{tag}>" for start, one in each)
    return f"<tr>{inner}</tr>"


def _spans(line: Line) -> str:
    return "".join(
        f"<code>{_html(one.text.strip() or '-')}</code>" if isinstance(one, Code) else _html(one)
        for one in line
    )


def _html(text: str) -> str:
    return html.escape(cut(text))


def _text(rows: Sequence[str]) -> str:
    inner = "\n".join(html.escape(visible.escape(row)) for row in rows)
    return f"<pre>{inner}</pre>"


def _numbered(svg: str) -> str:
    order = {name: at for at, name in enumerate(dict.fromkeys(_CLIP.findall(svg)))}
    return _CLIP.sub(lambda one: f"clip{order[one[1]]}", svg)
