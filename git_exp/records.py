"""What git exp writes: one JSON object a line, first `t`, then `event` (format 1).

Lines sort by time as plain text, so that the sorted union of two sets of lines is their merge.
"""

from __future__ import annotations

import datetime
import math
import re
import time
from collections.abc import Callable
from typing import Any

import msgspec

from git_exp import values

VERSION = 1
DAY = 86_400_000_000
_LAST = 253_402_300_799_999_999
_EPOCH = datetime.date(1970, 1, 1).toordinal()
_STAMP = "{:04d}-{:02d}-{:02d}T{:02d}:{:02d}:{:02d}.{:06d}Z".format
_TIME = re.compile(
    r"(?!0000)[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z"
)


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="event"):
    """One record of a run; `t` is UTC, RFC 3339, six decimals, `Z`."""

    t: str


class Process(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The process that a run is, or that joined it; `cwd` is relative to the repository."""

    pid: int
    argv: list[str] = []
    # No default: whether a text is left out for being it depends on the interpreter.
    cwd: str | None = None
    executable: str | None = None
    python: str | None = None


class Host(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The machine of a run; `memory` in bytes."""

    name: str
    os: str | None = None
    cpu_count: int | None = None
    memory: int | None = None


class Skipped(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file that the snapshot left out; `size` in bytes, `mtime` in seconds since 1970."""

    path: str
    reason: str
    size: int | None = None
    mtime: float | None = None
    sha256: str | None = None


class Submodule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A submodule whose worktree differs from what the snapshot can hold."""

    path: str
    commit: str | None = None
    dirty: bool = False


class Git(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The code of a run: `commit` is the run's own, `base` is HEAD when it started."""

    commit: str
    tree: str | None = None
    base: str | None = None
    branch: str | None = None
    dirty: bool | None = None
    capture: str
    status: list[str] = []
    status_count: int | None = None
    remote: str | None = None
    skipped: list[Skipped] = []
    skipped_count: int | None = None
    missed: list[Skipped] = []
    missed_count: int | None = None
    submodules: list[Submodule] = []
    derived: str | None = None


class Error(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The exception that ended a run; `traceback` is its last 50 lines."""

    type: str
    message: str = ""
    traceback: str | None = None


class Summary(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One metric over a run; `min` and `max` pass over NaN, `last` does not."""

    last: Any
    min: Any = None
    max: Any = None
    first: Any = None
    count: int = 0
    min_step: Any = None
    max_step: Any = None


class Described(Event, frozen=True, kw_only=True, omit_defaults=True):
    """What a run and a process that joins it say of themselves."""

    name: str | None = None
    metadata: Any = None
    params: dict[str, Any] = {}
    tags: list[str] = []
    group: str | None = None
    process: Process | None = None
    rank: int = 0


class RunStart(Described, frozen=True, kw_only=True, omit_defaults=True, tag="run_start"):
    """The first record of a run."""

    v: int
    run_id: str
    replaces: str | None = None
    private: bool = False
    parent_run: str | None = None
    host: Host | None = None
    user: str | None = None
    git: Git | None = None


class Join(Described, frozen=True, kw_only=True, omit_defaults=True, tag="join"):
    """A process that joins a running run."""


class Env(Event, frozen=True, kw_only=True, omit_defaults=True, tag="env"):
    """`packages` is the SHA-256 of `packages.txt`, the installed distributions."""

    gpus: list[str] = []
    packages: str | None = None


class Track(Event, frozen=True, kw_only=True, omit_defaults=True, tag="track"):
    """One tracked value; `elapsed_ms` from a monotonic clock since the run's start."""

    elapsed_ms: float = 0.0
    step: Any = None
    value: Any = None
    note: str | None = None
    rank: int = 0


class Progress(Event, frozen=True, kw_only=True, omit_defaults=True, tag="progress"):
    """The metrics so far, at a checkpoint."""

    metrics: dict[str, Summary] = {}


class Note(Event, frozen=True, kw_only=True, omit_defaults=True, tag="note"):
    """Words about a run."""

    text: str


class Tag(Event, frozen=True, kw_only=True, omit_defaults=True, tag="tag"):
    """Tags that a run gets; those that are `kept` no `untag` takes from it."""

    tags: list[str]
    kept: bool = False


class Untag(Event, frozen=True, kw_only=True, omit_defaults=True, tag="untag"):
    """Tags that a run loses."""

    tags: list[str]


class Rename(Event, frozen=True, kw_only=True, omit_defaults=True, tag="rename"):
    """A new name."""

    name: str


class Artifact(Event, frozen=True, kw_only=True, omit_defaults=True, tag="artifact"):
    """A file that a run made: `stored` in the data commit, or `uri` says where else."""

    path: str
    size: int
    sha256: str | None = None
    stored: bool = False
    uri: str | None = None


class Action(Event, frozen=True, kw_only=True, omit_defaults=True, tag="action"):
    """Something a finished run still offers."""

    id: str
    cls: str = msgspec.field(name="class")
    description: str = ""


class ActionResult(Event, frozen=True, kw_only=True, omit_defaults=True, tag="action_result"):
    """What came of an action."""

    id: str
    by: str | None = None
    answers: dict[str, Any] = {}
    outcome: Any = None


class Link(Event, frozen=True, kw_only=True, omit_defaults=True, tag="link"):
    """A commit that was made of this run's tree."""

    commit: str


class Archived(Event, frozen=True, kw_only=True, omit_defaults=True, tag="archived"):
    """The run's own refs went into an archive: `ref` holds it, `data` was its data's tip."""

    ref: str
    data: str | None = None


class RunEnd(Event, frozen=True, kw_only=True, omit_defaults=True, tag="run_end"):
    """How a run ended, and its metrics; `crashed` and `lost` were written by somebody else."""

    status: str
    exit_code: int | None = None
    error: Error | None = None
    duration_ms: float | None = None
    metrics: dict[str, Summary] = {}
    metrics_left_out: int = 0
    usage: dict[str, Any] = {}


class Deleted(Event, frozen=True, kw_only=True, omit_defaults=True, tag="deleted"):
    """A tombstone for the note that it stands in."""

    by: str | None = None
    reason: str | None = None
    replaced_by: str | None = None


class Writer(Event, frozen=True, kw_only=True, omit_defaults=True, tag="writer"):
    """Who writes a journal: its first line, and never sealed."""

    v: int = VERSION
    run_id: str
    commit: str
    owner: bool = False
    rank: int = 0
    pid: int
    host: str
    boot: str
    machine: str


class Child(Event, frozen=True, kw_only=True, omit_defaults=True, tag="child"):
    """The command that a run watches: the run lives while it does. Never sealed."""

    pid: int
    born: str


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """A record of a later format: kept and passed over."""

    t: str
    event: str


class Damaged(msgspec.Struct, frozen=True, kw_only=True):
    """A line that is no record; its bytes stay where they are."""

    line: bytes
    why: str


KINDS: dict[str, type[Event]] = {
    str(kind.__struct_config__.tag): kind
    for kind in (
        RunStart, Join, Env, Track, Progress, Note, Tag, Untag, Rename,
        Artifact, Action, ActionResult, Link, Archived, RunEnd, Deleted, Writer, Child,
    )
}  # fmt: skip


_ENCODER = msgspec.json.Encoder(enc_hook=values.simpler, decimal_format="number")
encode: Callable[[Any], bytes] = _ENCODER.encode
_HEAD = msgspec.json.Decoder(Unknown)
_DECODERS: dict[bytes, msgspec.json.Decoder[Any]] = {
    name.encode(): msgspec.json.Decoder(kind) for name, kind in KINDS.items()
}


def line(event: Event) -> bytes:
    """The canonical bytes of a record, with its line feed.

    NaN and the infinities become strings; a value that no record can hold raises `Unencodable`
    (a `TypeError`) that names its key.
    """
    try:
        raw = _ordered(encode(event), event.t)
    except Exception:
        return _slow(event)
    return _slow(event) if is_odd(raw) else raw


def is_odd(raw: bytes) -> bool:
    """Whether bytes of the encoder may hold a NaN that is null, or a Decimal that is no JSON."""
    return b"null" in raw or b"NaN" in raw or b"Infinity" in raw or b"E+" in raw


def kind(event: Event) -> str:
    """The word that stands under `event` in a record's line."""
    return str(event.__struct_config__.tag)


def parse(raw: bytes) -> Event | Unknown | Damaged:
    """One record of a line without its line feed; never raises."""
    try:
        event: Event | Unknown = _DECODERS.get(_event_name(raw), _HEAD).decode(raw)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return Damaged(line=raw, why=str(error))
    return event if valid_time(event.t) else Damaged(line=raw, why=f"bad time '{event.t[:40]}'")


def is_kind(raw: bytes, name: bytes) -> bool:
    """Whether a line of ours is of one kind, told from its first bytes alone."""
    return raw[33:44] == b'","event":"' and raw.startswith(name + b'"', 44)


def valid_time(t: str) -> bool:
    """Whether text is a time as records hold it; anything else would not sort by time."""
    return _TIME.fullmatch(t) is not None


def stamp(micros: int) -> str:
    """A time as records hold it, of microseconds since 1970 in UTC; none is after year 9999."""
    seconds, rest = divmod(min(micros, _LAST), 1_000_000)
    return _STAMP(*time.gmtime(seconds)[:6], rest)


def micros(t: str) -> int:
    """The microseconds since 1970 of a record's time; the inverse of `stamp`."""
    # The 31st of February is in March: what sorts as text is a time.
    month = datetime.date(int(t[:4]), int(t[5:7]), 1).toordinal() - _EPOCH
    hours = (month + int(t[8:10]) - 1) * 24 + int(t[11:13])
    return ((hours * 60 + int(t[14:16])) * 60 + int(t[17:19])) * 1_000_000 + int(t[20:26])


def later(now: int, newest: str | None) -> str:
    """The time of a new line: now, or just after the newest line there is.

    A slow clock must not sort an `untag` before its `tag`; a line over a day ahead is damage and
    does not push the clock.
    """
    if newest is None or not valid_time(newest):
        return stamp(now)
    before = micros(newest)
    return stamp(now if before < now or before > now + DAY else before + 1)


def number(value: Any) -> float | int | None:
    """A metric's value as read back: the three special strings are floats, all else is none."""
    if isinstance(value, int | float):
        return None if isinstance(value, bool) else value
    return _SPECIAL.get(value) if isinstance(value, str) else None


_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def _event_name(raw: bytes) -> bytes:
    if raw[33:44] == b'","event":"':
        return raw[44 : raw.index(b'"', 44)]
    return _HEAD.decode(raw).event.encode()


def _ordered(raw: bytes, t: str) -> bytes:
    # msgspec writes the tag first; lines sort by time only with `t` there.
    end = raw.index(b'"', 10) + 1
    return b'{"t":"%b",%b%b\n' % (t.encode(), raw[1:end], raw[end + len(t) + 7 :])


def _slow(event: Event) -> bytes:
    """Encode with every value made plain first: special floats, text that is no UTF-8."""
    plain = {
        name: values.plain(getattr(event, name), () if name == "value" else (name,))
        for name in event.__struct_fields__
    }
    return _ordered(encode(msgspec.structs.replace(event, **plain)), event.t)
