"""The best run of all or of those that fit, or why there is none."""

from __future__ import annotations

from git_exp import errors, query
from git_exp.index.search import Indexed, Selection
from git_exp.query import Goal
from git_exp.run import Run


def find(store: Indexed, wanted: Goal, where: str | None = None) -> Run:
    """The best of all runs or of those that an expression fits.

    Raises `NotFound` for a metric that no run has, `AnswerIsNo` where none has a number for it.
    """
    if where is None:
        found = store.best(wanted)
    else:
        found = query.best(store.select(Selection(where=where)), wanted)
    if found:
        return found
    name = wanted.measure.metric
    if name not in store.metrics():
        raise query.unknown_metric(store, name)
    among = " that fits" if where is not None else ""
    raise errors.AnswerIsNo(f"no finished run{among} has a number for '{name}'")
