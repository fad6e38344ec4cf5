"""A file that a command writes where its user says: whole, or not at all."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from git_exp import errors

_WRONG_PATH = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP)


@contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which takes its place when all is written; what was there is replaced.

    A link is followed, and what is no regular file, such as a pipe, is written to as it is. Raises
    `UsageError` for a path that cannot be a file, `WriteFailed` when the disk refuses.
    """
    try:
        place = path.resolve()
        if place.exists() and not place.is_file():
            with place.open("wb") as file:
                yield file
            return
        yield from _replacing(place)
    except OSError as error:
        why = error.strerror or str(error)
        if error.errno in _WRONG_PATH:
            raise errors.UsageError(f"cannot write '{path}': {why}") from None
        raise errors.WriteFailed(str(path), why) from None


def _replacing(place: Path) -> Iterator[BinaryIO]:
    # A new file as any other: who asks for the umask sets it, for all threads.
    beside = place.with_name(f".{place.name[:50]}.{uuid.uuid4().hex}")
    try:
        with beside.open("xb") as file:
            with suppress(FileNotFoundError):
                os.fchmod(file.fileno(), place.stat().st_mode & 0o7777)
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(place)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
