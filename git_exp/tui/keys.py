"""The list of all keys, made from the keys themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from git_exp.tui.lines import Line, Lines, Span

Group = tuple[str, Sequence[BindingType]]
_SIGNS = {
    "question_mark": "?", "slash": "/", "less_than_sign": "<", "greater_than_sign": ">",
    "plus": "+", "right_square_bracket": "]", "left_square_bracket": "[",
}  # fmt: skip


class Keys(ModalScreen[None]):
    """All keys, by where they work."""

    DEFAULT_CSS = """
    Keys { align: center middle; }
    Keys > Vertical {
        width: 76; max-width: 95%; height: 90%;
        border: round $primary; background: $surface; padding: 0 1;
    }
    Keys Static { height: 1; color: $text-muted; }
    Keys Lines { height: 1fr; background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "leave", "leave this list", show=False)
    ]

    def __init__(self, groups: Sequence[Group]) -> None:
        super().__init__()
        self._groups = groups

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Lines()
            yield Static("Escape leaves this list", markup=False)

    def on_mount(self) -> None:
        page = self.query_one(Lines)
        page.show([line for group in self._groups for line in _told(group)])
        page.focus()

    def action_leave(self) -> None:
        self.dismiss()


def _told(group: Group) -> list[Line]:
    title, bindings = group
    found = [one for one in bindings if isinstance(one, Binding) and one.description]
    lines: list[Line] = [[Span(title, "bold")]]
    lines += [[Span(f"  {_keys(one):<18}", "cyan"), Span(one.description)] for one in found]
    return [*lines, []]


def _keys(binding: Binding) -> str:
    return " ".join(_SIGNS.get(key, key) for key in binding.key.split(","))
