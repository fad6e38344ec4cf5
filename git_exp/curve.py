"""The course of a metric in a few points, in constant memory however long the run was."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TypeVar

from git_exp import metrics, records

WIDTH = 20
BLOCKS = "▁▂▃▄▅▆▇█"
N = TypeVar("N", int, float)


class Curve:
    """Values in the order they came, thinned to at most twice `width` means of equal count."""

    def __init__(self, width: int = WIDTH) -> None:
        self._limit = 2 * width
        self._stride = 1
        self._sums: list[float] = []
        self._counts: list[int] = []
        self._seen = 0

    def add(self, value: float) -> None:
        """One more value; NaN and the infinities leave a gap."""
        if self._seen % self._stride == 0:
            self._open()
        self._seen += 1
        if math.isfinite(value):
            self._sums[-1] += value
            self._counts[-1] += 1

    def points(self, count: int) -> list[float | None]:
        """The course in at most `count` points; None is a gap."""
        size = max(len(self._sums), 1)
        ends = [size * (at + 1) // min(count, size) for at in range(min(count, size))]
        starts = [0, *ends[:-1]]
        pairs = zip(starts, ends, strict=True)
        return [self._mean(start, end) for start, end in pairs] if self._sums else []

    def _open(self) -> None:
        if len(self._sums) == self._limit:
            self._sums = _halved(self._sums)
            self._counts = _halved(self._counts)
            self._stride *= 2
        self._sums.append(0.0)
        self._counts.append(0)

    def _mean(self, start: int, end: int) -> float | None:
        count = sum(self._counts[start:end])
        # Two huge values have an infinite sum.
        mean = sum(self._sums[start:end]) / count if count else math.inf
        return mean if math.isfinite(mean) else None


def read(lines: Iterable[bytes], width: int = WIDTH) -> dict[str, Curve]:
    """The curve of each metric in a run's `track` lines; of several ranks, the lowest one's."""
    curves: dict[tuple[str, int], Curve] = {}
    for line in lines:
        event = records.parse(line)
        if not isinstance(event, records.Track):
            continue
        for path, value in metrics.leaves(event.value):
            key = (path, event.rank)
            if key not in curves:
                curves[key] = Curve(width)
            curves[key].add(_float(value))
    found: dict[str, Curve] = {}
    for path, rank in sorted(curves, key=lambda key: key[1]):
        found.setdefault(path, curves[path, rank])
    return found


def sparkline(points: Sequence[float | None]) -> str:
    """Points as blocks of eight heights; a gap is a blank, a constant course is half high."""
    known = [point for point in points if point is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    return "".join(" " if point is None else _block(point, low, high) for point in points)


def _block(point: float, low: float, high: float) -> str:
    if low == high:
        return BLOCKS[3]
    # Halved, since the difference of two huge values is infinite.
    share = (point / 2 - low / 2) / (high / 2 - low / 2)
    return BLOCKS[min(int(share * len(BLOCKS)), len(BLOCKS) - 1)]


def _halved(values: Sequence[N]) -> list[N]:
    return [values[at] + values[at + 1] for at in range(0, len(values), 2)]


def _float(value: float | int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf
