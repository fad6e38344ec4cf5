"""Points: the numbers that a run tracked, one by one, each with its step, time and rank."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from git_exp import metrics, records


class Point(NamedTuple):
    """One number of one metric; `step` is the one given, else a `step` inside the tracked value."""

    metric: str
    value: metrics.Number
    t: str
    elapsed_ms: float
    step: Any
    rank: int


def read(lines: Iterable[bytes], metric: str | None = None) -> Iterator[Point]:
    """The points among a run's `track` lines, of one metric or of all, in the order of the lines.

    Other lines and damaged ones are passed over.
    """
    for line in lines:
        event = records.parse(line)
        if not isinstance(event, records.Track):
            continue
        for path, value in metrics.leaves(event.value):
            if metric is None or path == metric:
                yield Point(path, value, event.t, event.elapsed_ms, _step(event), event.rank)


def number(value: metrics.Number) -> float:
    """A value as a float; an integer beyond the range of floats is an infinity."""
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _step(event: records.Track) -> Any:
    if event.step is None and isinstance(event.value, dict):
        return event.value.get("step")
    return event.step
