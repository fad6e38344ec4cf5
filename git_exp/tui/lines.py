"""Text of any length, of which only the lines on the screen are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from git_exp.visible import escape

# A longer line is cut: nobody reads it here, and to draw it would take too long.
LONGEST = 4_000


class Span(NamedTuple):
    """Text with a style such as "bold red"; it is escaped when it is drawn, and never markup."""

    text: str
    style: str = ""


Line = Sequence[Span]


@lru_cache(maxsize=256)
def style(words: str) -> Style:
    """A style by its words."""
    return Style.parse(words)


def strip(line: Line) -> Strip:
    """A line as it is drawn, with nothing in it that a terminal takes for an order."""
    return Strip(
        Segment(escape(span.text[:LONGEST].expandtabs(8)), style(span.style)) for span in line
    )


class Lines(ScrollView, can_focus=True):
    """Lines to scroll through."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "scroll_down", "a line down", show=False),
        Binding("k,up", "scroll_up", "a line up", show=False),
        Binding("h,left", "scroll_left", "to the left", show=False),
        Binding("l,right", "scroll_right", "to the right", show=False),
        Binding("ctrl+d,pagedown", "page_down", "a page down", show=False),
        Binding("ctrl+u,pageup", "page_up", "a page up", show=False),
        Binding("g,home", "scroll_home", "to the start", show=False),
        Binding("G,end", "scroll_end", "to the end", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: Sequence[Line] = ()

    @property
    def text(self) -> str:
        """All of it, as it is drawn."""
        return "\n".join(strip(line).text for line in self._lines)

    def show(self, lines: Sequence[Line], *, again: bool = False) -> None:
        """Show lines from their start; `again`, where one was, or at the end if one was there."""
        at_end = again and bool(self._lines) and self.scroll_y >= self.max_scroll_y > 0
        self._lines = lines
        width = max((sum(_width(span.text) for span in line) for line in lines), default=0)
        self.virtual_size = Size(width, len(lines))
        if at_end:
            self.scroll_end(animate=False, immediate=True)
        elif not again:
            self.scroll_to(0, 0, animate=False, immediate=True)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        at = y + self.scroll_offset.y
        drawn = strip(self._lines[at]) if at < len(self._lines) else Strip([])
        x, width = self.scroll_offset.x, self.scrollable_content_region.width
        return drawn.crop_extend(x, x + width, None).apply_style(self.rich_style)


def _width(text: str) -> int:
    # Escaped or wide signs take more: a little more room to scroll does no harm.
    return min(len(text), LONGEST) * (1 if text.isascii() and text.isprintable() else 2)
