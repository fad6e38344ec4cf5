"""What `git status --porcelain=v2 -z` says, read into values."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

ARGS = (
    "status", "--porcelain=v2", "-z", "-uall", "--no-renames", "--ignore-submodules=none",
    "--branch", "--no-ahead-behind",
)  # fmt: skip
_UNREADABLE = "could not open directory '"


@dataclass(frozen=True, kw_only=True)
class Submodule:
    """A submodule that differs: another commit is checked out, or its own worktree is dirty."""

    path: bytes
    moved: bool
    dirty: bool


@dataclass(kw_only=True)
class Status:
    """The state of a worktree against an index, and of that index against HEAD."""

    head: str | None = None
    branch: str | None = None
    staged: bool = False
    changed: list[bytes] = field(default_factory=list)
    removed: list[bytes] = field(default_factory=list)
    unmerged: list[bytes] = field(default_factory=list)
    untracked: list[bytes] = field(default_factory=list)
    submodules: list[Submodule] = field(default_factory=list)
    unreadable: list[bytes] = field(default_factory=list)


def parse(out: bytes, err: bytes = b"") -> Status:
    """The status that git printed; a folder it could not open is told on stderr alone."""
    found = Status()
    for entry in out.split(b"\0"):
        match entry[:2]:
            case b"# ":
                _header(found, os.fsdecode(entry[2:]))
            case b"1 ":
                _ordinary(found, entry)
            case b"u ":
                found.unmerged.append(entry.split(b" ", 10)[10])
            case b"? ":
                found.untracked.append(entry[2:])
    found.unreadable.extend(_unopened(os.fsdecode(err)))
    return found


def _header(found: Status, text: str) -> None:
    word, _, value = text.partition(" ")
    if word == "branch.oid" and value != "(initial)":
        found.head = value
    if word == "branch.head" and value != "(detached)":
        found.branch = value


def _ordinary(found: Status, entry: bytes) -> None:
    # 1 XY sub mH mI mW hH hI path
    _, xy, sub, _, _, _, _, _, path = entry.split(b" ", 8)
    found.staged |= xy[:1] != b"."
    if sub.startswith(b"S"):
        moved, dirty = sub[1:2] == b"C", sub[2:] != b".."
        found.submodules.append(Submodule(path=path, moved=moved, dirty=dirty))
        if not moved and xy[1:] == b"M":
            return
    if xy[1:] == b"D":
        found.removed.append(path)
    elif xy[1:] != b".":
        found.changed.append(path)


def _unopened(err: str) -> Iterator[bytes]:
    for line in err.splitlines():
        if _UNREADABLE in line:
            yield os.fsencode(line.partition(_UNREADABLE)[2].rpartition("'")[0])
