"""Runs of MLflow, without MLflow: what both of its stores have in common."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from git_exp import errors, values
from git_exp.imports import foreign
from git_exp.imports.foreign import Broken, Code, File, Foreign, Point, Source

_STATUS = {
    "FINISHED": "finished",
    "FAILED": "failed",
    "KILLED": "interrupted",
    # Nobody has heard how these ended.
    "RUNNING": "lost",
    "SCHEDULED": "lost",
}
# How the file store writes a status.
_NUMBERS = {"1": "RUNNING", "2": "SCHEDULED", "3": "FINISHED", "4": "FAILED", "5": "KILLED"}
_SQLITE = b"SQLite format 3\0"


class Sample(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One value of one metric; `ms` since 1970."""

    ms: int
    step: int
    key: str
    value: float


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """A run as a store has it; times in milliseconds since 1970."""

    id: str
    where: str
    status: str
    started: Any
    ended: Any
    name: str | None
    user: str | None
    experiment: str | None
    params: Mapping[str, str]
    tags: Mapping[str, str]
    samples: Callable[[], Iterable[Sample | Broken]]
    files: Callable[[], Iterable[File | Broken]] = tuple
    more: Mapping[str, Any] = {}


def opened(place: Path) -> Source:
    """The runs in a store: a folder `mlruns` or the one above it, or a SQLite database.

    Raises `NotFound` where none is.
    """
    from git_exp.imports import mlflow_db, mlruns

    hint = "name the folder mlruns or the file mlflow.db"
    if place.is_dir():
        for folder in (place, place / "mlruns"):
            if mlruns.is_store(folder):
                return mlruns.opened(folder)
        place = place / "mlflow.db"
        if not place.is_file():
            raise errors.NotFound(f"no runs of MLflow in '{place.parent}'", hint=hint)
    try:
        with place.open("rb") as file:
            head = file.read(len(_SQLITE))
    except OSError as error:
        raise errors.NotFound(f"cannot read '{place}': {foreign.why(error)}", hint=hint) from error
    if head != _SQLITE:
        raise errors.NotFound(f"'{place}' is no database of MLflow", hint=hint)
    return mlflow_db.opened(place)


def run(found: Recorded) -> Foreign:
    """A run of a store as every import has them; raises `Unreadable`."""
    started, ended = _micros(found.started), _micros(found.ended)
    if started is None:
        raise foreign.Unreadable("it does not say when it started")
    own = {key: text for key, text in found.tags.items() if not key.startswith("mlflow.")}
    parent = found.tags.get("mlflow.parentRunId")
    commit = foreign.one_line(found.tags.get("mlflow.source.git.commit"))
    program = foreign.one_line(found.tags.get("mlflow.source.name"))
    more = {"commit": commit, "program": program, **found.more}
    note = found.tags.get("mlflow.note.content")
    return Foreign(
        source="mlflow",
        id=found.id,
        run_id=foreign.identified("mlflow", found.id),
        where=found.where,
        status=_STATUS.get(_NUMBERS.get(found.status, found.status), "lost"),
        started=started,
        ended=ended,
        name=found.name or found.tags.get("mlflow.runName"),
        group=found.experiment,
        parent=foreign.identified("mlflow", parent) if parent else None,
        user=found.tags.get("mlflow.user") or found.user,
        code=Code(commit=commit, branch=found.tags.get("mlflow.source.git.branch")),
        metadata={"tags": own} if own else {},
        more={key: value for key, value in more.items() if value is not None},
        params={values.quoted(key): values.parsed(text) for key, text in found.params.items()},
        notes=[note] if note else [],
        points=lambda: points(found.samples()),
        files=found.files,
    )


def points(samples: Iterable[Sample | Broken]) -> Iterator[Point | Broken]:
    """What was logged at one time and step as one point; the samples are sorted."""
    for together, group in itertools.groupby(samples, _moment):
        value: dict[str, float] = {}
        for one in group:
            if isinstance(one, Broken):
                yield one
                continue
            if one.key in value:
                yield _point(together, value)
                value = {}
            value[one.key] = one.value
        if value:
            yield _point(together, value)


def number(said: Any) -> float:
    """A metric's value: infinity is the largest float in a database. Raises `ValueError`."""
    found = float(said)
    largest = abs(found) >= 1.7976931348623157e308
    return math.copysign(math.inf, found) if largest else found


def _moment(one: Sample | Broken) -> tuple[int, int]:
    return (-1, -1) if isinstance(one, Broken) else (one.ms, one.step)


def _point(together: tuple[int, int], value: Mapping[str, float]) -> Point:
    ms, step = together
    return Point(t=ms * 1000, value=value, step=step)


def _micros(ms: Any) -> int | None:
    known = isinstance(ms, int) and not isinstance(ms, bool) and 0 <= ms < 1 << 53
    return ms * 1000 if known else None
