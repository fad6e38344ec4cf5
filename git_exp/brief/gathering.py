"""The facts of a brief, gathered from one state of the index."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nsmallest
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from git_exp import differing, directions, errors, query
from git_exp.brief import commands, dead, lineage
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
from git_exp.query import Measure
from git_exp.run import Run

if TYPE_CHECKING:
    from git_exp.index.digest import Digest, Mark
    from git_exp.index.search import Indexed
    from git_exp.session.history import Session

THRESHOLD = 0.005
LATEST = 5
_FAILED = 50
_STEPS = 50
_NEAR = 10
_GAINS = 3
_TAINTED = 5


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a brief is to be about: a metric as `@{best:…}` takes it, and a session."""

    metric: str | None = None
    session: Session | None = None


def gather(
    store: Indexed, *, metric: str | None = None, session: str | None = None, now: float
) -> Facts:
    """What there is to tell, of a metric or of the one that most runs have.

    `session` names one, else it is the newest that is not over; `now` is in seconds since 1970.
    Raises `NotFound` for a metric that no run has and for a session that is none.
    """
    from git_exp.brief import sessions

    found = sessions.chosen(store.repo, session)
    standing = sessions.course(found, now) if found else None
    asked = Asked(metric=metric, session=found)
    facts = store.digest(lambda digest: told(store, digest, asked))
    return commands.added(msgspec.structs.replace(facts, session=standing))


def told(store: Indexed, digest: Digest, asked: Asked) -> Facts:
    """What the index tells, without how the session stands."""
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
    goal = _goal(store, digest, asked) if counts.total else None
    config = asked.session.state.config if asked.session else None
    within = config.improvement_threshold if config else THRESHOLD
    failed = digest.failed(_FAILED)
    reasons = dead.reasons(store, [*failed, *latest])
    bare = Facts(
        counts=counts, goal=goal, threshold=within,
        latest=[_latest(run, goal, reasons.get(run.id)) for run in latest],
        failures=dead.failures(failed, reasons), failures_of=len(failed),
    )  # fmt: skip
    return bare if goal is None else _measured(store, digest, bare)


def _measured(store: Indexed, digest: Digest, bare: Facts) -> Facts:
    """The facts with all that a metric tells."""
    assert bare.goal
    marks = digest.marks(_wanted(bare.goal))
    course = Course(marks, higher=bare.goal.higher_is_better)
    mark = course.best()
    if mark is None:
        return bare
    counts = msgspec.structs.replace(
        bare.counts, measured=len(marks), oldest_measured=course.marks[0].id
    )
    (run,) = digest.runs([mark.at])
    top = Top(digest, course, mark, run)
    known = values.values(top)
    near = course.near(mark, within=bare.threshold)
    return msgspec.structs.replace(
        bare,
        counts=counts,
        best=_best(store, top),
        frontier=_steps(digest, course.records),
        frontier_count=len(course.records),
        plateau=_plateau(course),
        ideas=dead.ideas(digest, course, within=bare.threshold),
        losing=dead.losing(course, known.tried),
        near=_near(digest, nsmallest(_NEAR, near), run),
        near_count=len(near),
        untried=values.untried(top, known),
    )


def _goal(store: Indexed, digest: Digest, asked: Asked) -> Goal | None:
    """The metric that is asked for, or the session's, or the one that most runs have."""
    config = asked.session.state.config if asked.session else None
    if asked.metric is None and not (config and config.primary_metric):
        known = digest.metrics()
        if not known:
            return None
        metric = min(known, key=lambda one: (-known[one], directions.higher(one) is None, one))
        return _told(query.goal(metric, store))
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
        raise _unknown(wanted.measure.metric, digest)
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


def _best(store: Indexed, top: Top) -> Best:
    mark, run = top.mark, top.run
    came = lineage.parent_of(run, top.course, top.digest)
    parent = None
    if came:
        (before,) = top.digest.runs([came.mark.at])
        parent = lineage.difference(store, came, parent=before, run=run)
    return Best(
        run=run.id, name=run.name, value=mark.value, idea=_idea(run),
        argv=list(run.process.argv) if run.process else [], parent=parent,
    )  # fmt: skip


def _steps(digest: Digest, records: Sequence[Mark]) -> list[Step]:
    """The first record, and of the others the last ones."""
    pairs = list(zip([None, *records], records, strict=False))
    kept = pairs[:1] + pairs[1:][-_STEPS:]
    said = digest.ideas([one.at for _, one in kept])
    return [
        Step(
            run=one.id, value=one.value, idea=said.get(one.at),
            gain=None if before is None else one.value - before.value,
        )
        for before, one in kept
    ]  # fmt: skip


def _plateau(course: Course) -> Plateau:
    last = course.records[-(_GAINS + 1) :]
    gains = [new.value - old.value for old, new in pairwise(last)]
    return Plateau(run=course.records[-1].id, since=course.since(), gains=gains)


def _near(digest: Digest, pairs: Sequence[tuple[float, Mark]], best: Run) -> list[Near]:
    runs = digest.runs([one.at for _, one in pairs])
    return [
        Near(run=run.id, value=mark.value, params=differing.between(best.params, run.params))
        for (_, mark), run in zip(pairs, runs, strict=True)
    ]


def _latest(run: Run, goal: Goal | None, error: str | None) -> Latest:
    value = _wanted(goal).measure.of(run) if goal else None
    return Latest(
        run=run.id, name=run.name, status=run.status, value=value, idea=_idea(run),
        error=error, tainted=query.TAINTED in run.tags,
    )  # fmt: skip


def _idea(run: Run) -> str | None:
    return run.notes[0].text if run.notes else None


def _unknown(metric: str, digest: Digest) -> errors.NotFound:
    """The refusal of a metric that no run has, with those that are spelt like it."""
    import difflib

    near = difflib.get_close_matches(metric, digest.metrics())
    hint = f"did you mean {' or '.join(near)}?" if near else "list runs: git exp log"
    return errors.NotFound(f"no run has a metric '{metric}'", hint=hint)
