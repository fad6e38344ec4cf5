"""Metrics: the numeric leaves of tracked values, and their summary over a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from git_exp import records
from git_exp.records import Summary

LIMIT = 1_000
Number = int | float


class Fold:
    """Summaries of metrics, fed one tracked value at a time."""

    def __init__(self) -> None:
        self.summaries: dict[str, Summary] = {}
        self.left_out: set[str] = set()

    def add(self, track: records.Track) -> None:
        """Count one tracked value; a `step` inside the value stands for one that was not given."""
        step = track.step if track.step is not None else _step_inside(track.value)
        for path, value in leaves(track.value):
            self._count(path, value, step)

    def lines(self, lines: Iterable[bytes]) -> None:
        """Count the `track` lines among these, passing over all others and what is damaged."""
        for line in lines:
            event = records.parse(line)
            if isinstance(event, records.Track):
                self.add(event)

    def _count(self, path: str, value: Number, step: Any) -> None:
        known = self.summaries.get(path)
        if known is None and len(self.summaries) >= LIMIT:
            self.left_out.add(path)
        elif known is None:
            seen = None if _is_nan(value) else value
            at = None if seen is None else step
            self.summaries[path] = Summary(
                last=value, min=seen, max=seen, first=value, count=1, min_step=at, max_step=at
            )
        else:
            _update(known, value, step)


def leaves(value: Any) -> Iterator[tuple[str, Number]]:
    """The metric paths of one tracked value, each once: the first key wins a collision.

    A path is dotted and has lost a leading `metrics.`; a bare number is `value`; booleans, lists
    and `step` are no metrics.
    """
    seen: set[str] = set()
    for raw, number in _walk(value):
        path = raw.removeprefix("metrics.") or "value"
        if path != "step" and path not in seen:
            seen.add(path)
            yield path, number


def read(summaries: dict[str, Summary]) -> dict[str, Summary]:
    """Summaries as a record holds them, with their special numbers read back as floats."""
    return {path: _read(summary) for path, summary in summaries.items()}


def _walk(value: Any) -> Iterator[tuple[str, Number]]:
    """The numeric leaves, depth first; without recursion, since others may nest without end."""
    waiting = [("", "", value)]
    while waiting:
        path, prefix, value = waiting.pop()
        if isinstance(value, dict):
            inner = ((f"{prefix}{key}", one) for key, one in reversed(value.items()))
            waiting.extend((name, f"{name}.", one) for name, one in inner)
            continue
        number = records.number(value)
        if number is not None:
            yield path, number


def _step_inside(value: Any) -> Any:
    step = value.get("step") if isinstance(value, dict) else None
    return None if records.number(step) is None else step


def _is_nan(value: Number) -> bool:
    # math.isnan refuses integers beyond the range of floats.
    return value != value


def _update(known: Summary, value: Number, step: Any) -> None:
    known.count += 1
    known.last = value
    if _is_nan(value):
        return
    if known.min is None or value < known.min:
        known.min, known.min_step = value, step
    if known.max is None or value > known.max:
        known.max, known.max_step = value, step


def _read(summary: Summary) -> Summary:
    # Most are plain numbers, and a listing reads very many.
    kinds = {type(summary.last), type(summary.min), type(summary.max), type(summary.first)}
    if str not in kinds:
        return summary
    return msgspec.structs.replace(
        summary,
        last=_back(summary.last),
        min=_back(summary.min),
        max=_back(summary.max),
        first=_back(summary.first),
    )


def _back(value: Any) -> Any:
    number = records.number(value)
    return value if number is None else number
