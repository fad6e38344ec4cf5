"""The line in which an expression is typed."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input


class Filter(Input):
    """Where an expression is typed; Escape takes it back."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "no filter", show=False)]

    class Left(Message):
        """No filter is wanted any more."""

    def action_leave(self) -> None:
        self.post_message(self.Left())
