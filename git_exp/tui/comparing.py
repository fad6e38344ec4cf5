"""The marked runs side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from git_exp import beside, table
from git_exp.index.search import Indexed
from git_exp.run import Run
from git_exp.tui import pages
from git_exp.tui.lines import Line, Lines, Span
from git_exp.visible import escape

_WIDEST = 40


class Comparison(Screen[None]):
    """Params that differ, metrics and facts, a column for each run."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "back to the runs", show=False),
        Binding("a", "every", "all params, or those that differ", show=False),
        Binding("b", "extremes", "metrics at their best, or their last", show=False),
    ]
    DEFAULT_CSS = """
    Comparison > Static { height: 1; background: $panel; text-style: bold; }
    Comparison > Lines { height: 1fr; }
    """

    class Ready(Message):
        """The comparison is there, from the thread that made it."""

        def __init__(self, lines: Sequence[Line]) -> None:
            super().__init__()
            self.lines = lines

    def __init__(self, store: Indexed, runs: Sequence[Run], clock: Callable[[], int]) -> None:
        super().__init__()
        self._store, self._runs, self._clock = store, runs, clock
        self._every = self._extremes = False

    def compose(self) -> ComposeResult:
        yield Static(markup=False)
        yield Lines()

    def on_mount(self) -> None:
        self.query_one(Lines).focus()
        self._ask()

    def _ask(self) -> None:
        params = "all params" if self._every else "params that differ"
        metrics = "best metrics" if self._extremes else "last metrics"
        said = f" {len(self._runs)} runs: {params} (a), {metrics} (b), back (escape)"
        self.query_one(Static).update(said)
        self.run_worker(self._read, thread=True, exclusive=True, exit_on_error=False)

    def _read(self) -> None:
        try:
            found = beside.look(self._store, self._runs, every=self._every, extremes=self._extremes)
            lines = _lines(found, self._clock())
        except Exception as error:
            # What cannot be compared is told where it would stand.
            lines = pages.failed(error)
        self.post_message(self.Ready(lines))

    def on_comparison_ready(self, event: Ready) -> None:
        self.query_one(Lines).show(event.lines)

    def action_every(self) -> None:
        self._every = not self._every
        self._ask()

    def action_extremes(self) -> None:
        self._extremes = not self._extremes
        self._ask()

    def action_leave(self) -> None:
        self.dismiss()


def _lines(found: beside.Beside, now: int) -> list[Line]:
    heads = [beside.Cell(""), *(beside.Cell(one, "best") for one in beside.titles(found.runs))]
    rows = [heads, *beside.rows(found, now)]
    texts = [[_cut(cell.text) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return [
        [
            Span(
                (text.rjust(width) if at else text.ljust(width)) + "  ",
                table.style(text, cell.kind),
            )
            for at, (text, width, cell) in enumerate(zip(texts_, widths, row, strict=True))
        ]
        for texts_, row in zip(texts, rows, strict=True)
    ]


def _cut(text: str) -> str:
    shown = escape(text)
    return shown if len(shown) <= _WIDEST else f"{shown[: _WIDEST - 1]}…"
