"""The spool: append-only journals with one writer each, and whether that writer still lives.

`<common git dir>/exp/spool/<run id>/` holds a run's journals, its output, and artifacts and
packages that wait to be sealed. A record is there once `write(2)` has returned.
"""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from functools import lru_cache
from pathlib import Path

import msgspec

from git_exp import records, values

_PRIVATE = (b"writer", b"child")


class Life(Enum):
    """What is known of a journal's writer."""

    LIVE = "live"
    DEAD = "dead"
    UNKNOWN = "unknown"


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where a process runs: the lock decides only within one boot of one machine."""

    boot: str
    machine: str
    host: str


@lru_cache(maxsize=1)
def here() -> Machine:
    """This machine, in this boot."""
    return Machine(
        boot=_text("/proc/sys/kernel/random/boot_id") or f"boot-{_boot_second()}",
        machine=_text("/etc/machine-id") or _text("/var/lib/dbus/machine-id"),
        host=platform.node() or "localhost",
    )


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A journal met on disk, whose `fd` is open; to seal, it holds a lock that no writer has."""

    path: Path
    fd: int
    life: Life
    writer: records.Writer | None
    elsewhere: bool = False

    @property
    def stem(self) -> str:
        return self.path.name.removesuffix(".jsonl")

    @property
    def newest(self) -> str | None:
        """The time of its last whole line."""
        t = _last_line(self.fd)[6:33].decode("ascii", "replace")
        return t if records.valid_time(t) else None

    def lines(self) -> Iterator[bytes]:
        """Its lines without line feeds; a torn last one only once nobody will complete it."""
        with os.fdopen(os.dup(self.fd), "rb") as file:
            file.seek(0)
            for line in file:
                if line.endswith(b"\n"):
                    yield line[:-1]
                elif self.life is Life.DEAD:
                    yield line


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """The spool of one run, as it is now; `unreadable` says why some journals are not read."""

    run_id: str
    path: Path
    journals: list[Found]
    unreadable: list[OSError]

    @property
    def writer(self) -> records.Writer | None:
        """The owner's first line, else that of anybody who joined."""
        known = [found.writer for found in self.journals if found.writer]
        return next((one for one in known if one.owner), known[0] if known else None)

    @property
    def life(self) -> Life:
        """Whether anybody may still write here.

        A run whose owner has died is alive while one who joined it is, or the command it watched.
        One that has ended is over, whatever is not known of those who joined it elsewhere.
        """
        lives = {found.life for found in self.journals}
        owners = {found.life for found in self.journals if found.writer and found.writer.owner}
        if Life.LIVE in owners:
            return Life.LIVE
        if Life.UNKNOWN in owners or any(_is_theirs(error) for error in self.unreadable):
            return Life.UNKNOWN
        if self.ended:
            return Life.DEAD
        if Life.UNKNOWN in lives:
            return Life.UNKNOWN
        return Life.LIVE if self._goes_on(lives) else Life.DEAD

    @property
    def ended(self) -> bool:
        """Whether the owner said how the run ended, or has been sealed and is gone."""
        owners = [one for one in self.journals if one.writer is None or one.writer.owner]
        return all(_has_end(one) for one in owners)

    @property
    def touched(self) -> float:
        """When anything was last written here, in seconds since 1970."""
        return max((os.fstat(found.fd).st_mtime for found in self.journals), default=0.0)

    @property
    def newest(self) -> str | None:
        """The time of the latest record here."""
        return max(filter(None, (found.newest for found in self.journals)), default=None)

    def _goes_on(self, lives: set[Life]) -> bool:
        return (
            Life.LIVE in lives
            or any(_is_held(path) for path in (self.path / "output").glob("std*"))
            or any(_child_lives(found) for found in self.journals)
        )


def run_ids(root: Path) -> list[str]:
    """The runs that have a spool."""
    try:
        names = [entry.name for entry in os.scandir(root) if entry.is_dir()]
    except FileNotFoundError:
        return []
    return sorted(filter(values.is_run_id, names))


