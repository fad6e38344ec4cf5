"""A run: the fold of its events, what every reader sees."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Protocol, cast

import msgspec

from git_exp import errors, metrics, points, records

# What of metadata is git exp's own: no user's can have that name, alone or before a dot.
OURS = "git_exp"
KEY = f"{OURS}.key"
PROTECT = f"{OURS}.protect"
# Statuses that somebody else wrote over a run whose owner could not.
_SECOND_HAND = ("crashed", "lost")


class NoteText(msgspec.Struct, frozen=True, kw_only=True):
    """One note on a run."""

    t: str
    text: str


class Source(Protocol):
    """Where a run was read, and what is large of it can be."""

    def series(self, run: Run) -> Iterator[bytes]: ...

    def lines(self, run: Run) -> list[bytes]: ...

    def patch(self, old: Run | None, new: Run) -> str: ...


class Run(msgspec.Struct, kw_only=True, dict=True):
    """One run, as its events tell it. Times are UTC, RFC 3339; `duration_ms` is in milliseconds.

    `status` is running, finished, failed, interrupted, crashed or lost. `metrics` are summaries by
    metric path: `last`, `min`, `max`, `first`, `count`.
    """

    id: str
    commit: str
    name: str = ""
    status: str = "running"
    started: str = ""
    ended: str | None = None
    duration_ms: float | None = None
    exit_code: int | None = None
    error: records.Error | None = None
    params: dict[str, Any] = {}
    metrics: dict[str, records.Summary] = {}
    metadata: Any = None
    tags: list[str] = []
    notes: list[NoteText] = []
    group: str | None = None
    parent_run: str | None = None
    private: bool = False
    user: str | None = None
    host: records.Host | None = None
    process: records.Process | None = None
    joined: list[records.Join] = []
    git: records.Git | None = None
    env: records.Env | None = None
    artifacts: list[records.Artifact] = []
    actions: list[records.Action] = []
    results: list[records.ActionResult] = []
    links: list[str] = []
    usage: dict[str, Any] = {}
    conflicts: list[str] = []
    archived: records.Archived | None = None
    deleted: records.Deleted | None = None
    live: bool = False
    own: bool = False
    damaged: int = 0

    @property
    def base(self) -> str | None:
        """The commit that was HEAD when the run started."""
        return self.git.base if self.git else None

    @property
    def dirty(self) -> bool:
        """Whether the code that ran differs from its base."""
        return bool(self.git and self.git.dirty)

    @property
    def partial(self) -> bool:
        """Whether the snapshot holds less than the code that ran."""
        return bool(self.git and self.git.capture != "full")

    def series(self, metric: str | None = None) -> Iterator[points.Point]:
        """The points of one metric or of all, read as they are asked for: a million take no memory.

        In the order of each process that tracked; one process after the other.
        """
        return points.read(self._source.series(self), metric)

    def events(self) -> Iterator[records.Event | records.Unknown]:
        """The records of the run in their order, all but `track`; what is damaged is left out."""
        parsed = map(records.parse, self._source.lines(self))
        return (event for event in parsed if not isinstance(event, records.Damaged))

    def diff(self, other: Run | None = None) -> str:
        """The patch from another run's code to this one's, by default from the code it started at.

        Text as `git diff` prints it without colours. Raises `NotFound` where the code of one is
        not here.
        """
        return self._source.patch(other, self)

    def read_from(self, source: Source) -> Run:
        """This run as one that was read there."""
        self.__dict__["_source"] = source
        return self

    @property
    def _source(self) -> Source:
        found = self.__dict__.get("_source")
        if found is None:
            raise errors.NotFound(f"run '{self.id}' was not read from a repository")
        return cast(Source, found)


def fold(
    lines: Iterable[bytes], *, run_id: str = "", commit: str = "", now: int | None = None
) -> Run:
    """The run that a set of lines tells of, in the order (`t`, bytes).

    Lines that are no records are counted in `damaged` and passed over; so are those from more than
    a day after `now` (microseconds since 1970), which would win over all that comes after them.
    """
    run = Run(id=run_id, commit=commit)
    ends: list[records.RunEnd] = []
    kept: list[str] = []
    ahead = _ahead(now)
    for line in sorted(set(lines)):
        event = records.parse(line)
        if isinstance(event, records.Damaged) or _is_ahead(event, ahead):
            run.damaged += 1
        elif isinstance(event, records.RunEnd):
            ends.append(event)
        else:
            _apply(run, event)
            if isinstance(event, records.Tag) and event.kept:
                kept += event.tags
    if kept:
        run.tags = list(dict.fromkeys((*run.tags, *kept)))
    if ends:
        _end(run, _deciding(ends))
    return run


@lru_cache(maxsize=1)
def _ahead(now: int | None) -> str:
    # A list folds very many at one time.
    return records.stamp(now + records.DAY) if now is not None else "A"


def _is_ahead(event: records.Event | records.Unknown, limit: str) -> bool:
    # The start only describes: without it nothing of the run could be shown.
    return event.t > limit and not isinstance(event, records.RunStart)


def _apply(run: Run, event: records.Event | records.Unknown) -> None:
    match event:
        case records.RunStart():
            _start(run, event)
        case records.Join():
            run.joined.append(event)
            _describe(run, event)
        case records.Env():
            run.env = event
        case records.Progress():
            run.metrics = metrics.read(event.metrics)
        case records.Note():
            run.notes.append(NoteText(t=event.t, text=event.text))
        case records.Tag() | records.Untag():
            _retag(run, event)
        case records.Rename():
            run.name = event.name
        case records.Deleted():
            run.deleted = event
        case _:
            _collect(run, event)


def _collect(run: Run, event: records.Event | records.Unknown) -> None:
    match event:
        case records.Artifact():
            run.artifacts = [*(a for a in run.artifacts if a.path != event.path), event]
        case records.Action():
            run.actions = [*(a for a in run.actions if a.id != event.id), event]
        case records.ActionResult():
            run.results.append(event)
        case records.Archived():
            run.archived = event
        case records.Link():
            run.links = list(dict.fromkeys((*run.links, event.commit)))


def _start(run: Run, event: records.RunStart) -> None:
    run.id = event.run_id
    run.started = event.t
    run.parent_run, run.private = event.parent_run, event.private
    run.user, run.host, run.process, run.git = event.user, event.host, event.process, event.git
    if event.git and not run.commit:
        run.commit = event.git.commit
    _describe(run, event)


def _describe(run: Run, event: records.Described) -> None:
    """What the owner and those who joined say: merged by key, later wins, a conflict is shown."""
    if isinstance(event, records.RunStart):
        run.name = event.name or run.name
    run.group = event.group or run.group
    said = {**params_in(event.metadata), **event.params}
    for key, value in said.items():
        if run.params.get(key, value) != value and key not in run.conflicts:
            run.conflicts.append(key)
    run.params = {**run.params, **said}
    run.tags = list(dict.fromkeys((*run.tags, *event.tags)))
    run.metadata = _merged(run.metadata, event.metadata)


def params_in(metadata: Any) -> dict[str, Any]:
    """The params that metadata names, under `hparams` or `params`, as flat dotted keys."""
    if not isinstance(metadata, dict):
        return {}
    found: dict[str, Any] = {}
    for name in ("hparams", "params"):
        found.update(flat(metadata.get(name)))
    return found


def flat(value: Any) -> dict[str, Any]:
    """A nested mapping as one level of dotted names; all that is no mapping has none."""
    found: dict[str, Any] = {}
    waiting: list[tuple[str, Any]] = [("", value)] if isinstance(value, dict) else []
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, dict):
            prefix = f"{name}." if name else ""
            waiting.extend((f"{prefix}{key}", one) for key, one in reversed(value.items()))
        else:
            found[name] = value
    return found


def _merged(old: Any, new: Any) -> Any:
    """Two processes' metadata: merged by key, at every depth; the later one wins."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return old if new is None else new
    whole = dict(old)
    waiting = [(whole, new)]
    while waiting:
        into, more = waiting.pop()
        for key, value in more.items():
            there = into.get(key)
            if isinstance(there, dict) and isinstance(value, dict):
                into[key] = dict(there)
                waiting.append((into[key], value))
            else:
                into[key] = value
    return whole


def _retag(run: Run, event: records.Tag | records.Untag) -> None:
    if isinstance(event, records.Tag):
        run.tags = list(dict.fromkeys((*run.tags, *event.tags)))
    else:
        run.tags = [tag for tag in run.tags if tag not in event.tags]


def _deciding(ends: list[records.RunEnd]) -> records.RunEnd:
    first_hand = [end for end in ends if end.status not in _SECOND_HAND]
    return (first_hand or ends)[-1]


def _end(run: Run, end: records.RunEnd) -> None:
    run.status = end.status
    run.ended = end.t
    run.duration_ms = end.duration_ms
    run.exit_code = end.exit_code
    run.error = end.error
    run.usage = end.usage
    run.metrics = metrics.read(end.metrics) if end.metrics or not run.metrics else run.metrics
