"""Which run is ahead: the best of a metric that is named, or of the only one there can be."""

from __future__ import annotations

from git_exp import errors, query
from git_exp.index.search import Indexed
from git_exp.query import Goal, Measure
from git_exp.run import Run

WORD = "best"
_LISTED = 10
# Of every metric, how many runs that count have it, and of how many there are.
_ASKED = f"""
WITH counting AS (SELECT id FROM runs WHERE status = 'finished'
  AND id NOT IN (SELECT run FROM tags WHERE tag = '{query.TAINTED}'))
SELECT key, count(*), (SELECT count(DISTINCT run) FROM metrics WHERE run IN counting)
FROM metrics WHERE run IN counting GROUP BY key ORDER BY key
"""  # noqa: S608 - a word of ours


def goal(store: Indexed, metric: str | None, usual: Goal | None = None) -> Goal:
    """What the best run is best in: what is named, else what is usual, else the only one.

    The only one is the one metric that all finished runs with metrics share. Raises `NotFound`
    where there is none, or several.
    """
    if metric is not None:
        return query.goal(metric, store)
    if usual is not None:
        return usual
    with store.sql(_ASKED) as answer:
        rows = [(str(key), int(count), int(every)) for key, count, every in answer.rows]
    shared = [key for key, count, every in rows if count == every]
    if len(shared) == 1:
        return query.better(Measure(shared[0]), store)
    known = shared or [key for key, *_ in rows]
    if not known:
        raise errors.NotFound(
            "no finished run has a metric", hint="print one: METRIC acc=0.91; or see: git exp log"
        )
    more = ", …" if len(known) > _LISTED else ""
    raise errors.NotFound(
        "which metric the best run is best in is not clear",
        hint=f"say it: --metric NAME, of {', '.join(known[:_LISTED])}{more}",
    )


def best(store: Indexed, wanted: Goal) -> Run:
    """The best of the finished, untainted runs. Raises `NotFound` where none has a number."""
    found = store.best(wanted)
    if found:
        return found
    name = wanted.measure.metric
    if name not in store.metrics():
        raise query.unknown_metric(store, name)
    raise errors.NotFound(f"no finished run has a number for '{name}'", hint="see: git exp log")
