"""A long course of numbers in few points: the first, the last, the least and the greatest stay."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import chain

from git_exp import points
from git_exp.points import Point


class Thinned:
    """Points in the order they came, no more than `limit` of them, in constant memory.

    Of each stretch of equal count the lowest and the highest point are kept. All are kept while
    they are few enough.
    """

    def __init__(self, limit: int) -> None:
        self._limit = max(limit, 4)
        self._whole: list[Point] = []
        self._stretches: list[list[Point]] = []
        self._stride = 1
        self._last: Point | None = None
        self.count = 0
        self.odd = 0

    def add(self, point: Point) -> None:
        """One more point."""
        if self.count < self._limit:
            self._whole.append(point)
        if self.count % self._stride == 0:
            self._open()
        self._stretches[-1] = _extremes((*self._stretches[-1], point))
        self._last = point
        self.count += 1
        self.odd += not math.isfinite(points.number(point.value))

    def kept(self) -> list[Point]:
        """The points that were kept."""
        if self._last is None or self.count <= self._limit:
            return self._whole
        found = list(chain.from_iterable(self._stretches))
        # The ends of the course are its own, whether or not they are extremes.
        head = [] if found[0] is self._whole[0] else [self._whole[0]]
        tail = [] if found[-1] is self._last else [self._last]
        return [*head, *found, *tail]

    def _open(self) -> None:
        if len(self._stretches) == (self._limit - 2) // 2:
            self._stretches = list(_joined(self._stretches))
            self._stride *= 2
            if self.count % self._stride:
                return
        self._stretches.append([])


def _joined(stretches: list[list[Point]]) -> Iterator[list[Point]]:
    for at in range(0, len(stretches), 2):
        yield _extremes(chain.from_iterable(stretches[at : at + 2]))


def _extremes(found: Iterable[Point]) -> list[Point]:
    """The lowest and the highest of some points, in their order; NaN only where all are NaN."""
    every = list(found)
    known = [one for one in every if one.value == one.value] or every[:1]
    low = min(known, key=lambda one: one.value)
    high = max(known, key=lambda one: one.value)
    return [one for one in known if one is low or one is high]
