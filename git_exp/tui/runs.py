"""The screen of the runs: the table, its filter, the tabs of the selected run, and what is said."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static

from git_exp import errors, query
from git_exp.index.search import Indexed
from git_exp.run import Run
from git_exp.tui import rows
from git_exp.tui.detail import TABS, Detail
from git_exp.tui.grid import Grid
from git_exp.tui.rows import Asked, Order, Rows, Source
from git_exp.visible import escape

# The first screen has no filter: what it needs comes when somebody types one.
if TYPE_CHECKING:
    from textual.widgets import Input

    from git_exp.tui.app import Browser
    from git_exp.tui.filtering import Filter

_FIRST = 0.05
_EACH = 1.0
_AGES = 20.0
_TYPING = 0.15
# Of the time at most so much goes into looking for what has changed.
_SHARE = 5
_LOW = 16
_HINT = "? keys  / filter  s sort  space mark  c compare  o check out  q quit"


class Runs(Screen[None]):
    """The runs of the repository, and one of them in tabs."""

    CSS = """
    Runs > Grid { height: 3fr; }
    Runs > Detail { height: 2fr; min-height: 5; }
    Runs Detail > Lines, Runs Detail > Offers, Runs Detail > Offers:focus {
        height: 1fr; border: none; background: $background; padding: 0;
    }
    Runs > Filter { display: none; height: 1; border: none; padding: 0 1; background: $boost; }
    Runs > #wrong, Runs > #said { display: none; height: auto; max-height: 3; padding: 0 1; }
    Runs > #state { height: 1; background: $panel; padding: 0 1; }
    Runs.-filtering > Filter { display: block; }
    Runs.-wrong > #wrong, Runs.-said > #said { display: block; }
    Runs.-low > Detail, Runs.-whole > Detail { display: none; }
    Runs.-low.-inside > Detail, Runs.-whole.-inside > Detail { display: block; }
    Runs.-low.-inside > Grid, Runs.-whole.-inside > Grid { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "inside(True)", "to the tabs of the run", show=False),
        Binding("tab", "inside", "table or tabs", show=False, priority=True),
        Binding("escape", "back", "back; no filter, no marks", show=False),
        Binding("slash", "filter", "filter by an expression: git-exp-query(7)", show=False),
        Binding("s", "sort", "sort by a column", show=False),
        Binding("less_than_sign", "sort_by(-1)", "sort by the column before", show=False),
        Binding("greater_than_sign", "sort_by(1)", "sort by the next column", show=False),
        Binding("r", "reverse", "sort the other way", show=False),
        Binding("c", "compare", "compare the marked runs", show=False),
        Binding("o", "check_out", "check out the code of the run", show=False),
        Binding("f", "fetch", "fetch the code of the run from a remote", show=False),
        Binding("y", "copy", "copy the id of the run", show=False),
        Binding("plus", "whole", "one half on the whole screen", show=False),
        *(Binding(str(at), f"tab('{tab}')", tab, show=False) for at, tab in enumerate(TABS, 1)),
    ]

    class Found(Message):
        """The rows that were asked for, none if they are the same, or why there are none."""

        def __init__(self, asked: Asked, found: Rows | None, error: Exception | None) -> None:
            super().__init__()
            self.asked, self.found, self.error = asked, found, error

    def __init__(
        self, store: Indexed, clock: Callable[[], int], first: Sequence[Run], where: str | None
    ) -> None:
        super().__init__()
        self._source = Source(store)
        self._store, self._clock = store, clock
        self._first = first
        # What is shown, and what is asked for: that may turn out to be wrong.
        self._good = self._asked = Asked(where)
        # The first look is still to come.
        self._busy = True
        self._again = False
        self._idle_until = 0.0
        self._typing: Timer | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="wrong", markup=False)
        yield Grid(self._clock)
        yield Detail(self._store, self._clock)
        yield Static(id="said", markup=False)
        yield Static(id="state", markup=False)

    def on_mount(self) -> None:
        if self._asked.where:
            self._open_filter()
        self._show_nothing(self._asked.where)
        self._grid.show(rows.of(self._first))
        self._tell()
        self._grid.focus()
        # When the first screen is painted, and not before.
        self.set_timer(_FIRST, self._begin)
        self.set_interval(_EACH, self._tick)
        self.set_interval(_AGES, lambda: self._grid.refresh())

    @property
    def _grid(self) -> Grid:
        return self.query_one(Grid)

    @property
    def _detail(self) -> Detail:
        return self.query_one(Detail)

    @property
    def _browser(self) -> Browser:
        return cast("Browser", self.app)

    @property
    def pending(self) -> bool:
        """Whether what is shown is not yet what was asked for."""
        return self._busy or self._typing is not None or self._detail.pending

    def say(self, text: str, style: str = "") -> None:
        """Say something until something else is said, or Escape is pressed."""
        self.query_one("#said", Static).update(Text(escape(text), style))
        self.set_class(bool(text), "-said")

    def changed(self) -> None:
        """Look again at what may have changed by what was done here."""
        self._look()
        self._detail.show(self._grid.run)

    def _tick(self) -> None:
        run = self._grid.run
        if run and run.live and self._detail.tab == "Output" and not self._detail.pending:
            self._detail.show(run)
        if time.monotonic() >= self._idle_until:
            self._look()

    def _begin(self) -> None:
        self._busy = False
        self._look()

    def _look(self, asked: Asked | None = None) -> None:
        """Ask for rows in a thread; a wish that comes meanwhile has its turn afterwards."""
        self._asked = asked or self._asked
        if self._busy:
            self._again = self._again or asked is not None
            return
        self._busy = True
        wish = self._asked
        self.run_worker(lambda: self._read(wish), thread=True, group="rows", exit_on_error=False)

    def _read(self, asked: Asked) -> None:
        found, error = None, None
        try:
            found = self._source.look(asked)
        except Exception as caught:
            # A wrong expression, or a repository that fails just now: what is shown stays.
            error = caught
        self.post_message(self.Found(asked, found, error))

    def on_runs_found(self, event: Found) -> None:
        self._busy = False
        self._idle_until = time.monotonic() + self._source.took * _SHARE
        if self._again:
            self._again = False
            self._look()
        if event.error is None:
            self._good = event.asked
        elif event.asked == self._asked:
            # It is told once; what is followed is what is shown.
            self._asked = self._good
        if event.asked == self._asked or event.error:
            self._wrong(event.error)
        if event.found is not None:
            self._keep(event.found)
            self._show_nothing(event.asked.where)
            self._grid.show(event.found, event.asked.order)
        self._tell()

    def _show_nothing(self, where: str | None) -> None:
        """What to say where there is no run."""
        self._grid.nothing = "no run fits" if where else "no runs yet: git exp run COMMAND"

    def _keep(self, found: Rows) -> None:
        """Look for no garbage among runs that were read anew."""
        before = self._grid.rows.runs
        if found.runs and not (before and found.runs[-1] is before[-1]):
            # Among 10,000 that takes a fifth of a second, in which nobody scrolls. Not at each
            # look: what is garbage now would stay.
            gc.freeze()

    def _wrong(self, error: Exception | None) -> None:
        hint = (error.hint or "") if isinstance(error, errors.GitExpError) else ""
        near = next((one for one in hint.splitlines() if one.startswith("did you mean")), "")
        said = f"{error}{f': {near}' if near else ''}" if error else ""
        if not error and self._typing:
            return
        self.query_one("#wrong", Static).update(Text(escape(said), "red"))
        self.set_class(bool(said), "-wrong")

    def _tell(self) -> None:
        count = len(self._grid.rows.runs)
        said = [f"{count:,} run{'' if count == 1 else 's'}"]
        if self._grid.marks:
            said.append(f"{len(self._grid.marks)} marked")
        if self._good.where:
            said.append(f"where {self._good.where}")
        if order := self._good.order:
            said.append(f"by {order.column.name or 'mark'} {'▼' if order.descending else '▲'}")
        left = Text(escape(", ".join(said)), no_wrap=True, overflow="ellipsis")
        self.query_one("#state", Static).update(left.append(f"   {_HINT}", "dim"))

    def on_grid_picked(self) -> None:
        self._detail.show(self._grid.run)

    def on_grid_marked(self) -> None:
        self._tell()

    def on_grid_headed(self, event: Grid.Headed) -> None:
        self._sort(event.at)

    def on_detail_chosen(self, event: Detail.Chosen) -> None:
        from git_exp.tui import acting

        acting.execute(self._browser, event.action)

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.height < _LOW, "-low")

    # The filter.

    def action_filter(self) -> None:
        # At once, not when all else is done: whoever sees the line may type into it.
        self.set_focus(self._open_filter())

    def _open_filter(self) -> Filter:
        from git_exp.tui.filtering import Filter

        self.add_class("-filtering")
        for there in self.query(Filter):
            return there
        made = Filter(
            self._asked.where or "", placeholder="acc > 0.9 and lr <= 0.01", select_on_focus=False
        )
        self.mount(made, before=0)
        return made

    @property
    def _typed(self) -> str:
        for there in self.query("Filter"):
            return str(getattr(there, "value", "")).strip()
        return ""

    def on_input_changed(self, event: Input.Changed) -> None:
        if self._typing:
            self._typing.stop()
        self._typing = self.set_timer(_TYPING, self._settle)

    def _settle(self) -> None:
        self._typing = None
        where = self._typed or None
        if where != self._asked.where:
            self._look(self._asked._replace(where=where))
        else:
            self._wrong(None)

    def on_input_submitted(self) -> None:
        self._grid.focus()
        self.set_class(bool(self._typed), "-filtering")

    def on_filter_left(self) -> None:
        self._open_filter().value = ""
        self.remove_class("-filtering")
        self._grid.focus()

    # The order.

    def action_sort(self) -> None:
        from git_exp.tui.asking import Choice

        headings = [one.heading or "(mark)" for one in self._grid.rows.columns]
        names = ["newest first", *headings]

        def chosen(answer: str | bool | None) -> None:
            if isinstance(answer, str):
                self._sort(names.index(answer) - 1)

        self.app.push_screen(Choice("Sort by", names, at=self._sorted() + 1), chosen)

    def action_sort_by(self, by: int) -> None:
        count = len(self._grid.rows.wanted)
        if count:
            self._sort((self._sorted() + 1 + by) % (count + 1) - 1)

    def action_reverse(self) -> None:
        if order := self._asked.order:
            order = order._replace(descending=not order.descending)
            self._look(self._asked._replace(order=order))

    def _sorted(self) -> int:
        """The column that the rows are sorted by; -1 where they are newest first."""
        wanted = self._grid.rows.wanted
        order = self._asked.order
        return list(wanted).index(order.column) if order and order.column in wanted else -1

    def _sort(self, at: int) -> None:
        """By a column, numbers with the greatest first; by the one it is already, the other way."""
        if at < 0:
            self._look(self._asked._replace(order=None))
            return
        if at == self._sorted():
            self.action_reverse()
            return
        column = self._grid.rows.wanted[at]
        numbers = column.key is not None and column.key.kind == "metric"
        ways = self._store.ways() if numbers else None
        down = query.higher_is_better(column.name, ways) if numbers else column.name == "age"
        self._look(self._asked._replace(order=Order(column, down)))
        self._grid.reveal(at)

    # What is done with runs.

    def action_compare(self) -> None:
        from git_exp.tui.comparing import Comparison

        marked = list(self._grid.marks.values())
        if len(marked) == 1 and self._grid.run and self._grid.run.id not in self._grid.marks:
            marked.append(self._grid.run)
        if len(marked) < 2:
            self.say("mark two runs or more with space", "yellow")
            return
        self.app.push_screen(Comparison(self._store, marked, self._clock))

    def action_check_out(self) -> None:
        from git_exp.tui import acting

        if run := self._grid.run:
            acting.check_out(self._browser, run)

    def action_fetch(self) -> None:
        from git_exp.tui import acting

        if run := self._grid.run:
            acting.fetch(self._browser, run)

    def action_copy(self) -> None:
        if run := self._grid.run:
            self.app.copy_to_clipboard(run.id)
            self.say(f"copied {run.id}")

    # Where one is.

    def action_tab(self, tab: str) -> None:
        self._detail.show(self._grid.run, tab)
        if not self._detail.display:
            self.action_inside(True)

    def action_inside(self, inside: bool | None = None) -> None:
        inside = not self.has_class("-inside") if inside is None else inside
        self.set_class(inside, "-inside")
        if inside:
            self._detail.focus_page()
        else:
            self._grid.focus()

    def action_whole(self) -> None:
        self.toggle_class("-whole")

    def action_back(self) -> None:
        if self.has_class("-inside"):
            self.action_inside(False)
        elif self.has_class("-said"):
            self.say("")
        elif self.has_class("-filtering"):
            self.on_filter_left()
        else:
            self._grid.unmark()
