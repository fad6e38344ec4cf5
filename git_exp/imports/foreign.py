"""A run as another tool recorded it, and how words, times and files of others are taken."""

from __future__ import annotations

import hashlib
import math
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from git_exp import errors, names, records, values

TEXT = 1 << 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A number of seconds, of milliseconds, of microseconds or of nanoseconds since 1970, by its size.
_UNITS = ((1e11, 1e6), (1e14, 1e3), (1e17, 1.0), (math.inf, 1e-3))


class Unreadable(ValueError):
    """A run, or a file of one, that cannot be taken; the message says why."""


class Broken(msgspec.Struct, frozen=True, kw_only=True):
    """Something in a source that cannot be taken: a file, a line of it, a run; and why."""

    where: str
    why: str


class Deleted(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was deleted where it comes from."""

    id: str


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One tracked value; `t` in microseconds since 1970."""

    t: int
    value: Any
    step: Any = None
    note: str | None = None
    elapsed_ms: float | None = None


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a run made; `name` is the path it had among its artifacts."""

    name: str
    path: Path


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """What a source says of the code that ran.

    `commit` is whole or abbreviated, `branch` where HEAD was. `exact` says that the commit's tree
    is what ran. One that was made for this run alone, of a worktree with changes, is known by its
    subject, `snapshot`, or by the ref `tip` that was left on it.
    """

    commit: str | None = None
    branch: str | None = None
    exact: bool = False
    snapshot: str | None = None
    tip: str | None = None
    status: Sequence[str] = ()


class Foreign(msgspec.Struct, frozen=True, kw_only=True):
    """A run of another tool; times in microseconds since 1970, `where` says where it stands.

    `id` is what it is called there and `run_id` what it is here. Without `ended` it ended with its
    last point. Without `started` it started when its commit was made, or else at `guess`; `order`
    keeps such runs apart. `more` is what else the source says, kept beside where it came from.
    """

    source: str
    id: str
    run_id: str
    where: str
    status: str
    started: int | None = None
    guess: int = 0
    order: int = 0
    ended: int | None = None
    name: str | None = None
    group: str | None = None
    parent: str | None = None
    user: str | None = None
    host: records.Host | None = None
    process: records.Process | None = None
    code: Code = Code()
    metadata: Mapping[str, Any] = {}
    more: Mapping[str, Any] = {}
    params: Mapping[str, Any] = {}
    tags: Sequence[str] = ()
    notes: Sequence[str] = ()
    points: Callable[[], Iterable[Point | Broken]] = tuple
    files: Callable[[], Iterable[File | Broken]] = tuple


Found = Foreign | Deleted | Broken


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What stands at a path; each of about `total` things is read when it is asked for."""

    found: Iterable[Found]
    total: int


def identified(source: str, said: str) -> str:
    """The id of a run here, out of what it is called in its source: the same each time."""
    if source == "exprag" and values.is_run_id(said):
        return said
    digest = hashlib.sha256(f"{source}\0{said}".encode("utf-8", "surrogatepass")).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


def named(said: str | None, run_id: str) -> str:
    """The name of a run here: what it was called, as far as a run can be called so."""
    line = (one_line(said) or "").lstrip("-@ ")[: names.LIMIT].rstrip()
    with suppress(errors.BadName):
        return names.checked(values.quoted(line))
    return names.made_up(run_id)


def one_line(said: Any, limit: int = names.LIMIT) -> str | None:
    """Words as one line, or None where nothing is said."""
    text = said if isinstance(said, str) else "" if said is None else str(said)
    words = values.quoted(" ".join(text.replace("\0", " ").split()))
    return words[:limit].rstrip() or None


def moment(said: Any) -> int | None:
    """A time in microseconds since 1970: of ISO text, in UTC unless it says where, or of a number.

    None for what is no time since 1970.
    """
    if isinstance(said, str):
        try:
            said = float(said)
        except ValueError:
            return _of_text(said)
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 <= said < 1e20:
        return None
    return int(said * next(unit for limit, unit in _UNITS if said < limit))


def inside(path: Path, root: Path) -> Path:
    """A regular file of a source; a link that leads out of it is not followed.

    `root` is resolved. Raises `Unreadable`.
    """
    if not path.is_file():
        raise Unreadable("it is no regular file")
    if not path.resolve().is_relative_to(root):
        raise Unreadable("it is a link that leads out of the source")
    return path


def text(path: Path, root: Path) -> str:
    """The text of a small file of a source; raises `Unreadable` and `OSError`."""
    with inside(path, root).open("rb") as file:
        data = file.read(TEXT + 1)
    if len(data) > TEXT:
        raise Unreadable(f"it has more than {TEXT:,} bytes")
    return data.decode("utf-8", "surrogateescape")


def why(error: Exception) -> str:
    """What went wrong, on one line."""
    told = error.strerror if isinstance(error, OSError) else None
    return one_line(told or str(error)) or type(error).__name__


def _of_text(said: str) -> int | None:
    try:
        found = datetime.fromisoformat(said.strip())
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        micros = (found - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        return None
    return micros if micros >= 0 else None
