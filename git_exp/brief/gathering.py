"""The facts of a brief, gathered from one state of the index."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nsmallest
from typing import TYPE_CHECKING, Any

import msgspec

from git_exp import directions, errors, query
from git_exp.brief import commands, dead, facts, lineage, naming, recorded, replicated
from git_exp.brief import untried as values
from git_exp.brief.course import Course, Top
from git_exp.brief.facts import (
    Best,
    Counts,
    Facts,
    Goal,
    Latest,
    Near,
    Plateau,
    Step,
)
from git_exp.brief.replicated import Keys
from git_exp.query import Measure
from git_exp.run import Run

if TYPE_CHECKING:
    from git_exp.index.digest import Digest
    from git_exp.index.search import Indexed
    from git_exp.session.history import Session

THRESHOLD = 0.005
LATEST = 5
_FAILED = 50
_STEPS = 50
_NEAR = 10
_LOOKED_AT = 20
_GAINS = 3
_TAINTED = 5


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a brief is to be about: a metric as `@{best:…}` takes it, and a session.

    `recorded` are the results of that which have no run.
    """

    metric: str | None = None
    session: Session | None = None
    recorded: Sequence[Run] = ()

    @property
    def results(self) -> frozenset[str]:
        """The ids of the runs that are successes of the session, and of what has none."""
        if self.session is None:
            return frozenset()
        from git_exp.session import aim

        return aim.among(self.session.state) | self.unnamed

    @property
    def unnamed(self) -> frozenset[str]:
        """The ids that are those of no run."""
        return frozenset(one.id for one in self.recorded)


def gather(
    store: Indexed, *, metric: str | None = None, session: str | None = None, now: float
) -> Facts:
    """What there is to tell, of a metric or of the one that most runs have.

    `session` names one, else it is that of `@` unless that is over; `now` is in seconds since 1970.
    Raises `NotFound` for a metric that no run has and for a session that is none.
    """
    from git_exp.brief import sessions

    found = sessions.chosen(store.repo, session)
    standing = sessions.course(found, now) if found else None
    beside = recorded.runs(found) if found else []
    asked = Asked(metric=metric, session=found, recorded=beside)
    try:
        gathered = store.digest(
            lambda digest: told(store, digest, asked, standing=standing), told=beside
        )
    except errors.NotFound:
        # What there is to be named is another question.
        raise query.unknown_metric(store, query.goal(metric or "").measure.metric) from None
    return commands.added(gathered)


def told(
    store: Indexed, digest: Digest, asked: Asked, *, standing: facts.Course | None = None
) -> Facts:
    """What the index tells, and how the session stands."""
    known = _told_of(store, digest, asked)
    if asked.recorded:
        known = naming.without(known, asked.unnamed)
    found = msgspec.structs.replace(known, session=standing)
    digits = digest.digits(dict.fromkeys(naming.ids(found)), found.digits)
    return msgspec.structs.replace(found, digits=digits)


def _told_of(store: Indexed, digest: Digest, asked: Asked) -> Facts:
    statuses = digest.statuses()
    latest = digest.latest(LATEST)
    tainted = digest.tainted()
    counts = Counts(
        total=sum(statuses.values()),
        by_status=dict(sorted(statuses.items())),
        newest=latest[0].id if latest else None,
        tainted=tainted[:_TAINTED],
        tainted_count=len(tainted),
    )
    goal = _goal(store, digest, asked) if counts.total or asked.recorded else None
    config = asked.session.state.config if asked.session else None
    within = config.improvement_threshold if config else THRESHOLD
    failed = digest.failed(_FAILED)
    reasons = dead.reasons(store, [*failed, *latest])
    bare = Facts(
        counts=counts, goal=goal, threshold=within,
        latest=[_latest(run, goal, reasons.get(run.id)) for run in latest],
        failures=dead.failures(failed, reasons), failures_of=len(failed),
    )  # fmt: skip
    return bare if goal is None else _measured(store, digest, bare, asked=asked)


def _measured(store: Indexed, digest: Digest, bare: Facts, *, asked: Asked) -> Facts:
    """The facts with all that a metric tells."""
    assert bare.goal
    every = digest.marks(_wanted(bare.goal))
    results = asked.results
    own = [one for one in every if one.id in results] if results else []
    whole = Course(every, higher=bare.goal.higher_is_better)
    course = Course(own, higher=whole.higher) if own else whole
    mark, best_of_all = course.best(), whole.best()
    if mark is None or best_of_all is None:
        return bare
    counts = msgspec.structs.replace(
        bare.counts, measured=len(course.marks), oldest_measured=course.marks[0].id
    )
    (run,) = digest.runs([mark.at])
    top = Top(digest, course, mark, run)
    keys = Keys(digest)
    known = values.values(top)
    outside = course.better(best_of_all.value, mark.value)
    return msgspec.structs.replace(
        bare,
        counts=counts,
        of_session=bool(own),
        recorded=sum(1 for one in own if one.id in asked.unnamed),
        best=_best(store, top, keys),
        best_of_all=Step(run=best_of_all.id, value=best_of_all.value) if outside else None,
        ideas=dead.ideas(digest, course, keys, within=bare.threshold),
        losing=dead.losing(course, known.tried),
        untried=values.untried(top, known),
        **_progress(digest, course, keys),
        **_near(top, keys, within=bare.threshold),
    )


