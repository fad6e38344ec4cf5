"""A journal as its own process writes it: append-only, locked, one `write(2)` a record."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from git_exp import errors, locks, records, values

_SECOND = 1_000_000
# Without these letters an encoded value is what it should be: see `records.is_odd`.
_U, _N, _I, _PLUS = b"uNI+"

# Bound once: the hot path looks up no module.
_encode = records.encode
_monotonic = time.monotonic_ns
_write = os.write

Opened = tuple[Path, int]


def create(folder: Path, writer: records.Writer, first: bytes = b"") -> Opened:
    """A new file with its writer's line and `first` in it before anybody can see it.

    It gets its name only when it is locked: nobody takes it for that of a dead process.
    """
    host = re.sub(r"[^A-Za-z0-9-]+", "-", writer.host)[:64]
    name = f"{writer.rank}.{host}.{writer.pid}.{secrets.token_hex(4)}.jsonl"
    hidden, path = folder / f".{name}.new", folder / name
    fd = -1
    try:
        fd = _opened(hidden)
        _lock(fd, path)
        append(fd, path, records.line(writer) + first)
        hidden.rename(path)
    except (OSError, errors.GitExpError) as error:
        if fd >= 0:
            os.close(fd)
            hidden.unlink(missing_ok=True)
        with suppress(OSError):
            folder.rmdir()
        if isinstance(error, errors.GitExpError):
            raise
        raise refused(path, error) from error
    return path, fd


def _opened(path: Path) -> int:
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Between the two a sealer may remove the folder of a run that has ended.
        with suppress(FileNotFoundError):
            return os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND, 0o666)


def append(fd: int, path: Path, line: bytes) -> None:
    """One `write(2)`; where the disk takes only a part, that part is cut and this raises."""
    try:
        written = os.write(fd, line)
    except OSError as error:
        raise refused(path, error) from error
    if written != len(line):
        _complete(fd, path, line, written=written)


def refused(path: Path, error: OSError) -> errors.JournalFailed:
    """What to say when the file system takes no record."""
    failed = errors.JournalFailed(
        f"cannot write '{path}': {error.strerror or error}",
        hint="free some space or mend its permissions: what was recorded before is kept",
    )
    failed.errno = error.errno
    return failed


class Journal:
    """The records of one run out of one process; its threads share it.

    `start` is the time of the run's first record, from which `elapsed_ms` counts. A fork lets go
    of its parent's file, and `renew` opens one of its own at first use.
    """

    def __init__(
        self, opened: Opened, *, start: str, rank: int = 0, renew: Callable[[], Opened]
    ) -> None:
        self.path, self._fd = opened
        self.rank = rank
        self._renew = renew
        self._zero = _monotonic() // 1000 - max(0, _now() - records.micros(start))
        self._last = 0
        # Of the second that a line's time is in: where it begins, and the line up to its value.
        self._offset, self._second, self._form = 0, -_SECOND, b""
        self._relock()

    def track(self, value: Any, note: str | None = None, *, step: Any = None) -> None:
        """Record one value; it is there when this returns, whatever becomes of the process.

        Raises `Unencodable`, a `TypeError` that names the key, for a value that no record can
        hold, and `JournalFailed` when the disk is full; nothing of the value is then kept.
        """
        # The hot path: a third of its time above the write and the encoding.
        try:
            raw = _encode(value)
        except Exception:
            raw = _encode(values.plain(value))
        if (
            note is not None
            or step is not None
            or ((_U in raw or _N in raw or _I in raw or _PLUS in raw) and records.is_odd(raw))
        ):
            return self._track_with(value, note, step)
        try:
            self._acquire()
            micro = _monotonic() // 1000
            elapsed = micro - self._zero
            micro += self._offset
            if micro <= self._last:
                micro = self._last + 1
            since = micro - self._second
            if since >= _SECOND:
                micro = self._next_second()
                since = micro - self._second
            self._last = micro
            line = self._form % (since, elapsed // 1000, elapsed % 1000, raw)
            written = _write(self._fd, line)
            if written != len(line):
                _complete(self._fd, self.path, line, written=written)
        except OSError as error:
            self._again(line, error)
        except BaseException:
            self._let_go()
            raise
        else:
            self._release()
        return None

    def record(self, make: Callable[[str], records.Event]) -> None:
        """Write one record; `make` gets its time."""
        with self._lock:
            line = records.line(make(records.stamp(self._tick())))
            try:
                append(self._fd, self.path, line)
            except OSError as error:
                self._refused(line, error)

    def elapsed(self) -> float:
        """Milliseconds since the run's start, by the monotonic clock."""
        return (_monotonic() // 1000 - self._zero) / 1000

    def open(self) -> None:
        """Have a file: a fork that wrote nothing yet has none, and nobody knows that it lives."""
        with self._lock:
            if self._fd < 0:
                self.path, self._fd = self._renew()

    def close(self) -> None:
        """Close the file, which frees its lock; a fork's copy of the parent's frees nothing."""
        with self._lock:
            fd, self._fd = self._fd, -1
            if fd >= 0:
                os.close(fd)

    def forked(self) -> None:
        """In a fork: let go of the parent's file, whoever of its threads held the lock."""
        self._relock()
        self.close()

    @property
    def closed(self) -> bool:
        """Whether the next record needs a new file."""
        return self._fd < 0

    def _track_with(self, value: Any, note: str | None, step: Any) -> None:
        checked = _noted(note), _stepped(step)
        with self._lock:
            elapsed = self.elapsed()
            t = records.stamp(self._tick())
            event = records.Track(
                t=t,
                elapsed_ms=elapsed,
                value=value,
                note=checked[0],
                step=checked[1],
                rank=self.rank,
            )
            line = records.line(event)
            try:
                append(self._fd, self.path, line)
            except OSError as error:
                self._refused(line, error)

    def _tick(self) -> int:
        now = _now()
        # A clock that was over a day ahead does not push the time of all that follows.
        ahead = now <= self._last <= now + records.DAY
        self._last = self._last + 1 if ahead else now
        return self._last

    def _next_second(self) -> int:
        """Look at the wall clock again: within a second a line's time follows the monotonic one."""
        now = self._tick()
        ending = f',"rank":{self.rank}}}\n' if self.rank else "}\n"
        form = (
            f'{{"t":"{records.stamp(now)[:20]}%06dZ",'
            f'"event":"track","elapsed_ms":%d.%03d,"value":%b{ending}'
        ).encode()
        offset = now - _monotonic() // 1000
        # All or none, whenever a signal comes.
        self._offset, self._second, self._form = offset, now // _SECOND * _SECOND, form
        return now

    def _again(self, line: bytes, error: OSError) -> None:
        try:
            self._refused(line, error)
        finally:
            self._let_go()

    def _let_go(self) -> None:
        """Release the lock, if it is held: a signal may have come before."""
        with suppress(RuntimeError):
            self._release()

    def _refused(self, line: bytes, error: OSError) -> None:
        if self._fd >= 0:
            if isinstance(error, errors.JournalFailed):
                raise error
            raise refused(self.path, error) from error
        self.path, self._fd = self._renew()
        append(self._fd, self.path, line)

    def _relock(self) -> None:
        self._lock = threading.RLock()
        # `with` would cost 100 ns more on the hot path.
        self._acquire, self._release = self._lock.acquire, self._lock.release


def _noted(note: Any) -> str | None:
    if note is not None and not isinstance(note, str):
        raise errors.Unencodable(f"a note is text, not {type(note).__name__}")
    return note


def _stepped(step: Any) -> Any:
    plain = values.plain(step, ("step",))
    if step is not None and records.number(plain) is None:
        raise errors.Unencodable(f"a step is a number, not {type(step).__name__}")
    return plain


def _complete(fd: int, path: Path, line: bytes, *, written: int) -> None:
    """Write the rest of a line of which the disk took only a part, or cut that part."""
    try:
        while written < len(line):
            written += os.write(fd, line[written:])
    except OSError as error:
        # The only writer of this file: what is at its end is ours.
        with suppress(OSError):
            os.ftruncate(fd, os.fstat(fd).st_size - written)
        raise refused(path, error) from error


def _lock(fd: int, path: Path) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise locks.absent(path.parent, error) from error


def _now() -> int:
    return time.time_ns() // 1000
