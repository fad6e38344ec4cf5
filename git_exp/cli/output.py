"""What a command answers on stdout: lines, tables, JSON, JSON Lines and CSV."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from git_exp import values
from git_exp.cli import terminal
from git_exp.visible import CONTROL
from git_exp.visible import escape as escape

_GAP = 2
_NARROWEST = 4


class Piece(NamedTuple):
    """Text with a style ("bold red") that only a terminal shows."""

    text: str
    style: str = ""


class Column(NamedTuple):
    """A column of a table: its heading, the style of its cells, and whether numbers stand in it.

    A `fixed` column is never shortened on a narrow terminal.
    """

    heading: str
    style: str = ""
    right: bool = False
    fixed: bool = False


Cell = str | Piece


def line(*pieces: Cell) -> None:
    """One line on stdout, escaped."""
    shown = (terminal.styled(escape(one.text), one.style) for one in map(_piece, pieces))
    sys.stdout.write("".join(shown) + "\n")


def lines(text: str, style: str = "") -> None:
    """Text of several lines on stdout, escaped but for tabs and line feeds."""
    for one in text.splitlines():
        sys.stdout.write(terminal.styled(escape(one, "\t"), style) + "\n")


def raw(data: bytes) -> None:
    """Bytes as they are; on a terminal, escaped but for tabs and line feeds."""
    if terminal.shown():
        data = escape(data.decode(errors="backslashreplace"), "\t\n").encode()
    _write(data)


def page() -> None:
    """Send what follows through the user's pager; `table` does so by itself."""
    terminal.page()


def table(columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> None:
    """A table with its headings; piped, it is aligned text without colours, nothing shortened."""
    page()
    if terminal.shown():
        columns = [one._replace(heading=escape(one.heading)) for one in columns]
        _rich_table(columns, [[_escaped(one) for one in row] for row in rows])
        return
    headings = [one.heading for one in columns]
    texts = zip(headings, *([_text(one) for one in row] for row in rows), strict=True)
    padded = map(_padded, texts, columns)
    lines = [(" " * _GAP).join(row).rstrip() + "\n" for row in zip(*padded, strict=True)]
    sys.stdout.write("".join(lines))


def document(name: str, value: msgspec.Struct) -> None:
    """One JSON document: `schema`, then the fields of a Struct in their own order."""
    from git_exp.cli import documents

    body = _json(value)
    head = b'{"schema":"%b"' % documents.schema(name, value).encode()
    joined = head + (b"," if body != b"{}" else b"") + body[1:]
    if terminal.shown():
        joined = msgspec.json.format(joined, indent=2)
    _write(joined + b"\n")


def json_lines(rows: Iterable[Any]) -> None:
    """One JSON value a line."""
    for row in rows:
        _write(_json(row) + b"\n")


def csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Comma separated values with one line of headings; None is an empty field."""
    import csv as comma_separated

    writer = comma_separated.writer(sys.stdout, lineterminator="\n")
    writer.writerow([_field(one) for one in columns])
    writer.writerows([_field(one) for one in row] for row in rows)


def say(text: str) -> None:
    """One line of talk on stderr: what is no answer."""
    sys.stdout.flush()
    sys.stderr.write(escape(text) + "\n")


def warn(text: str, hint: str | None = None) -> None:
    """`warning: …` on stderr, with the next step as a hint."""
    _labelled("warning", "yellow", text)
    if hint:
        hints(hint)


def hints(text: str) -> None:
    """`hint: …` on stderr, a line each."""
    for one in text.splitlines():
        _labelled("hint", "yellow", one)


def fail(label: str, text: str, hint: str | None = None) -> None:
    """`fatal: …` or `error: …` on stderr, one line whatever the text is."""
    _labelled(label, "bold red", text.strip())
    if hint:
        hints(hint)


def _labelled(label: str, style: str, text: str) -> None:
    sys.stdout.flush()
    shown = terminal.styled(f"{label}:", style, sys.stderr)
    sys.stderr.write(f"{shown} {escape(text)}\n")


def _json(value: Any) -> bytes:
    body = msgspec.json.encode(value, enc_hook=values.simpler)
    # msgspec writes NaN and the infinities as null; only then is the slow way needed.
    if b"null" in body:
        body = msgspec.json.encode(values.plain(value))
    if body.isascii() and b"\x7f" not in body:
        return body
    return re.sub(CONTROL, _escaped_sign, body.decode()).encode()


def _escaped_sign(found: re.Match[str]) -> str:
    # In two halves, as JSON has what is beyond U+FFFF.
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _write(data: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(data)


def _field(value: Any) -> Any:
    if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))):
        return values.plain(value)
    if isinstance(value, dict | list | tuple | msgspec.Struct):
        value = _json(value).decode()
    return escape(value) if isinstance(value, str) and terminal.shown() else value


def _piece(cell: Cell) -> Piece:
    return cell if isinstance(cell, Piece) else Piece(cell)


def _text(cell: Cell) -> str:
    return cell if isinstance(cell, str) else cell.text


def _escaped(cell: Cell) -> Piece:
    piece = _piece(cell)
    return piece._replace(text=escape(piece.text))


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(_columns(sign) for sign in text)


def _columns(sign: str) -> int:
    if unicodedata.combining(sign):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def _padded(texts: Sequence[str], column: Column) -> list[str]:
    """The cells of a column, its heading first, all as wide as the widest."""
    every = "".join(texts)
    if every.isascii() and every.isprintable():
        # Nearly all columns are, and a long listing is a great deal of text.
        widest = max(map(len, texts))
        return [one.rjust(widest) if column.right else one.ljust(widest) for one in texts]
    shown = [escape(one) for one in texts]
    widest = max(map(_width, shown))
    blanks = [" " * (widest - _width(one)) for one in shown]
    pairs = zip(blanks, shown, strict=True) if column.right else zip(shown, blanks, strict=True)
    return [before + after for before, after in pairs]


def _rich_table(columns: Sequence[Column], rows: Sequence[Sequence[Piece]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="bold")
    widths = _fitting(columns, rows)
    for one, width in zip(columns, widths, strict=True):
        grid.add_column(
            Text(one.heading),
            style=one.style,
            justify="right" if one.right else "left",
            no_wrap=True,
            overflow="ellipsis",
            width=width,
        )
    for row in rows:
        grid.add_row(*(Text(piece.text, style=piece.style) for piece in row))
    coloured = terminal.colour()
    total = sum(widths) + _GAP * len(widths)
    Console(
        file=sys.stdout,
        width=max(total, terminal.width()),
        force_terminal=coloured,
        no_color=not coloured,
        highlight=False,
    ).print(grid)


def _fitting(columns: Sequence[Column], rows: Sequence[Sequence[Piece]]) -> list[int]:
    """Widths that fit the terminal: words give way before numbers do, what is fixed never.

    Among those that do, the widest is the first.
    """
    texts = [[one.heading for one in columns], *([one.text for one in row] for row in rows)]
    widths = [max(map(_width, of_one)) for of_one in zip(*texts, strict=True)]
    loose = [at for at, one in enumerate(columns) if not one.fixed]
    words = [at for at in loose if not columns[at].right]
    over = sum(widths) + _GAP * (len(widths) - 1) - terminal.width()
    for giving in (words, loose):
        while over > 0 and giving:
            widest = max(giving, key=widths.__getitem__)
            if widths[widest] <= _NARROWEST:
                break
            widths[widest] -= 1
            over -= 1
    return widths
