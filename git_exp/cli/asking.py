"""Questions of an action on the terminal."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from git_exp.action.interaction import Cancelled, Interaction
from git_exp.cli import output

if TYPE_CHECKING:
    from rich.text import Text


def there() -> bool:
    """Whether somebody can answer: a terminal to read from, and one to ask on."""
    return sys.stdin.isatty() and sys.stderr.isatty()


class Terminal(Interaction):
    """Asks on the terminal; Ctrl-C and the end of input cancel."""

    def choice(self, key: str, label: str, choices: Sequence[str]) -> str:
        """One of some texts, by its number or by itself."""
        listed = list(choices)
        for at, one in enumerate(listed, 1):
            output.say(f"  {at}) {one}")
        numbers = {str(at): one for at, one in enumerate(listed, 1)}
        given = _asked(
            lambda ask: ask.Prompt.ask(
                _text(label), choices=[*listed, *numbers], show_choices=False, console=_console()
            )
        )
        # A choice that is a number means itself.
        return str(given) if given in listed else numbers[given]

    def checkbox(self, key: str, label: str, *, default: bool = False) -> bool:
        """Yes or no."""
        return bool(
            _asked(lambda ask: ask.Confirm.ask(_text(label), default=default, console=_console()))
        )

    def text(self, key: str, label: str, *, default: str = "") -> str:
        """Any text; nothing is the default."""
        # The default may be anybody's: rich would write it as it is.
        asked = f"{label.rstrip(': ')} ({default})"
        given = _asked(
            lambda ask: ask.Prompt.ask(
                _text(asked if default else label),
                default=default,
                show_default=False,
                console=_console(),
            )
        )
        return str(given)


def _asked(question: Callable[[Any], Any]) -> Any:
    from rich import prompt

    try:
        return question(prompt)
    except (KeyboardInterrupt, EOFError):
        # git passes Ctrl-C on to its commands, which have had it from the terminal already.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.stderr.write("\n")
        raise Cancelled from None


def _text(label: str) -> Text:
    from rich.text import Text

    return Text(output.escape(label).rstrip(": "))


def _console() -> object:
    from rich.console import Console

    return Console(stderr=True)
