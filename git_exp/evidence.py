"""What a verdict is built on: the two runs, their replicates, and those that tell the noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import NamedTuple, Protocol

from git_exp import directions, errors, nearly, points, query, verdict
from git_exp.index.look import Bound, Chosen, Look
from git_exp.index.search import Indexed
from git_exp.nearly import Nearly
from git_exp.query import Goal, Measure
from git_exp.run import Run
from git_exp.verdict import Tries, Verdict

# How many of the newest runs tell the noise, and how many replicates are read of one code. Beyond
# that it is known well enough, and the closing line of a run must not wait.
POOL = 200
REPLICATES = 1_000
# Among so many of the latest runs one is looked for that is nearly a replicate.
_LATEST = 4
_BEST = "@{best:"


class Asked(NamedTuple):
    """A candidate and its baseline, in what they are compared, and of how many each was chosen."""

    a: Run
    b: Run
    goal: Goal
    tries: Tries = Tries()


class Closing(NamedTuple):
    """What a run is worth, the run whose code it began as, and one that is nearly a replicate."""

    said: Asked
    verdict: Verdict
    parent: Run | None
    nearly: Nearly | None


class Unjudged(NamedTuple):
    """A run that is not judged, and why; without a reason it has several metrics, of which one."""

    why: str | None
    run: Run
    metric: str


class Source(Protocol):
    """Where the runs come from: an index, or one state of it."""

    def baseline(
        self, wanted: Goal, *, fits: Callable[[Run], bool], before: str | None = None
    ) -> Chosen: ...

    def measured(
        self, metric: str, trees: Collection[str] = (), *, limit: int, replicates: int = 0
    ) -> list[Run]: ...


def asked(
    store: Indexed,
    a: str,
    b: str | None,
    *,
    metric: str | None = None,
    higher: bool | None = None,
    usual: Callable[[Collection[str]], Goal | None] = lambda _: None,
) -> Asked:
    """What two names and a metric mean; without one it is the only metric that both have.

    Of several it is the one that is `usual` among them, if there is one.

    Without a baseline that is the best of the earlier runs which are no replicates of the
    candidate. Raises `NotFound` for what is not there, `UsageError` where several metrics may be
    meant, and `AnswerIsNo` for a run that cannot be judged and where there is no baseline.
    """
    first = query.find(store, a)
    second = None if b is None else query.find(store, b)
    goal = query.goal(metric, store) if metric else _unnamed(store, (first, second), usual)
    if higher is not None:
        goal = Goal(goal.measure, higher)
    if goal.measure.metric not in first.metrics and goal.measure.metric not in store.metrics():
        raise query.unknown_metric(store, goal.measure.metric)
    _check(first, goal)
    tried = Tries(a=_tried(store, a, goal))
    if second is None:
        return _against_the_best(store, first, goal, tried=tried)
    _check(second, goal)
    return Asked(first, second, goal, tried._replace(b=_tried(store, b or "", goal)))


def judged(
    source: Source, said: Asked, *, steps: bool = False, replicates: int = REPLICATES
) -> Verdict:
    """The verdict; with `steps` from the noise within each run, and not from replicates."""
    pair = (said.a, said.b)
    metric = said.goal.measure.metric
    if steps:
        series = (_series(said.a, metric), _series(said.b, metric))
        return verdict.by_steps(pair, said.goal, series=series, tries=said.tries)
    trees = {run.git.tree for run in pair if run.git and run.git.tree}
    runs = source.measured(metric, trees, limit=POOL, replicates=replicates)
    return verdict.among(pair, runs, said.goal, tries=said.tries)


def closing(
    store: Indexed, run_id: str, aim: Goal | None = None, *, among: Collection[str] | None = None
) -> Closing | Unjudged | None:
    """What a run that has just ended is worth, against the best before it, of these if it is named.

    Without an aim it is its only metric. None where there is nothing to say: no metric, or no
    baseline.
    """
    wanted = _Wanted(aim=aim, among=among)
    try:
        return store.once(lambda look: _closed(store, look, run_id, wanted=wanted))
    except (errors.UsageError, errors.NotFound, errors.AnswerIsNo):
        return None


class _Wanted(NamedTuple):
    """What a run is compared in, and with which others: None is any."""

    aim: Goal | None
    among: Collection[str] | None = None


def _closed(
    store: Indexed, look: Look, run_id: str, *, wanted: _Wanted
) -> Closing | Unjudged | None:
    run, aim = look.get(run_id), wanted.aim
    # What else is missing has been said: a session warns of a result without its metric.
    if run is None or not run.metrics or query.TAINTED in run.tags:
        return None
    metric = aim.measure.metric if aim else _telling(run)
    if metric not in run.metrics:
        return None
    goal = aim or query.better(Measure(metric), store)
    try:
        _check(run, goal)
    except errors.AnswerIsNo as error:
        return Unjudged(error.message, run, metric)
    said = _against_the_best(look, run, goal, tried=Tries(), among=wanted.among)
    if aim is None and len(run.metrics) > 1:
        return Unjudged(None, run, metric)
    derived = run.git.derived if run.git else None
    found = judged(look, said, replicates=POOL)
    alone = found.method == "none" and not (found.a.df or found.b.df)
    latest = look.select(Bound(limit=_LATEST)) if alone else []
    return Closing(
        said=said,
        verdict=found,
        parent=look.get(derived) if derived else None,
        nearly=nearly.replicate(store.repo, run, latest),
    )


def _telling(run: Run) -> str:
    """Of several metrics the first whose name says which way it is better."""
    known = (one for one in run.metrics if directions.higher(one) is not None)
    return next(known, next(iter(run.metrics)))


def _against_the_best(
    source: Source, run: Run, goal: Goal, *, tried: Tries, among: Collection[str] | None = None
) -> Asked:
    own = verdict.key(run)

    def fits(one: Run) -> bool:
        return verdict.key(one) != own and (among is None or one.id in among)

    found = source.baseline(goal, before=run.started, fits=fits)
    if found.run is None:
        raise errors.AnswerIsNo(
            "no earlier run with other code, command or params has a number for"
            f" '{goal.measure.metric}'",
            hint="name a baseline: git exp verdict @ RUN",
        )
    return Asked(run, found.run, goal, tried._replace(b=found.among))


def _unnamed(
    store: Indexed, pair: tuple[Run, Run | None], usual: Callable[[Collection[str]], Goal | None]
) -> Goal:
    """The only metric that both have; of several the usual one."""
    first, second = pair
    shared = [one for one in first.metrics if second is None or one in second.metrics]
    if len(shared) == 1:
        return query.goal(shared[0], store)
    if shared and (found := usual(shared)):
        return found
    whose = "both runs have" if second else f"run '{query.short(first.id)}' has"
    if not shared:
        raise errors.AnswerIsNo(f"{whose} no metric{' in common' if second else ''}")
    hint = f"--metric {shared[0]}, or one of: {', '.join(shared[1:10])}"
    raise errors.UsageError(f"{whose} several metrics: say which", hint=hint)


def _check(run: Run, goal: Goal) -> None:
    """Refuse a run that has nothing to be judged by."""
    who = f"run '{query.short(run.id)}'"
    if run.status != "finished":
        raise errors.AnswerIsNo(f"{who} is {run.status}: only finished runs are judged")
    if query.TAINTED in run.tags:
        raise errors.AnswerIsNo(f"{who} is tagged {query.TAINTED}: it is not judged")
    value = goal.measure.of(run)
    if value is None or points.number(value) != points.number(value):
        nan = "" if value is None else ": it is NaN"
        raise errors.AnswerIsNo(f"{who} has no number for '{goal.measure.metric}'{nan}")


def _tried(store: Indexed, name: str, goal: Goal) -> int:
    """Of how many runs the one of a name was chosen for being the best."""
    if not name.startswith(_BEST):
        return 1
    return max(store.baseline(goal, fits=lambda run: True).among, 1)


def _series(run: Run, metric: str) -> list[float]:
    """The finite numbers of a metric, of several ranks those of the lowest."""
    found = list(run.series(metric))
    lowest = min((one.rank for one in found), default=0)
    numbers = (points.number(one.value) for one in found if one.rank == lowest)
    return [one for one in numbers if math.isfinite(one)]
