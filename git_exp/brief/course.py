"""The course of a metric: which runs were the best when they ended, and what came of the others."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from git_exp.index.digest import Digest, Mark
from git_exp.run import Run


class Course:
    """The measured runs, given in the order in which they ended."""

    def __init__(self, marks: Sequence[Mark], *, higher: bool) -> None:
        self.higher = higher
        self.marks = marks
        self.records = self._records()
        self._ends = [one.ended for one in self.records]

    def better(self, new: float, old: float) -> bool:
        """Whether a number beats another."""
        return new > old if self.higher else new < old

    def best(self) -> Mark | None:
        """The best, of equals that which began first: the one that `git exp best` names."""
        if not self.records:
            return None
        top = self.records[-1].value
        equal = (one for one in self.marks if one.value == top)
        return min(equal, key=lambda one: (one.started, one.id))

    def before(self, t: str) -> Mark | None:
        """The best of what had ended at a time."""
        at = bisect_right(self._ends, t)
        return self.records[at - 1] if at else None

    def is_first(self, mark: Mark) -> bool:
        """Whether no other had ended when one of them began."""
        return all(one.ended > mark.started for one in self.marks[:2] if one != mark)

    def since(self, mark: Mark) -> int:
        """How many runs ended after one of them."""
        return len(self.marks) - 1 - self.marks.index(mark)

    def near(self, best: Mark, *, within: float) -> list[tuple[float, Mark]]:
        """Those within a fraction of the best that were never it, each with how far it is."""
        top, limit = best.value, within * abs(best.value)
        least, most = top - limit, top + limit
        known = {best.id, *(one.id for one in self.records)}
        found = [one for one in self.marks if least <= one.value <= most]
        return [(abs(one.value - top), one) for one in found if one.id not in known]

    @cached_property
    def by_place(self) -> dict[int, Mark]:
        """Each by its place in the index."""
        return {one.at: one for one in self.marks}

    def median(self) -> float:
        """The number in the middle."""
        numbers = sorted(one.value for one in self.marks)
        middle = len(numbers) // 2
        return numbers[middle] if len(numbers) % 2 else (numbers[middle - 1] + numbers[middle]) / 2

    def _records(self) -> list[Mark]:
        found: list[Mark] = []
        sign = 1 if self.higher else -1
        top = float("-inf")
        for one in self.marks:
            if sign * one.value > top:
                found.append(one)
                top = sign * one.value
        return found


class Top(NamedTuple):
    """The best run, and where it was found."""

    digest: Digest
    course: Course
    mark: Mark
    run: Run
