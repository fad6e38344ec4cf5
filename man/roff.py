"""Markdown to man's roff: paragraphs, lists, code and its emphasis, in plain ASCII."""

from __future__ import annotations

from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

_SIGNS = {
    "\\": "\\e", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti", "-": "\\-",
    "…": "...", "—": "\\(em", "→": "\\(->",
}  # fmt: skip
_READER = MarkdownIt("commonmark", {"html": False})
_FONTS = {"strong": "B", "em": "I"}


def text(words: str, code: bool = False) -> str:
    """Words that roff prints as they are; a hyphen in prose may break, one in code may not."""
    signs = {**_SIGNS, "-": _SIGNS["-"] if code else "-", "'": _SIGNS["'"] if code else "'"}
    shown = "".join(signs.get(sign, _ascii(sign)) for sign in words)
    return "\n".join(_guarded(line) for line in shown.split("\n"))


def bold(words: str) -> str:
    return f"\\fB{text(words, code=True)}\\fR"


def inline(markdown: str) -> str:
    """One paragraph's worth of Markdown."""
    return _inline(_READER.parseInline(markdown)[0])


def sections(markdown: str) -> dict[str, str]:
    """The text below each `## Heading`; what stands above the first is under "Description"."""
    found = {"Description": ""}
    heading = "Description"
    fenced = False
    for line in markdown.splitlines(keepends=True):
        fenced ^= line.startswith("```")
        if line.startswith("## ") and not fenced:
            heading = line[3:].strip()
            found.setdefault(heading, "")
        else:
            found[heading] += line
    return {name: body.strip() for name, body in found.items()}


def blocks(markdown: str) -> list[str]:
    """Markdown as lines of roff.

    A list item whose first line ends with a backslash is a term with its definition.
    """
    lines: list[str] = []
    depth = 0
    opening = ""
    for one in _READER.parse(markdown):
        match one.type:
            case "list_item_open":
                opening = ".TP"
                depth += 1
            case "list_item_close":
                depth -= 1
            case "fence" | "code_block":
                lines += _code(one.content)
            case "heading_open":
                opening = ".SS"
            case "inline" if opening == ".TP":
                lines += _item(one)
                opening = ""
            case "inline" if opening == ".SS":
                lines += [f".SS {_inline(one)}"]
                opening = ""
            case "inline":
                lines += [".IP" if depth else ".PP", _inline(one)]
    return lines


def term(tag: str, body: Sequence[str]) -> list[str]:
    """A definition: its tag, which is roff already, and the lines below it."""
    return [".TP", tag, *body]


def _item(one: Token) -> list[str]:
    children = one.children or []
    breaks = [at for at, child in enumerate(children) if child.type == "hardbreak"]
    if not breaks:
        return [".IP \\(bu 3", _inline(one)]
    head, rest = children[: breaks[0]], children[breaks[0] + 1 :]
    return [".TP", _spans(head), _spans(rest)]


def _code(content: str) -> list[str]:
    body = [text(line, code=True) for line in content.rstrip("\n").split("\n")]
    return [".PP", ".RS 4", ".nf", *body, ".fi", ".RE"]


def _inline(one: Token) -> str:
    return _spans(one.children or [])


def _spans(children: Sequence[Token]) -> str:
    shown = ""
    for child in children:
        kind, _, end = child.type.rpartition("_")
        match child.type:
            case "text":
                shown += text(child.content)
            case "code_inline":
                shown += bold(child.content)
            case "softbreak" | "hardbreak":
                shown += "\n"
            case _ if kind in _FONTS:
                shown += f"\\f{_FONTS[kind]}" if end == "open" else "\\fR"
    return "\n".join(_guarded(line.strip()) for line in shown.split("\n"))


def _guarded(line: str) -> str:
    return f"\\&{line}" if line.startswith((".", "'")) else line


def _ascii(sign: str) -> str:
    return sign if sign.isascii() else f"\\[u{ord(sign):04X}]"
