"""Dialogs: a question in the middle of the screen, which Escape leaves without an answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from git_exp.action.interaction import Cancelled, Interaction
from git_exp.visible import escape

if TYPE_CHECKING:
    from git_exp.tui.app import Browser

T = TypeVar("T")
Answer = str | bool | None
YES, NO = "yes", "no"


class Dialog(ModalScreen[Answer]):
    """A question; None is no answer."""

    DEFAULT_CSS = """
    Dialog { align: center middle; }
    Dialog > Vertical {
        width: 72; max-width: 95%; height: auto; max-height: 95%;
        border: round $primary; background: $surface; padding: 0 1;
    }
    Dialog Static { height: auto; }
    Dialog OptionList, Dialog OptionList:focus {
        height: auto; max-height: 16; border: none; padding: 0; background: $surface;
    }
    Dialog Input, Dialog Input:focus { border: none; height: 1; padding: 0; background: $boost; }
    Dialog .keys { color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "leave it", show=False)]
    KEYS = "Enter answers, Escape cancels"

    def __init__(self, label: str) -> None:
        super().__init__()
        self._label = escape(label, "\n")

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(self._label, markup=False)
            yield from self.asked()
            yield Static(self.KEYS, classes="keys", markup=False)

    def asked(self) -> ComposeResult:
        """What is answered with."""
        raise NotImplementedError

    def action_leave(self) -> None:
        self.dismiss(None)


class Choice(Dialog):
    """One of some texts."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "move(1)", "next", show=False),
        Binding("k", "move(-1)", "previous", show=False),
    ]

    def __init__(self, label: str, choices: Sequence[str], *, at: int = 0) -> None:
        super().__init__(label)
        self._choices = choices
        self._at = at

    def asked(self) -> ComposeResult:
        yield OptionList(*(Option(escape(one)) for one in self._choices), markup=False)

    def on_mount(self) -> None:
        self.query_one(OptionList).highlighted = self._at if self._choices else None

    def action_move(self, by: int) -> None:
        listed = self.query_one(OptionList)
        listed.action_cursor_down() if by > 0 else listed.action_cursor_up()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.answer(self._choices[event.option_index])

    def answer(self, chosen: str) -> None:
        """Give what was chosen."""
        self.dismiss(chosen)


class Check(Choice):
    """Yes or no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "say(True)", YES, show=False),
        Binding("n", "say(False)", NO, show=False),
    ]
    KEYS = "y or n, Enter answers, Escape cancels"

    def __init__(self, label: str, *, default: bool = False) -> None:
        super().__init__(label, (YES, NO), at=0 if default else 1)

    def answer(self, chosen: str) -> None:
        self.dismiss(chosen == YES)

    def action_say(self, said: bool) -> None:
        self.dismiss(said)


class Entry(Dialog):
    """Any text; nothing is the default."""

    def __init__(self, label: str, *, default: str = "") -> None:
        super().__init__(label)
        self._default = default

    def asked(self) -> ComposeResult:
        yield Input(value=escape(self._default), select_on_focus=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        typed = event.value
        self.dismiss(self._default if typed in ("", escape(self._default)) else typed)


class Dialogs(Interaction):
    """An action's questions as dialogs; it is called by the thread that executes the action."""

    def __init__(self, app: Browser) -> None:
        self._app = app

    def choice(self, key: str, label: str, choices: Sequence[str]) -> str:
        """One of some texts."""
        return self._ask(lambda: Choice(label, list(choices)), str)

    def checkbox(self, key: str, label: str, *, default: bool = False) -> bool:
        """Yes or no."""
        return self._ask(lambda: Check(label, default=default), bool)

    def text(self, key: str, label: str, *, default: str = "") -> str:
        """Any text; one that was answered by nothing is the default."""
        return self._ask(lambda: Entry(label, default=default), str)

    def _ask(self, make: Callable[[], Dialog], kind: type[T]) -> T:
        given: Future[Answer] = Future()
        self._app.ask(make, given)
        answer = given.result()
        if answer is None:
            raise Cancelled
        assert isinstance(answer, kind)
        return answer
