"""What is kept of a command's output: all of it, or its two ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_CHUNK = 1 << 18
_NEAR = 1 << 12  # how far a cut moves to fall on the end of a line


def trimmed(path: Path, limit: int) -> Iterator[bytes]:
    """What is kept of an output file, in pieces: all of it, or a head and a tail.

    About `limit` bytes, cut at line ends where one is near; a line between says what is missing.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size <= limit:
            yield from _pieces(file, 0, size)
            return
        head = _last_line_end(file, limit // 2)
        tail = _next_line_start(file, size - limit // 2, size)
        yield from _pieces(file, 0, head)
        feed = "" if _ends_line(file, head) else "\n"
        yield f"{feed}… {tail - head} bytes left out …\n".encode()
        yield from _pieces(file, tail, size)


def _pieces(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    file.seek(start)
    while start < end:
        piece = file.read(min(_CHUNK, end - start))
        if not piece:
            return
        start += len(piece)
        yield piece


def _last_line_end(file: BinaryIO, end: int) -> int:
    start = max(0, end - _NEAR)
    file.seek(start)
    found = file.read(end - start).rfind(b"\n")
    return end if found < 0 else start + found + 1


def _next_line_start(file: BinaryIO, start: int, size: int) -> int:
    file.seek(start - 1)
    found = file.read(min(_NEAR, size - start)).find(b"\n")
    return start if found < 0 else start + found


def _ends_line(file: BinaryIO, at: int) -> bool:
    if at == 0:
        return True
    file.seek(at - 1)
    return file.read(1) == b"\n"
