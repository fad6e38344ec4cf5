"""The list of what a run offers to do."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import OptionList


class Offers(OptionList):
    """The actions of a run, one of which can be chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "next action", show=False),
        Binding("k", "cursor_up", "previous action", show=False),
        Binding("g", "first", "first action", show=False),
        Binding("G", "last", "last action", show=False),
    ]