def at_once(most: int) -> int:
    """How many journals may be open at once, up to `most`: a quarter of the files that may be."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return most if limit == resource.RLIM_INFINITY else max(1, min(most, limit // 4))


@contextmanager
def look(
    root: Path, run_id: str, *, to_seal: bool = False, foreign: bool = False
) -> Iterator[Folder]:
    """One run's spool with its journals open; `to_seal` holds the dead ones' locks alone.

    Who reads holds no lock for longer than it takes to see who has it. `foreign` takes a free lock
    for a dead writer's on other machines too.
    """
    folder = Folder(run_id=run_id, path=root / run_id, journals=[], unreadable=[])
    try:
        # What others wrote may claim any id: one that is none is no path either.
        for path in sorted(folder.path.glob("*.jsonl")) if values.is_run_id(run_id) else ():
            try:
                folder.journals.append(_meet(path, to_seal=to_seal, foreign=foreign))
            except FileNotFoundError:
                continue
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    raise
                folder.unreadable.append(error)
        yield folder
    finally:
        for found in folder.journals:
            with suppress(OSError):
                # A fork that a thread made meanwhile has this file open too.
                fcntl.flock(found.fd, fcntl.LOCK_UN)
            os.close(found.fd)


def is_private(line: bytes) -> bool:
    """Whether a journal's line is only for the spool."""
    return any(records.is_kind(line, name) for name in _PRIVATE)


def born(pid: int) -> str:
    """When a process started, in a form that only compares: a pid alone is used again.

    One that is over has none, though nobody has asked how it ended.
    """
    stat = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return stat[19] if stat and stat[0] not in "ZX" else ""


def _meet(path: Path, *, to_seal: bool, foreign: bool) -> Found:
    fd = os.open(path, os.O_RDWR if os.access(path, os.W_OK) else os.O_RDONLY)
    try:
        free = not _is_locked(fd) and (not to_seal or _is_ours(fd))
        writer = _first(fd)
    except OSError:
        os.close(fd)
        raise
    if not to_seal:
        fcntl.flock(fd, fcntl.LOCK_UN)
    away = free and writer is not None and not _is_here(writer)
    life = Life.LIVE if not free else Life.UNKNOWN if away and not foreign else Life.DEAD
    return Found(path=path, fd=fd, life=life, writer=writer, elsewhere=away)


def _is_theirs(error: OSError) -> bool:
    return isinstance(error, PermissionError)


def _is_here(writer: records.Writer) -> bool:
    """Whether a free lock proves that this writer is dead.

    Another boot of this machine is over; another machine's lock may not reach us.
    """
    now = here()
    again = bool(now.machine) and (writer.machine, writer.host) == (now.machine, now.host)
    return writer.boot == now.boot or again


def _is_locked(fd: int) -> bool:
    """Whether somebody has this file for himself: who writes or seals it."""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    return False


def _is_ours(fd: int) -> bool:
    """Take this file for ourselves; who only looks has it for a moment, so ask again."""
    for pause in (0.0005, 0.002, 0.008, None):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if pause:
                time.sleep(pause)
        else:
            return True
    return False


def _first(fd: int) -> records.Writer | None:
    head = os.pread(fd, 65_536, 0).partition(b"\n")[0]
    event = records.parse(head)
    return event if isinstance(event, records.Writer) else None


def _has_end(found: Found) -> bool:
    return records.is_kind(_last_line(found.fd), b"run_end")


def _last_line(fd: int) -> bytes:
    """The last whole line, of which the end of the file is read and no more."""
    size, span = os.fstat(fd).st_size, 4_096
    while True:
        tail = os.pread(fd, span, max(0, size - span))
        whole = tail[: tail.rfind(b"\n") + 1]
        start = whole.rfind(b"\n", 0, -1) + 1
        if start or span >= size:
            return whole[start:]
        span *= 4


def _is_held(output: Path) -> bool:
    """Whether a command still has its output open: it shares a lock on it with its launcher."""
    try:
        fd = os.open(output, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return not _is_ours(fd)
    finally:
        os.close(fd)


def _child_lives(found: Found) -> bool:
    writer = found.writer
    if writer is None or not writer.owner or writer.boot != here().boot:
        return False
    children = [line for line in found.lines() if records.is_kind(line, b"child")]
    event = records.parse(children[-1]) if children else None
    return isinstance(event, records.Child) and bool(event.born) and born(event.pid) == event.born


def _text(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def _boot_second() -> int:
    return int(time.time() - time.clock_gettime(time.CLOCK_MONOTONIC))
