"""The application: one repository, its screens, and what is asked and said across threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.message import Message

from git_exp.index.search import Indexed
from git_exp.run import Run
from git_exp.tui.detail import Detail
from git_exp.tui.grid import Grid
from git_exp.tui.lines import Lines
from git_exp.tui.runs import Runs

# The first screen has no dialogs: what they need comes when one is opened.
if TYPE_CHECKING:
    from git_exp.tui.acting import Acts
    from git_exp.tui.asking import Answer, Dialog


def micros() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1_000


class Browser(App[None]):
    """The runs of a repository."""

    TITLE = "git exp"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "keys", "all keys", show=False),
        Binding("q,ctrl+c", "leave", "quit", show=False),
        # In dialogs too.
        Binding("ctrl+q", "leave", "quit from anywhere", show=False, priority=True),
    ]

    class Acted(Message):
        """An act is over, from its thread."""

        def __init__(self, said: str, style: str) -> None:
            super().__init__()
            self.said, self.style = said, style

    class Told(Message):
        """Something is to be said, from any thread."""

        def __init__(self, said: str, style: str) -> None:
            super().__init__()
            self.said, self.style = said, style

    class Asked(Message):
        """A thread waits for an answer."""

        def __init__(self, make: Callable[[], Dialog], given: Future[Answer]) -> None:
            super().__init__()
            self.make, self.given = make, given

    def __init__(self, store: Indexed, first: Sequence[Run] = (), where: str | None = None) -> None:
        super().__init__()
        self.store = store
        self.clock = micros
        self._first, self._where = first, where
        self._waiting: set[Future[Answer]] = set()

    @cached_property
    def acts(self) -> Acts:
        """What is done beside the screen."""
        from git_exp.tui.acting import Acts

        return Acts(self)

    @property
    def runs(self) -> Runs:
        """The screen of the table."""
        found = self.screen_stack[0] if len(self.screen_stack) == 1 else self.screen_stack[1]
        assert isinstance(found, Runs)
        return found

    def on_mount(self) -> None:
        self.push_screen(Runs(self.store, lambda: self.clock(), self._first, self._where))

    def say(self, text: str, style: str = "") -> None:
        """Say something in the line that is for it; any thread may."""
        self.post_message(self.Told(text, style))

    def ask(self, make: Callable[[], Dialog], given: Future[Answer]) -> None:
        """Ask the user for a thread that then waits for the answer."""
        self.post_message(self.Asked(make, given))

    def on_browser_told(self, event: Told) -> None:
        self.runs.say(event.said, event.style)

    def on_browser_acted(self, event: Acted) -> None:
        self.acts.running = None
        self.runs.say(event.said, event.style)
        self.runs.changed()
        # What an action printed by programs of its own may stand on the screen.
        self.refresh(layout=True)

    def on_browser_asked(self, event: Asked) -> None:
        given = event.given
        self._waiting.add(given)

        def answered(answer: Answer) -> None:
            self._waiting.discard(given)
            given.set_result(answer)

        self.push_screen(event.make(), answered)

    def action_keys(self) -> None:
        from git_exp.tui.keys import Keys

        groups = [
            ("Everywhere", self.BINDINGS),
            ("Runs", [*Grid.BINDINGS, *Runs.BINDINGS]),
            ("Tabs", [*Detail.BINDINGS, *Lines.BINDINGS]),
        ]
        self.push_screen(Keys(groups))

    def action_leave(self) -> None:
        if self.acts.running is None:
            self._leave()
            return

        from git_exp.tui.asking import Check

        def confirmed(answer: Answer) -> None:
            if answer is True:
                self._leave()

        self.push_screen(Check(f"'{self.acts.running}' is still running. Quit anyway?"), confirmed)

    def _leave(self) -> None:
        for given in self._waiting:
            # Who is asked and leaves has cancelled.
            given.set_result(None)
        self._waiting.clear()
        self.exit()
