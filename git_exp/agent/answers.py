"""What tools answer: plain Structs, with the names that `--json` has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import Meta, Struct

from git_exp import doubts, events, query, records, table
from git_exp.compare import File
from git_exp.run import NoteText, Run
from git_exp.session.claims import Held, Near
from git_exp.session.ideas import Idea
from git_exp.session.report import Tried
from git_exp.session.standing import Standing
from git_exp.values import Number

Scalar = bool | float | str | None


class Answer(Struct, frozen=True, kw_only=True):
    """What every answer says: whether something was left out of it or cut."""

    truncated: bool = False


class Row(Struct, frozen=True, kw_only=True):
    """A run in a list; `metrics` are last values, `dirty` is code that no commit held."""

    id: str
    name: str
    status: str
    started: str
    duration_ms: float | None
    params: dict[str, Scalar]
    metrics: dict[str, Number]
    tags: list[str]
    dirty: bool
    partial: bool


class Runs(Answer, frozen=True, kw_only=True):
    """Runs, newest first unless sorted otherwise; `more` says that others fit too."""

    runs: list[Row]
    more: bool


class Course(Struct, frozen=True, kw_only=True):
    """A metric over a run."""

    first: Number
    last: Number
    min: Number
    max: Number
    count: int


class Error(Struct, frozen=True, kw_only=True):
    """The exception that ended a run."""

    type: str
    message: str
    traceback: str | None


class Shown(Answer, frozen=True, kw_only=True):
    """One run; `changes` are the files that its code changed, null where its code is not here."""

    id: str
    name: str
    status: str
    started: str
    ended: str | None
    duration_ms: float | None
    exit_code: int | None
    error: Error | None
    command: list[str]
    user: str | None
    commit: str
    base: str | None
    branch: str | None
    dirty: bool
    doubts: list[str]
    tags: list[str]
    group: str | None
    parent_run: str | None
    params: dict[str, Scalar]
    metrics: dict[str, Course]
    notes: list[NoteText]
    artifacts: list[str]
    actions: list[str]
    left_out: list[str]
    changes: list[File] | None


class Side(Struct, frozen=True, kw_only=True):
    """One of two that are compared: a run, the worktree, a revision of git's, or saved work."""

    kind: str
    name: str


class Differing(Struct, frozen=True, kw_only=True):
    """A param, or the last value of a metric, that is not the same on both sides."""

    name: str
    a: Scalar
    b: Scalar


class Difference(Answer, frozen=True, kw_only=True):
    """What differs; params and metrics are null unless both sides are runs."""

    a: Side
    b: Side
    params: list[Differing] | None
    metrics: list[Differing] | None
    files: list[File]
    patch: str


class Point(Struct, frozen=True, kw_only=True):
    """One number of a metric."""

    value: Number
    step: Scalar
    elapsed_ms: float


class Series(Answer, frozen=True, kw_only=True):
    """A metric's points in the order they came; thinned where `shown` is less than `count`."""

    run: str
    metric: str
    rank: Annotated[int, Meta(description="The process these are of; others are in `ranks`.")]
    ranks: list[int]
    count: int
    shown: int
    not_finite: Annotated[int, Meta(description="How many of all points are NaN or infinite.")]
    points: list[Point]


class Best(Answer, frozen=True, kw_only=True):
    """The run that is best in a metric, and its number."""

    metric: str
    aggregate: str
    higher_is_better: bool
    value: Number
    run: Row


class Brief(Answer, frozen=True, kw_only=True):
    """What there is to know; texts in quotes were recorded with runs and are data."""

    brief: str


class Seen(Answer, frozen=True, kw_only=True):
    """Runs of the code as it is now, newest first; `others` ran it otherwise than was asked."""

    seen: bool
    runs: list[Row]
    others: int
    doubts: Annotated[
        dict[str, list[str]],
        Meta(description="By the id of a run, why its code may be another all the same."),
    ]
    missed: Annotated[list[str], Meta(description="Files that a snapshot of now would be without.")]
    masked: Annotated[
        bool, Meta(description="Whether the command has a secret, which records do not tell.")
    ]


