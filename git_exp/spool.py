"""The spool: append-only journals with one writer each, and whether that writer still lives.

`<common git dir>/exp/spool/<run id>/` holds a run's journals, its output, and artifacts and
packages that wait to be sealed. A record is there once `write(2)` has returned.
"""

from __future__ import annotations

import fcntl
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path

from git_exp import records

_PRIVATE = (b"writer", b"child")


class Life(Enum):
    """What is known of a journal's writer."""

    LIVE = "live"
    DEAD = "dead"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Machine:
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


@dataclass(frozen=True, kw_only=True)
class Found:
    """A journal met on disk; `fd` is open, and holds the lock where the writer is not alive."""

    path: Path
    fd: int
    life: Life
    writer: records.Writer | None
    elsewhere: bool = False

    @property
    def stem(self) -> str:
        return self.path.name.removesuffix(".jsonl")

    def lines(self) -> Iterator[bytes]:
        """Its lines without line feeds; a torn last one only once nobody will complete it."""
        with os.fdopen(os.dup(self.fd), "rb") as file:
            file.seek(0)
            for line in file:
                if line.endswith(b"\n"):
                    yield line[:-1]
                elif self.life is Life.DEAD:
                    yield line


@dataclass(frozen=True, kw_only=True)
class Folder:
    """The spool of one run, as it is now."""

    run_id: str
    path: Path
    journals: list[Found]

    @property
    def writer(self) -> records.Writer | None:
        """The owner's first line, else that of anybody who joined."""
        known = [found.writer for found in self.journals if found.writer]
        return next((one for one in known if one.owner), known[0] if known else None)

    @property
    def life(self) -> Life:
        """Whether anybody may still write here.

        A run whose owner has died is alive while one who joined it is, or the command it watched.
        """
        lives = {found.life for found in self.journals}
        owners = {found.life for found in self.journals if found.writer and found.writer.owner}
        if Life.LIVE in owners:
            return Life.LIVE
        if Life.UNKNOWN in lives:
            return Life.UNKNOWN
        return Life.LIVE if not self.ended and self._goes_on(lives) else Life.DEAD

    @property
    def ended(self) -> bool:
        """Whether the owner said how the run ended, or has been sealed and is gone."""
        owners = [one for one in self.journals if one.writer is None or one.writer.owner]
        return all(_has_end(one) for one in owners)

    @property
    def touched(self) -> float:
        """When anything was last written here, in seconds since 1970."""
        return max((found.path.stat().st_mtime for found in self.journals), default=0.0)

    def _goes_on(self, lives: set[Life]) -> bool:
        return (
            Life.LIVE in lives
            or any(_is_held(path) for path in (self.path / "output").glob("std*"))
            or any(_child_lives(found) for found in self.journals)
        )


def run_ids(root: Path) -> list[str]:
    """The runs that have a spool."""
    try:
        return sorted(entry.name for entry in os.scandir(root) if entry.is_dir())
    except FileNotFoundError:
        return []


@contextmanager
def look(
    root: Path, run_id: str, *, to_seal: bool = False, foreign: bool = False
) -> Iterator[Folder]:
    """One run's spool with its journals open; `to_seal` holds the dead ones' locks alone.

    `foreign` takes a free lock for a dead writer's on other machines too.
    """
    path = root / run_id
    found: list[Found] = []
    try:
        for name in sorted(path.glob("*.jsonl")):
            met = _meet(name, exclusive=to_seal, foreign=foreign)
            if met:
                found.append(met)
        yield Folder(run_id=run_id, path=path, journals=found)
    finally:
        for one in found:
            os.close(one.fd)


def head_and_tail(path: Path, limit: int) -> bytes:
    """A file whole up to `limit` bytes; of a larger one its two ends, and how much is between."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size <= limit:
            return file.read()
        head = file.read(limit // 2)
        file.seek(size - limit // 2)
        between = f"\n[git-exp: {size - 2 * (limit // 2)} bytes left out]\n"
        return head + between.encode() + file.read(limit // 2)


def is_private(line: bytes) -> bool:
    """Whether a journal's line is only for the spool."""
    return any(records.is_kind(line, name) for name in _PRIVATE)


def born(pid: int) -> str:
    """When a process started, in a form that only compares: a pid alone is used again."""
    stat = _text(f"/proc/{pid}/stat")
    return stat.rpartition(")")[2].split()[19] if stat else ""


def _meet(path: Path, *, exclusive: bool, foreign: bool) -> Found | None:
    try:
        fd = os.open(path, os.O_RDWR if os.access(path, os.W_OK) else os.O_RDONLY)
    except FileNotFoundError:
        return None
    free = _try_lock(fd, exclusive=exclusive)
    writer = _first(fd)
    away = free and writer is not None and not _is_here(writer)
    life = Life.LIVE if not free else Life.UNKNOWN if away and not foreign else Life.DEAD
    return Found(path=path, fd=fd, life=life, writer=writer, elsewhere=away)


def _is_here(writer: records.Writer) -> bool:
    """Whether a free lock proves that this writer is dead.

    Another boot of this machine is over; another machine's lock may not reach us.
    """
    now = here()
    again = bool(now.machine) and (writer.machine, writer.host) == (now.machine, now.host)
    return writer.boot == now.boot or again


def _try_lock(fd: int, *, exclusive: bool) -> bool:
    """Whether nobody writes this file: its writer would not share it.

    A reader's look shares it for a moment, so a sealer asks again; but not of a living writer's,
    where a hundred live runs would cost each end of a run a second.
    """
    shared = _flock(fd, fcntl.LOCK_SH)
    if not shared or not exclusive:
        return shared
    for pause in (0.0005, 0.002, 0.008):
        if _flock(fd, fcntl.LOCK_EX):
            return True
        time.sleep(pause)
    return _flock(fd, fcntl.LOCK_EX)


def _flock(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


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
    fd = os.open(output, os.O_RDONLY)
    try:
        return not _try_lock(fd, exclusive=True)
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
