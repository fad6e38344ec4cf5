"""The best run of all or of those that fit, or why there is none."""

from __future__ import annotations

from git_exp import errors, query
from git_exp.index.search import Indexed, Selection
from git_exp.query import Goal
from git_exp.run import Run

NEAR = 10


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
        raise _unknown(store, name)
    among = " that fits" if where is not None else ""
    raise errors.AnswerIsNo(f"no finished run{among} has a number for '{name}'")


def _unknown(store: Indexed, metric: str) -> errors.NotFound:
    import difflib

    known = store.metrics()
    if not store.runs(1):
        return errors.NotFound("there are no runs yet", hint="record one: git exp run COMMAND")
    near = [path for path in known if path.rpartition(".")[2] == metric]
    near += [one for one in difflib.get_close_matches(metric, known) if one not in near]
    if near:
        hint = f"did you mean {' or '.join(near[:3])}?"
    else:
        more = ", …" if len(known) > NEAR else ""
        hint = f"known metrics: {', '.join(known[:NEAR])}{more}" if known else "see: git exp log"
    return errors.NotFound(f"no run has a metric '{metric}'", hint=hint)
