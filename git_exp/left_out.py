"""What has become of the files that a snapshot had left out."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path

import msgspec

from git_exp import records
from git_exp.run import Run

_ESCAPED = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_LETTERS = {
    b"a": b"\a",
    b"b": b"\b",
    b"t": b"\t",
    b"n": b"\n",
    b"v": b"\v",
    b"f": b"\f",
    b"r": b"\r",
}


class LeftOut(msgspec.Struct, frozen=True):
    """A file that the snapshot had left out: `now` it is absent, differs, or nobody can tell."""

    path: str
    reason: str
    now: str


def of(run: Run) -> list[records.Skipped]:
    """Every file that is listed as left out."""
    return [*run.git.skipped, *run.git.missed] if run.git else []


def check(run: Run, top: Path) -> tuple[tuple[LeftOut, ...], int]:
    """Those that are not in a worktree as they were, and how many more nobody listed."""
    told = ((one, _now(one, top)) for one in of(run))
    left = tuple(LeftOut(one.path, one.reason, now) for one, now in told if now)
    counts = (
        ((run.git.skipped_count, run.git.skipped), (run.git.missed_count, run.git.missed))
        if run.git
        else ()
    )
    return left, sum(max(0, (count or 0) - len(listed)) for count, listed in counts)


def _now(one: records.Skipped, top: Path) -> str | None:
    """What has become of a file that was left out; None if it is as it was."""
    try:
        path = _place(one.path, top)
        found = path.lstat()
        if stat.S_ISDIR(found.st_mode):
            return None
        if one.sha256 and found.st_size == one.size and stat.S_ISREG(found.st_mode):
            with path.open("rb") as file:
                same = hashlib.file_digest(file, "sha256").hexdigest() == one.sha256
        else:
            same = (found.st_size, found.st_mtime) == (one.size, one.mtime)
    except (FileNotFoundError, NotADirectoryError):
        return "absent"
    except (OSError, ValueError):
        return "unknown"
    return "unknown" if one.size is None else None if same else "differs"


def _place(recorded: str, top: Path) -> Path:
    """Where a recorded path is; `ValueError` if it leads out, for anybody may have written it."""
    for path in (recorded, os.fsdecode(_unquoted(recorded))):
        if Path(path).is_absolute() or ".." in Path(path).parts:
            raise ValueError(path)
        if os.path.lexists(top / path):
            return top / path
    return top / recorded


def _unquoted(path: str) -> bytes:
    """The bytes of a path that was recorded as git quotes it, for it is no UTF-8."""
    return _ESCAPED.sub(_byte, os.fsencode(path[1:-1] if path.startswith('"') else path))


def _byte(found: re.Match[bytes]) -> bytes:
    escape = found[1]
    return bytes([int(escape, 8)]) if escape.isdigit() else _LETTERS.get(escape, escape)