def _goal(store: Indexed, digest: Digest, asked: Asked) -> Goal | None:
    """The metric that is asked for, or the session's, or the one that most runs have."""
    config = asked.session.state.config if asked.session else None
    if asked.metric is None and not (config and config.primary_metric):
        known = digest.metrics()
        if not known:
            return None
        metric = min(known, key=lambda one: (-known[one], directions.higher(one) is None, one))
        also = [one for one in sorted(known) if known[one] == known[metric] and one != metric]
        goal = _told(query.goal(metric, store))
        return msgspec.structs.replace(goal, also=also, runs=known[metric]) if also else goal
    wanted = query.goal(asked.metric or "", store) if asked.metric is not None else None
    primary = config.primary_metric if config else None
    if config and primary and (wanted is None or asked.metric == primary):
        from git_exp.session import machine

        higher = machine.direction(config) == "maximize"
        unknown = directions.higher(primary) is None
        goal = _told(query.Goal(Measure(primary), higher, assumed=unknown))
        said = msgspec.structs.replace(goal, told_by="session")
        return said if config.direction else goal
    assert wanted
    if not digest.has_metric(wanted.measure.metric):
        raise errors.NotFound(f"no run has a metric '{wanted.measure.metric}'")
    goal = _told(wanted)
    is_said = (asked.metric or "")[:1] in ("+", "-")
    return msgspec.structs.replace(goal, told_by="option") if is_said else goal


def _told(wanted: query.Goal) -> Goal:
    named = directions.higher(wanted.measure.metric) is wanted.higher
    by = "nobody" if wanted.assumed else "name" if named else "session"
    return Goal(
        metric=wanted.measure.metric, aggregate=wanted.measure.aggregate,
        higher_is_better=wanted.higher, told_by=by,
    )  # fmt: skip


def _wanted(goal: Goal) -> query.Goal:
    return query.Goal(Measure(goal.metric, goal.aggregate), goal.higher_is_better)


def _best(store: Indexed, top: Top, keys: Keys) -> Best:
    mark, run = top.mark, top.run
    came = lineage.before(top, keys)
    parent = lineage.difference(store, came, run) if came else None
    return Best(
        run=run.id, name=run.name, value=mark.value, idea=_idea(run),
        argv=list(run.process.argv) if run.process else [], own=run.own, parent=parent,
        first=top.course.is_first(mark),
    )  # fmt: skip


def _progress(digest: Digest, course: Course, keys: Keys) -> dict[str, Any]:
    """The frontier, of which the first and the last steps are told, and the plateau."""
    found = replicated.stages(course, keys)
    kept = found.every[:1] + found.every[1:][-_STEPS:]
    said = digest.ideas([one.mark.at for one in kept])
    gains = [one.gain for one in found.every[-_GAINS:] if one.gain is not None]
    since = course.since(found.reached)
    return {
        "frontier": [
            Step(run=one.mark.id, value=one.mark.value, idea=said.get(one.mark.at),
                 gain=one.gain, replicates=one.replicates)
            for one in kept
        ],
        "frontier_count": len(found.every),
        "plateau": Plateau(run=found.reached.id, since=since, gains=gains),
    }  # fmt: skip


def _near(top: Top, keys: Keys, *, within: float) -> dict[str, Any]:
    """The near misses, the nearest first; a replicate of the best missed nothing."""
    every = top.course.near(top.mark, within=within)
    nearest = [mark for _, mark in nsmallest(_LOOKED_AT, every)]
    own = keys.of([top.mark])[0]
    found = [one for one, key in zip(nearest, keys.of(nearest), strict=True) if key != own]
    runs = top.digest.runs([one.at for one in found[:_NEAR]])
    near = [
        Near(run=run.id, value=mark.value, params=replicated.differing(top.run, run))
        for mark, run in zip(found, runs, strict=False)
    ]
    return {"near": near, "near_count": len(every) - len(nearest) + len(found)}


def _latest(run: Run, goal: Goal | None, error: str | None) -> Latest:
    value = _wanted(goal).measure.of(run) if goal else None
    return Latest(
        run=run.id, name=run.name, status=run.status, value=value, idea=_idea(run),
        error=error, tainted=query.TAINTED in run.tags,
    )  # fmt: skip


def _idea(run: Run) -> str | None:
    return run.notes[0].text if run.notes else None
