"""The table of runs, of which only the rows on the screen are drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from git_exp import columns, table
from git_exp.run import Run
from git_exp.tui import lines
from git_exp.tui.rows import Order, Rows
from git_exp.visible import escape

_GAP = 2
_GUTTER = 2
_WIDEST = {"name": 40, "param": 24, "metric": 16}
# Ages change while one looks: they have room for all that they usually say.
_AGE = 14
MARK = "●"


class Grid(ScrollView, can_focus=True):
    """The runs, one a row, below headings that stay; one row is the selected one."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"grid--head", "grid--cursor", "grid--sorted"}
    DEFAULT_CSS = """
    Grid > .grid--head { text-style: bold; background: $panel; }
    Grid > .grid--sorted { text-style: bold underline; background: $panel; }
    Grid > .grid--cursor { background: $surface-lighten-2; }
    Grid:focus > .grid--cursor { background: $primary-darken-2; text-style: bold; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "next run", show=False),
        Binding("k,up", "move(-1)", "previous run", show=False),
        Binding("ctrl+d,pagedown", "leaf(1)", "a page down", show=False),
        Binding("ctrl+u,pageup", "leaf(-1)", "a page up", show=False),
        Binding("g,home", "go(0)", "first run", show=False),
        Binding("G,end", "go(-1)", "last run", show=False),
        Binding("h,left", "scroll_left", "scroll to the left", show=False),
        Binding("l,right", "scroll_right", "scroll to the right", show=False),
        Binding("space", "mark", "mark the run to compare it", show=False),
    ]

    class Picked(Message):
        """Another run is the selected one, or it is not as it was."""

    class Marked(Message):
        """Another run is marked, or one no more."""

    class Headed(Message):
        """Somebody clicked on a heading."""

        def __init__(self, at: int) -> None:
            super().__init__()
            self.at = at

    def __init__(self, clock: Callable[[], int]) -> None:
        super().__init__()
        self._clock = clock
        self.rows = Rows()
        self.order: Order | None = None
        self.at = 0
        self.marks: dict[str, Run] = {}
        self.nothing = ""
        self._widths: list[int] = []

    @property
    def run(self) -> Run | None:
        """The selected run."""
        return self.rows.runs[self.at] if self.at < len(self.rows.runs) else None

    def show(self, rows: Rows, order: Order | None = None) -> None:
        """Show rows; the selected run stays where it is on the screen, if it is among them."""
        before, offset = self.run, self.at - round(self.scroll_y)
        known = zip(self.rows.columns, self._widths, strict=True)
        widths = dict(known)
        self.rows, self.order = rows, order
        self._widths = [widths.get(one, _least(one)) for one in rows.columns]
        self.marks = {run.id: run for run in rows.runs if run.id in self.marks} | self._hidden(rows)
        self.at = _place(rows.runs, before, self.at)
        self._fit(_sample(rows.runs))
        stays = before is not None and self.run is not None and self.run.id == before.id
        if stays and 0 <= offset < self._height:
            self.scroll_to(y=max(self.at - offset, 0), animate=False, immediate=True)
        else:
            self._follow()
        self.refresh()
        if before is not self.run:
            self.post_message(self.Picked())

    def _hidden(self, rows: Rows) -> dict[str, Run]:
        # What a filter hides stays marked: one marks in several lists.
        there = {run.id for run in rows.runs} if self.marks else set()
        return {run_id: run for run_id, run in self.marks.items() if run_id not in there}

    @property
    def _height(self) -> int:
        return max(self.scrollable_content_region.height - 1, 1)

    def _fit(self, runs: Sequence[Run]) -> None:
        """Make the columns wide enough for some runs."""
        now = self._clock()
        for run in runs:
            for at, text in enumerate(columns.row(run, self.rows.wanted, now)):
                self._widen(at, text)
        self.virtual_size = Size(
            _GUTTER + sum(self._widths) + _GAP * len(self._widths), len(self.rows.runs) + 1
        )

    def _widen(self, at: int, text: str) -> bool:
        kind = self.rows.columns[at].kind
        wide = min(lines.strip([lines.Span(text)]).cell_length, _WIDEST.get(kind, 30))
        if wide <= self._widths[at]:
            return False
        self._widths[at] = wide
        return True

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        at = y - 1 + self.scroll_offset.y
        x = self.scroll_offset.x
        if y == 0:
            base = self.get_component_rich_style("grid--head")
            return self._head(base).crop_extend(x, x + width, base)
        if at >= len(self.rows.runs):
            said = f"  {self.nothing}" if y == 1 and not self.rows.runs else ""
            return Strip([Segment(said)]).crop_extend(0, width, None).apply_style(self.rich_style)
        base = self.rich_style
        if at == self.at:
            base += self.get_component_rich_style("grid--cursor", partial=True)
        return self._row(self.rows.runs[at], base).crop_extend(x, x + width, base)

    def _head(self, base: Style) -> Strip:
        chosen = self.get_component_rich_style("grid--sorted")
        pieces = [Segment(" " * _GUTTER, base)]
        for wanted, column, width in zip(
            self.rows.wanted, self.rows.columns, self._widths, strict=True
        ):
            title = column.heading
            sorts = self.order is not None and self.order.column == wanted
            if sorts and self.order:
                title = f"{title}{'▼' if self.order.descending else '▲'}"
            pieces += _padded(title, width, right=column.right, style=chosen if sorts else base)
            pieces.append(Segment(" " * _GAP, base))
        return Strip(pieces)

    def _row(self, run: Run, base: Style) -> Strip:
        cells = columns.row(run, self.rows.wanted, self._clock())
        mark = MARK if run.id in self.marks else " "
        pieces = [Segment(f"{mark} ", base + lines.style("bold magenta"))]
        widened = False
        for at, (text, column) in enumerate(zip(cells, self.rows.columns, strict=True)):
            if self._widths[at] < len(text) and self._widen(at, text):
                widened = True
            style = base + lines.style(table.style(text, column.kind))
            pieces += _padded(text, self._widths[at], right=column.right, style=style)
            pieces.append(Segment(" " * _GAP, base))
        if widened:
            self.call_later(self._widened)
        return Strip(pieces)

    def _widened(self) -> None:
        self._fit(())
        self.refresh()

    def action_move(self, by: int) -> None:
        self._pick(self.at + by)

    def action_leaf(self, pages: int) -> None:
        self._pick(self.at + pages * self._height)

    def action_go(self, at: int) -> None:
        self._pick(at if at >= 0 else len(self.rows.runs) - 1)

    def action_mark(self) -> None:
        run = self.run
        if run is None:
            return
        if self.marks.pop(run.id, None) is None:
            self.marks[run.id] = run
        self.post_message(self.Marked())
        self._pick(self.at + 1)
        self.refresh()

    def unmark(self) -> None:
        """Mark none any more."""
        self.marks = {}
        self.post_message(self.Marked())
        self.refresh()

    def _pick(self, at: int) -> None:
        before = self.run
        self.at = max(0, min(at, len(self.rows.runs) - 1))
        self._follow()
        if self.run is not before:
            self.refresh()
            self.post_message(self.Picked())

    def _follow(self) -> None:
        """Scroll as little as it takes to see the selected run."""
        top = self.scroll_target_y
        top = min(max(top, self.at - self._height + 1), self.at)
        self.scroll_to(y=top, animate=False, immediate=True)

    def on_resize(self, event: events.Resize) -> None:
        self._follow()

    def on_click(self, event: events.Click) -> None:
        place = event.get_content_offset(self)
        if place is None:
            return
        if place.y == 0:
            at = self._column(place.x + self.scroll_offset.x)
            if at is not None:
                self.post_message(self.Headed(at))
        elif place.y - 1 + self.scroll_offset.y < len(self.rows.runs):
            self._pick(place.y - 1 + self.scroll_offset.y)

    def _column(self, x: int) -> int | None:
        end = _GUTTER
        for at, width in enumerate(self._widths):
            end += width + _GAP
            if x < end:
                return at
        return None

    def reveal(self, at: int) -> None:
        """Scroll sideways until a column is seen."""
        x = _GUTTER + sum(self._widths[:at]) + _GAP * at
        shown = Region(x, round(self.scroll_y), self._widths[at], 1)
        self.scroll_to_region(shown, animate=False, immediate=True)


def _padded(text: str, width: int, *, right: bool, style: Style) -> list[Segment]:
    """A cell as wide as its column: cut if need be, with a sign that it is."""
    shown = escape(text)
    if not shown.isascii():
        drawn = Strip([Segment(shown, style)])
        if drawn.cell_length > width:
            return [*drawn.crop(0, width - 1).extend_cell_length(width - 1, style),
                    Segment("…", style)]  # fmt: skip
        blank = Segment(" " * (width - drawn.cell_length), style)
        return [blank, *drawn] if right else [*drawn, blank]
    if len(shown) > width:
        shown = f"{shown[: width - 1]}…"
    return [Segment(shown.rjust(width) if right else shown.ljust(width), style)]


def _least(column: table.Column) -> int:
    # One more than its words for the sign that it is sorted by.
    least = min(len(escape(column.heading)), 30) + 1
    return max(least, _AGE) if column.kind == "age" else least


def _sample(runs: Sequence[Run]) -> Sequence[Run]:
    """Some of the runs, by which the columns get their first widths; others widen them later."""
    return [*runs[:40], *runs[40 :: max(len(runs) // 60, 1)]]


def _place(runs: Sequence[Run], before: Run | None, at: int) -> int:
    """Where a run is among others, or else where its row was."""
    if before is not None and not (at < len(runs) and runs[at].id == before.id):
        at = next((place for place, run in enumerate(runs) if run.id == before.id), at)
    return max(0, min(at, len(runs) - 1))