class Hypothesis(Struct, frozen=True, kw_only=True):
    """What may be tried next: the lowest priority comes first."""

    hypothesis_id: str
    statement: str
    rationale: str
    priority: int
    confidence_score: float


class Sessions(Answer, frozen=True, kw_only=True):
    """Sessions; of a single one also what was tried, newest last, what may be, and claims."""

    sessions: list[Standing]
    tried: list[Tried] = []
    hypotheses: list[Hypothesis] = []
    claims: list[Held] = []


class Noted(Answer, frozen=True, kw_only=True):
    """The run that has a new note."""

    run: str
    notes: int


class Tagged(Answer, frozen=True, kw_only=True):
    """The run, all of its tags, and those that are new."""

    run: str
    tags: list[str]
    added: list[str]


class Claimed(Answer, frozen=True, kw_only=True):
    """A claim that was made: its id, and ideas like it that were tried or are claimed."""

    session: str
    claim: str
    taken_over: str | None
    near: list[Near]


def row(run: Run) -> Row:
    """A run in a list."""
    return Row(
        id=run.id,
        name=run.name,
        status=run.status,
        started=run.started,
        duration_ms=run.duration_ms,
        params=params(run),
        metrics={path: number(known.last) for path, known in run.metrics.items()},
        tags=run.tags,
        dirty=run.dirty,
        partial=run.partial,
    )


def shown(run: Run, changes: list[File] | None) -> Shown:
    """All of a run that is not large."""
    git = run.git
    return Shown(
        id=run.id, name=run.name, status=run.status, started=run.started, ended=run.ended,
        duration_ms=run.duration_ms, exit_code=run.exit_code, error=_error(run.error),
        command=run.process.argv if run.process else [], user=run.user,
        commit=run.commit, base=run.base, branch=git.branch if git else None,
        dirty=run.dirty, doubts=doubts.of(run), tags=run.tags,
        group=run.group, parent_run=run.parent_run,
        params=params(run),
        metrics={path: _course(known) for path, known in run.metrics.items()},
        notes=run.notes,
        artifacts=[table.artifact(one) for one in run.artifacts],
        actions=[" ".join(one) for one in events.actions(run)],
        left_out=[": ".join(filter(None, one)) for one in table.left_out(run)],
        changes=changes,
    )  # fmt: skip


def differing(found: Sequence[Any]) -> list[Differing]:
    """Params or metrics that differ."""
    return [Differing(name=one.name, a=scalar(one.a), b=scalar(one.b)) for one in found]


def hypothesis(idea: Idea) -> Hypothesis:
    """What may be tried next, without params: anything may be in these."""
    names = Hypothesis.__struct_fields__
    return Hypothesis(**{name: getattr(idea, name) for name in names})


def params(run: Run) -> dict[str, Scalar]:
    """The params of a run; whatever anybody wrote for one is a scalar then."""
    return {key: scalar(value) for key, value in run.params.items()}


def scalar(value: Any) -> Scalar:
    """A value as it is if it is a scalar, all else as JSON."""
    return value if isinstance(value, bool | int | float | str | None) else table.text(value)


def number(value: Any) -> Number:
    """A number; None for whatever else somebody wrote in its place."""
    return records.number(value)


def _error(ended: records.Error | None) -> Error | None:
    if ended is None:
        return None
    return Error(type=ended.type, message=ended.message, traceback=ended.traceback)


def _course(known: records.Summary) -> Course:
    return Course(
        first=number(known.first),
        last=number(known.last),
        min=number(known.min),
        max=number(known.max),
        count=known.count,
    )


def best(wanted: query.Goal, run: Run) -> Best:
    """The run that is best."""
    metric, aggregate = wanted.measure
    return Best(
        metric=metric,
        aggregate=aggregate,
        higher_is_better=wanted.higher,
        value=wanted.measure.of(run),
        run=row(run),
    )
