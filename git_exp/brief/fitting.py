"""A budget filled by priority: a section is told whole, shortened to fewer items, or left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

CHARACTERS = 4


class Section(NamedTuple):
    """Lines below a title, which has no line of its own where it is empty.

    The first line is worth `rank`, the next `step` more, and so on: less comes first, in all
    sections. `omitted` are lines that nobody has; `middle` says that they are missing before the
    last lines; `ours` that no word in it is somebody else's.
    """

    title: str
    lines: Sequence[str]
    rank: float
    step: float = 1.0
    omitted: int = 0
    middle: bool = False
    ours: bool = False

    def quotes(self, at: int) -> bool:
        """Whether a line of it, or the title above that, has words of others in quotes."""
        return not self.ours and ('"' in self.lines[at] or '"' in self.title)


class _Filled:
    """A section with as many of its lines as were taken."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.count = 0

    def text(self, count: int) -> str:
        one = self.section
        if not count:
            return ""
        left = len(one.lines) - count + one.omitted
        gap = [f"(+{left} more)"] if left else []
        head = [one.title] if one.title else []
        if one.middle and count > 1:
            shown = [one.lines[0], *gap, *one.lines[len(one.lines) - count + 1 :]]
        else:
            shown = [*one.lines[:count], *gap]
        return "".join(f"{each}\n" for each in (*head, *shown))


def fitted(sections: Sequence[Section], budget: int, *, notice: str = "") -> str:
    """The sections in their order with as many lines as fit into so many tokens.

    The notice stands above them as soon as any line has words of others in quotes.
    """
    filled = [_Filled(one) for one in sections if one.lines]
    left = budget * CHARACTERS
    head = ""
    for one, at in _ranked(filled):
        # Where a line did not fit, none after it is tried: a list has no holes.
        if one.count < at:
            continue
        above = f"{notice}\n" if notice and not head and one.section.quotes(at) else ""
        cost = len(above) + len(one.text(at + 1)) - len(one.text(at))
        if cost <= left:
            one.count, left, head = at + 1, left - cost, head or above
    return head + "".join(one.text(one.count) for one in filled)


def _ranked(filled: Sequence[_Filled]) -> list[tuple[_Filled, int]]:
    every = [(one, at) for one in filled for at in range(len(one.section.lines))]
    return sorted(every, key=lambda pair: pair[0].section.rank + pair[0].section.step * pair[1])
