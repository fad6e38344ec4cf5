"""What `git status --porcelain=v2 -z` says, read into values."""

from __future__ import annotations

import os
import re

import msgspec

from git_exp.git.repo import Config

ARGS = (
    "status", "--porcelain=v2", "-z", "-uall", "--no-renames", "--ignore-submodules=none",
    "--branch", "--no-ahead-behind",
)  # fmt: skip
_GITLINK = b"160000"
_UNOPENED = re.compile(rb"could not open directory '(.*)'")


class Submodule(msgspec.Struct, frozen=True, kw_only=True):
    """A submodule that differs: another commit is checked out, or its own worktree is dirty."""

    path: bytes
    moved: bool
    dirty: bool


class Status(msgspec.Struct, kw_only=True):
    """The state of a worktree against an index, and of that index against HEAD.

    `unreadable` are folders that git could not open; `suspects` may be tracked files that it could
    not look at, which it then takes for unchanged; `closed` are submodules it could not look into.
    """

    head: str | None = None
    branch: str | None = None
    staged: bool = False
    changed: list[bytes] = []
    removed: list[bytes] = []
    unmerged: list[bytes] = []
    executable: list[bytes] = []
    untracked: list[bytes] = []
    submodules: list[Submodule] = []
    unreadable: list[bytes] = []
    suspects: list[bytes] = []
    closed: list[bytes] = []


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
                _unmerged(found, entry)
            case b"? ":
                found.untracked.append(entry[2:])
    for line in err.splitlines():
        if opened := _UNOPENED.search(line):
            found.unreadable.append(opened[1])
        else:
            found.suspects.append(line.rpartition(b": ")[0])
    return found


def args(config: Config) -> tuple[str, ...]:
    """The command that looks.

    A required filter that fails ends the whole command, so none is required here: its file is
    then seen as changed, and fails alone when it is staged.
    """
    return (*lenient(config), *ARGS)


def lenient(config: Config) -> tuple[str, ...]:
    """Options for a git command that compares files and must not die of one filter."""
    return tuple(word for key in required(config) for word in ("-c", f"{key}=false"))


def required(config: Config) -> list[str]:
    """The configuration keys that say of a filter that it must not fail."""
    found = (key for key in config.values if key.startswith("filter."))
    return [key for key in found if key.endswith(".required") and "=" not in key]


def _header(found: Status, text: str) -> None:
    word, _, value = text.partition(" ")
    if word == "branch.oid" and value != "(initial)":
        found.head = value
    if word == "branch.head" and value != "(detached)":
        found.branch = value


def _ordinary(found: Status, entry: bytes) -> None:
    # 1 XY sub mH mI mW hH hI path
    _, xy, sub, _, was, now, _, _, path = entry.split(b" ", 8)
    found.staged |= xy[:1] != b"."
    if was != _GITLINK == now:
        # A repository lies where a file was: nobody made a submodule of it.
        found.removed.append(path)
        return
    if _submodule(found, sub, path) and sub[1:2] != b"C" and xy[1:] == b"M":
        return
    if xy[1:] == b"D":
        found.removed.append(path)
    elif xy[1:] != b".":
        found.changed.append(path)


def _unmerged(found: Status, entry: bytes) -> None:
    # u XY sub m1 m2 m3 mW h1 h2 h3 path
    words = entry.split(b" ", 10)
    _submodule(found, words[2], words[10])
    found.unmerged.append(words[10])
    # The mode that git keeps of a conflict: ours, else that of the base, else theirs.
    kept = [mode for mode in (words[4], words[3], words[5]) if mode != b"000000"]
    if kept[:1] == [b"100755"]:
        found.executable.append(words[10])


def _submodule(found: Status, sub: bytes, path: bytes) -> bool:
    # S<c><m><u>: another commit, changes in tracked files, untracked files
    if not sub.startswith(b"S"):
        return False
    moved, dirty = sub[1:2] == b"C", sub[2:] != b".."
    found.submodules.append(Submodule(path=path, moved=moved, dirty=dirty))
    return True
