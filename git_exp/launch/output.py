"""The output of a command: a file passed on as it grows, and its METRIC lines."""

from __future__ import annotations

import contextlib
import os
import re
import select
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

CHUNK = 1 << 18
LONGEST_LINE = 1 << 16
SHOWN = 99

_ESCAPE = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")
_KEEP_SIZE, _PUNCH_HOLE = 1, 2

Metrics = dict[str, int | float]
OnMetric = Callable[[Metrics, int | None], object]


class Unread(NamedTuple):
    """How many METRIC lines could not be read whole, and the first of them."""

    lines: int = 0
    first: str = ""

    def and_then(self, other: Unread) -> Unread:
        """Those of another stream too, which come after these."""
        return Unread(self.lines + other.lines, self.first or other.first)


def metric_line(line: bytes) -> tuple[Metrics, int | None] | None:
    """The values and the step of a line `METRIC name=value [name=value…] [step=N]`.

    None for any other line. A word that is no name with a number is passed over.
    """
    found = _read(_text(line))
    return (found.values, found.step) if found and found.values else None


class Tail:
    """A file that somebody writes, passed on to a stream from its beginning.

    `unread` tells of METRIC lines in it that are none, if somebody listens to those at all.
    """

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
        self.unread = Unread()
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
        if self._on_metric is None:
            return
        for line in lines:
            text = _text(line)
            found = _read(text)
            if found and found.values:
                self._on_metric(found.values, found.step)
            if found and not found.whole:
                self.unread = self.unread.and_then(Unread(1, _shown(text)))

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


class _Read(NamedTuple):
    """What a METRIC line says; not `whole` if it says more, which is no name with a number."""

    values: Metrics
    step: int | None
    whole: bool


def _text(line: bytes) -> str:
    return _ESCAPE.sub(b"", line).decode(errors="surrogateescape")


def _read(text: str) -> _Read | None:
    if not text.startswith("METRIC "):
        return None
    words = text.split()[1:]
    pairs = [_pair(word) for word in words]
    values: Metrics = dict(filter(None, pairs))
    said = values.pop("step", None)
    step = _whole(said)
    # A heading such as `METRIC  VALUE` loses nothing, nor do words beside the numbers.
    lost = [word for word, pair in zip(words, pairs, strict=True) if "=" in word and pair is None]
    lost += [] if values else [word for word in words if _number(word) is not None]
    return _Read(values, step, not lost and step == said)


def _shown(text: str) -> str:
    line = text.strip().encode(errors="surrogateescape").decode(errors="backslashreplace")
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}…"


def _pair(word: str) -> tuple[str, int | float] | None:
    name, _, written = word.partition("=")
    number = _number(written)
    return (name, number) if name and name.isprintable() and number is not None else None


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
