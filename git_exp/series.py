"""What a run has tracked of a metric, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from git_exp import errors, points, query
from git_exp.points import Point
from git_exp.run import Run
from git_exp.store import Store


def of(store: Store, run: Run, metric: str) -> Iterator[Point]:
    """The values of a metric, read as they are asked for; they are fetched where the run is away.

    Raises `NotFound` where there is no such metric, or only the summary of it is here.
    """
    if metric not in run.metrics:
        known = ", ".join(run.metrics) or "it has none"
        why = f"run {query.short(run.id)} has no metric '{metric}'"
        raise errors.NotFound(why, hint=f"its metrics: {known}")
    found = points.read(store.series(run), metric)
    first = next(found, None)
    if first is None and not store.has_code(run):
        store.need(run)
        found = points.read(store.series(run), metric)
        first = next(found, None)
    if first is None:
        raise errors.SeriesAway(run.id)
    return chain((first,), found)
