"""The selected run in tabs, loaded beside the screen: what is late for another run is dropped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rich.segment import Segment
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from git_exp import query
from git_exp.index.search import Indexed
from git_exp.run import Run
from git_exp.tui.lines import Line, Lines, Span, style
from git_exp.visible import escape

# Nobody looks at actions first.
if TYPE_CHECKING:
    from textual.widgets import OptionList

    from git_exp.action.offered import Offered

TABS = ("Overview", "Metrics", "Code", "Output", "Records", "Actions")
# Who scrolls over many runs does not load each of them.
_PAUSE = 0.06


class Wanted(NamedTuple):
    """What is to be shown: a tab of a run, as it was read; `number` tells one wish from another."""

    run: Run
    tab: str
    number: int


class Bar(Widget):
    """The tabs in one line, and the run they are of."""

    DEFAULT_CSS = "Bar { height: 1; background: $panel; }"

    class Chosen(Message):
        """Somebody clicked on a tab."""

        def __init__(self, tab: str) -> None:
            super().__init__()
            self.tab = tab

    def __init__(self) -> None:
        super().__init__()
        self.tab, self.title = TABS[0], ""

    def show(self, tab: str, title: str) -> None:
        """Name the tab that is open, and the run."""
        self.tab, self.title = tab, title
        self.refresh()

    def render_line(self, y: int) -> Strip:
        pieces = []
        for number, tab in enumerate(TABS, 1):
            words = "reverse bold" if tab == self.tab else ""
            pieces += [Segment(f" {number} {tab} ", style(words)), Segment(" ")]
        pieces.append(Segment(f" {escape(self.title)}", style("yellow")))
        return Strip(pieces).crop_extend(0, self.size.width, None).apply_style(self.rich_style)

    def on_click(self, event: events.Click) -> None:
        end = 0
        for number, tab in enumerate(TABS, 1):
            end += len(f" {number} {tab} ") + 1
            if event.x < end:
                self.post_message(self.Chosen(tab))
                return


class Detail(Vertical):
    """One run: the bar of tabs, and below it what the open one tells."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right_square_bracket", "turn(1)", "next tab", show=False),
        Binding("left_square_bracket", "turn(-1)", "previous tab", show=False),
    ]

    class Loaded(Message):
        """A page is there, from the thread that made it."""

        def __init__(
            self, wanted: Wanted, lines: Sequence[Line], actions: Sequence[Offered]
        ) -> None:
            super().__init__()
            self.wanted, self.lines, self.actions = wanted, lines, actions

    class Chosen(Message):
        """An action is to be executed."""

        def __init__(self, action: Offered) -> None:
            super().__init__()
            self.action = action

    def __init__(self, store: Indexed, clock: Callable[[], int]) -> None:
        super().__init__()
        self._store, self._clock = store, clock
        self.tab = TABS[0]
        self.run: Run | None = None
        self._actions: Sequence[Offered] = ()
        self._shown: tuple[str, str] | None = None
        self._number = 0
        self._timer: Timer | None = None
        self._busy: Wanted | None = None

    def compose(self) -> ComposeResult:
        yield Bar()
        yield Lines(id="page")

    @property
    def pending(self) -> bool:
        """Whether what is shown is not yet what was asked for."""
        return self._timer is not None or self._busy is not None

    def show(self, run: Run | None, tab: str | None = None) -> None:
        """Show a run, in the tab that is open or in another; the same run is read again."""
        self.run = run
        self.tab = tab or self.tab
        self._number += 1
        title = f"{query.short(run.id)} {run.name}" if run else ""
        self.query_one(Bar).show(self.tab, title)
        if self._now != self._shown:
            # Never what was another run's below this one's name.
            self._shown, self._actions = None, ()
            self.query_one(Lines).show([[Span("…", "dim")]] if run else [])
        self._arrange()
        if self._timer:
            self._timer.stop()
        self._timer = self.set_timer(_PAUSE, self._load) if run else None

    @property
    def _now(self) -> tuple[str, str] | None:
        return (self.run.id, self.tab) if self.run else None

    def _arrange(self) -> None:
        acts = self.tab == "Actions" and bool(self._actions)
        had = self.has_focus_within
        self.query_one(Lines).display = not acts
        for listed in self.query("Offers"):
            listed.display = acts
        if had:
            self.focus_page()

    def focus_page(self) -> None:
        """Put the keys to what the open tab shows."""
        for page in self.query("Lines, Offers"):
            if page.display:
                page.focus()

    def _load(self) -> None:
        self._timer = None
        # One thread at a time: the next one starts when it is done.
        if self._busy or self.run is None:
            return
        wanted = self._busy = Wanted(self.run, self.tab, self._number)
        width = self.query_one(Lines).scrollable_content_region.width or self.size.width
        self.run_worker(
            lambda: self._read(wanted, width), thread=True, group="page", exit_on_error=False
        )

    def _read(self, wanted: Wanted, width: int) -> None:
        from git_exp.action import offered
        from git_exp.tui import pages

        lines: list[Line] = []
        actions: list[Offered] = []
        try:
            if wanted.tab == "Actions":
                own = offered.listed(self._store, wanted.run)
                actions = [*own, *offered.shipped(wanted.run, own)]
                lines = [] if actions else [[Span("this run offers no actions", "dim")]]
            else:
                view = pages.View(width, self._clock())
                lines = list(pages.PAGES[wanted.tab](self._store, wanted.run, view))
        except Exception as error:
            # Whatever cannot be shown of a run, the others can: the screen stays.
            lines = pages.failed(error)
        self.post_message(self.Loaded(wanted, lines, actions))

    async def on_detail_loaded(self, event: Loaded) -> None:
        event.stop()
        self._busy = None
        if self.run is None:
            return
        if event.wanted.number != self._number and not self._timer:
            self._timer = self.set_timer(_PAUSE, self._load)
        if (event.wanted.run.id, event.wanted.tab) != self._now:
            return
        again = self._shown == self._now
        self._shown = self._now
        self.query_one(Lines).show(event.lines, again=again)
        if event.actions != self._actions:
            await self._list(event.actions)
        self._arrange()

    async def _list(self, actions: Sequence[Offered]) -> None:
        from textual.widgets.option_list import Option

        from git_exp.tui.offers import Offers

        self._actions = actions
        if not self.query(Offers):
            await self.mount(Offers(markup=False))
        listed = self.query_one(Offers)
        at = listed.highlighted or 0
        listed.clear_options()
        listed.add_options([Option(self._told(one)) for one in actions])
        listed.highlighted = min(at, len(actions) - 1) if actions else None

    def _told(self, action: Offered) -> str:
        results = [one for one in action.run.results if one.id == action.id]
        last = f"  [{results[-1].outcome}]" if results else ""
        return escape(f"{action.description or action.cls}  ({action.cls}){last}")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(self.Chosen(self._actions[event.option_index]))

    def on_bar_chosen(self, event: Bar.Chosen) -> None:
        event.stop()
        self.show(self.run, event.tab)

    def action_turn(self, by: int) -> None:
        self.show(self.run, TABS[(TABS.index(self.tab) + by) % len(TABS)])
