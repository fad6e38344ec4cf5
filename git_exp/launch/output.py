"""The output of a command: a file passed on as it grows, and its METRIC lines."""

from __future__ import annotations

import contextlib
import os
import re
import select
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Self

CHUNK = 1 << 18
LONGEST_LINE = 1 << 16

_ESCAPE = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")
_KEEP_SIZE, _PUNCH_HOLE = 1, 2

Metrics = dict[str, int | float]
OnMetric = Callable[[Metrics, int | None], object]


def metric_line(line: bytes) -> tuple[Metrics, int | None] | None:
    """The values and the step of a line `METRIC name=value [name=value…] [step=N]`.

    None for any other line. A word that is no name with a number is passed over.
    """
    text = _ESCAPE.sub(b"", line)
    if not text.startswith(b"METRIC "):
        return None
    with contextlib.suppress(UnicodeDecodeError):
        pairs = dict(_pairs(text.decode().split()[1:]))
        step = _whole(pairs.pop("step", None))
        return (pairs, step) if pairs else None
    return None


class Tail:
    """A file that somebody writes, passed on to a stream from its beginning."""

    def __init__(
        self,
        path: Path,
        sink: BinaryIO,
        *,
        on_gone: Callable[[], None],
        on_metric: OnMetric | None = None,
        limit: int | None = None,
    ) -> None:
        self._file = path.open("r+b", buffering=0)
        with contextlib.suppress(OSError):
            sink.flush()
        # Unbuffered: what a reader that is gone left in a buffer would fail once more at exit.
        self._sink: BinaryIO | None = getattr(sink, "raw", sink)
        self._on_gone = on_gone
        self._on_metric = on_metric
        self._limit = limit
        self._lines = Lines()
        self._at = 0
        self._hollow = limit or 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()

    def pass_on(self) -> bool:
        """Pass on the next piece, if there is one."""
        data = os.pread(self._file.fileno(), CHUNK, self._at)
        if not data:
            return self._begin_again()
        self._at += len(data)
        self._write(data)
        self._hear(self._lines.cut(data))
        self._punch()
        return True

    def drain(self) -> None:
        """Pass on what is there now, and no more: somebody may go on writing for ever."""
        end = self._size()
        while self.pass_on() and self._at < end:
            continue
        self._hear(self._lines.rest())

    def _size(self) -> int:
        return os.fstat(self._file.fileno()).st_size

    def _begin_again(self) -> bool:
        """From the start if the file was cut, as `echo > /dev/stdout` in a script does."""
        if self._size() >= self._at:
            return False
        self._at = 0
        return True

    def _hear(self, lines: list[bytes]) -> None:
        for line in lines if self._on_metric else ():
            found = metric_line(line)
            if found and self._on_metric:
                self._on_metric(*found)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view and self._sink:
                written = self._sink.write(view)
                view = view[written or 0 :]
                if written is None:  # somebody made it non-blocking
                    select.select([], [self._sink], [])
        except BrokenPipeError:
            self._sink = None
            self._on_gone()
        except OSError:  # a terminal that was closed
            self._sink = None

    def _punch(self) -> None:
        """Give the middle of a file far beyond the limit back to the disk; it reads as zeros."""
        if self._limit is None or self._at - self._hollow < 4 * self._limit:
            return
        end = self._at - self._limit
        if punch(self._file.fileno(), self._hollow, end - self._hollow):
            self._hollow = end
        else:
            self._limit = None


class Lines:
    """Cuts a stream into lines, if one may hold a metric; one that is too long is passed over."""

    def __init__(self) -> None:
        self._rest = b""
        self._too_long = False

    def cut(self, data: bytes) -> list[bytes]:
        # A progress bar ends its line by a return alone.
        whole, cut, self._rest = (self._rest + data.replace(b"\r", b"\n")).rpartition(b"\n")
        lines = whole.split(b"\n") if b"METRIC" in whole else []
        if self._too_long and cut:
            lines = lines[1:]
        self._too_long = (self._too_long and not cut) or len(self._rest) > LONGEST_LINE
        if self._too_long:
            self._rest = b""
        return lines

    def rest(self) -> list[bytes]:
        """The last line, which has no end."""
        return [self._rest]


def punch(file: int, start: int, length: int) -> bool:
    """Make a hole in a file, where the system can."""
    import ctypes

    try:
        fallocate = ctypes.CDLL(None).fallocate
    except (AttributeError, OSError):
        return False
    offsets = ctypes.c_long(start), ctypes.c_long(length)
    return bool(fallocate(file, _KEEP_SIZE | _PUNCH_HOLE, *offsets) == 0)


def _pairs(words: list[str]) -> Iterator[tuple[str, int | float]]:
    for word in words:
        name, _, written = word.partition("=")
        number = _number(written)
        if name and name.isprintable() and number is not None:
            yield name, number


def _number(written: str) -> int | float | None:
    # Python's own extras, 1_000 and the digits of other scripts, are no numbers here.
    if not written.isascii() or "_" in written:
        return None
    with contextlib.suppress(ValueError):
        return int(written)
    with contextlib.suppress(ValueError):
        return float(written)
    return None


def _whole(number: int | float | None) -> int | None:
    if isinstance(number, float):
        return int(number) if number.is_integer() else None
    return number
