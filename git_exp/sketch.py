"""A chart as text: rows of characters for a terminal, a mail or a log."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any, NamedTuple

from git_exp import chart, errors, scale
from git_exp.chart import Form, Line
from git_exp.scale import Tick

COLOURS = ("green", "yellow", "blue", "magenta", "cyan", "red")
LETTERS = string.ascii_lowercase + string.ascii_uppercase
_BLANK = "\u2800"


class Span(NamedTuple):
    """Text with a style such as "green"; it is not yet escaped."""

    text: str
    style: str = ""


class Size(NamedTuple):
    """Columns and rows of characters, axes and legend included."""

    width: int
    height: int


class Frame(NamedTuple):
    """What the axes are drawn with."""

    side: str
    tick: str
    corner: str
    floor: str
    foot: str


_LINES = Frame("│", "┤", "└", "─", "┬")
_SIGNS = Frame("|", "+", "+", "-", "+")


def library() -> Any:
    """What draws dots. Raises `UsageError` where it is not installed."""
    try:
        import plotille
    except ImportError:
        raise errors.UsageError(
            "drawing in a terminal needs plotille", hint="pip install 'git-exp[plot]'"
        ) from None
    return plotille


def rows(lines: Sequence[Line], form: Form, size: Size, *, dotted: bool) -> list[list[Span]]:
    """The chart of lines, at least one of which has something to draw.

    `dotted` draws with braille dots and box characters, else each line has an ASCII sign of its
    own. Raises `UsageError` where `plotille` is not installed.
    """
    plane = _Plane(lines, form, size)
    alone = len(lines) == 1
    signs = ["*" if alone else LETTERS[at % len(LETTERS)] for at in range(len(lines))]
    styles = [COLOURS[at % len(COLOURS)] for at in range(len(lines))]
    cells = plane.cells([] if dotted else signs, styles)
    legend = [
        [Span("⣀⣀" if dotted else sign, style), Span(f" {label}")]
        for sign, style, label in zip(signs, styles, chart.labels(lines), strict=True)
    ]
    return [
        [Span(chart.title(form), "bold")],
        *plane.framed(cells, _LINES if dotted else _SIGNS),
        *legend,
    ]


class _Plane:
    """Where the lines are drawn: its scales, its ticks, and its size in characters."""

    def __init__(self, lines: Sequence[Line], form: Form, size: Size) -> None:
        self._pieces = [chart.segments(line.dots) for line in lines]
        every = [dot for pieces in self._pieces for piece in pieces for dot in piece]
        self._y = scale.of((y for _, y in every), log=form.log)
        self._x = scale.of(x for x, _ in every)
        self._height = max(size.height - len(lines) - 4, 5)
        ticks = scale.ticks(self._y, self._height // 3)
        self._marks = {self._row(tick.at): tick.text for tick in ticks}
        self._gutter = max(map(len, self._marks.values()), default=0)
        self._width = max(size.width - self._gutter - 2, 10)
        self._form = form

    def cells(self, signs: Sequence[str], styles: Sequence[str]) -> list[list[Span]]:
        """The plane in cells: the sign of the line drawn last there; without signs, all dots."""
        cells = [[Span(" ")] * self._width for _ in range(self._height)]
        for at, pieces in enumerate(self._pieces):
            for row, dots in zip(cells, self._dots(pieces), strict=True):
                for column, sign in enumerate(dots):
                    if sign != _BLANK:
                        drawn = signs[at] if signs else _both(row[column].text, sign)
                        row[column] = Span(drawn, styles[at])
        return cells

    def framed(self, cells: list[list[Span]], frame: Frame) -> list[list[Span]]:
        """The plane between its axes, with their ticks and the title of the lower one."""
        sides = [
            Span(f"{mark:>{self._gutter}} {frame.tick if mark else frame.side}")
            for mark in (self._marks.get(at, "") for at in range(self._height))
        ]
        title, ticks = scale.abscissa(self._form.x, self._x, max(self._width // 14, 1))
        places = {self._column(tick.at): tick for tick in ticks}
        floor = "".join(frame.foot if at in places else frame.floor for at in range(self._width))
        pad = " " * (self._gutter + 1)
        return [
            *([side, *_joined(row)] for side, row in zip(sides, cells, strict=True)),
            [Span(f"{pad}{frame.corner}{floor}")],
            [Span(f"{pad} {_written(places, self._width)}".rstrip())],
            [Span(f"{pad} {title:^{self._width}}".rstrip())],
        ]

    def _dots(self, pieces: list[list[tuple[float, float]]]) -> list[str]:
        # The canvas counts in dots then: no value is too large for it.
        canvas = library().Canvas(
            self._width, self._height, 0, 0, 2 * self._width, 4 * self._height
        )
        for piece in pieces:
            places = [(self._across(x), self._up(y)) for x, y in piece]
            for one, two in zip(places, [*places[1:], places[-1]], strict=True):
                canvas.line(*one, *two)
        drawn: str = canvas.plot(linesep="\n")
        return drawn.split("\n")

    def _across(self, x: float) -> int:
        return round(self._x.share(x) * (2 * self._width - 1))

    def _up(self, y: float) -> int:
        return round(self._y.share(y) * (4 * self._height - 1))

    def _column(self, x: float) -> int:
        return self._across(x) // 2

    def _row(self, y: float) -> int:
        return self._height - 1 - self._up(y) // 4


def _both(one: str, two: str) -> str:
    """The dots of two braille characters in one; the first may be a blank."""
    return two if one == " " else chr(ord(one) | ord(two))


def _joined(cells: Sequence[Span]) -> list[Span]:
    """Neighbours of one style as one span, without the blank end of the row."""
    spans: list[Span] = []
    end = max((at for at, cell in enumerate(cells, 1) if cell.style), default=0)
    for cell in cells[:end]:
        if spans and spans[-1].style == cell.style:
            spans[-1] = Span(spans[-1].text + cell.text, cell.style)
        else:
            spans.append(cell)
    return spans


def _written(places: dict[int, Tick], width: int) -> str:
    """The words of ticks centred below them, those that have room."""
    line = ""
    for column, tick in places.items():
        start = min(max(column - len(tick.text) // 2, 0), max(width - len(tick.text), 0))
        if not line or start > len(line):
            line = f"{line:<{start}}{tick.text}"
    return line
