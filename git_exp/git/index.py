"""The index file: a copy that git may write, and the entries that git passes over."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from git_exp.git.repo import Repo

_ASSUME_VALID, _EXTENDED, _NAME = 0x8000, 0x4000, 0x0FFF
_SKIP_WORKTREE = 0x4000
_FIXED = 62


@contextmanager
def copied(repo: Repo) -> Iterator[Path]:
    """A copy of the user's index for git to write to, gone afterwards.

    It keeps the modification time: git's racy-entry check compares with that, and would miss a
    file changed in the same tick if the copy were newer.
    """
    folder = repo.git_dir / "exp" / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / f"{uuid.uuid4()}.index"
    try:
        with suppress(FileNotFoundError):
            found = repo.index.stat()
            shutil.copyfile(repo.index, copy)
            os.utime(copy, ns=(found.st_atime_ns, found.st_mtime_ns))
        yield copy
    finally:
        for path in (copy, copy.with_name(f"{copy.name}.lock")):
            path.unlink(missing_ok=True)


def tree(repo: Repo, copy: Path) -> str:
    """Write the tree of an index file that has no conflicts.

    libgit2 does it in this process, which saves a millisecond; what it cannot read (a sparse or a
    split index) goes through the git program.
    """
    import pygit2

    try:
        return str(pygit2.Index(str(copy)).write_tree(repo.pg))
    except (pygit2.GitError, OSError, ValueError):
        return os.fsdecode(repo.git("write-tree", index=copy)).strip()


def hidden(index: Path) -> list[tuple[bytes, bool]] | None:
    """Paths marked assume-unchanged or skip-worktree, and whether it is the latter.

    None where only git can tell: a split index keeps its entries elsewhere. Format: git's
    `gitformat-index(5)`, versions 2 to 4; `git ls-files -v` would be one more process a run.
    """
    try:
        raw = index.read_bytes()
    except FileNotFoundError:
        return []
    version = int.from_bytes(raw[4:8], "big")
    if raw[:4] != b"DIRC" or version not in (2, 3, 4):
        return None
    found: list[tuple[bytes, bool]] = []
    end = _compressed(raw, found) if version == 4 else _plain(raw, found)
    return None if b"link" in _extensions(raw, end) else found


def _plain(raw: bytes, found: list[tuple[bytes, bool]]) -> int:
    """Versions 2 and 3: names whole, entries padded to eight bytes. Where the entries end."""
    at = 12
    for _ in range(int.from_bytes(raw[8:12], "big")):
        flags = raw[at + 60] << 8 | raw[at + 61]
        length = flags & _NAME
        start = at + (_FIXED + 2 if flags & _EXTENDED else _FIXED)
        end = start + length if length < _NAME else raw.index(b"\0", start)
        if flags & (_ASSUME_VALID | _EXTENDED):
            _flag(raw, at, raw[start:end], found)
        at += (end - at + 8) & ~7
    return at


def _compressed(raw: bytes, found: list[tuple[bytes, bool]]) -> int:
    """Version 4: each name is the last one less some bytes, and a rest."""
    at, name = 12, b""
    for _ in range(int.from_bytes(raw[8:12], "big")):
        flags = raw[at + 60] << 8 | raw[at + 61]
        cut, start = _offset(raw, at + (_FIXED + 2 if flags & _EXTENDED else _FIXED))
        end = raw.index(b"\0", start)
        name = name[: len(name) - cut] + raw[start:end]
        if flags & (_ASSUME_VALID | _EXTENDED):
            _flag(raw, at, name, found)
        at = end + 1
    return at


def _flag(raw: bytes, at: int, name: bytes, found: list[tuple[bytes, bool]]) -> None:
    flags = int.from_bytes(raw[at + _FIXED - 2 : at + _FIXED], "big")
    more = int.from_bytes(raw[at + _FIXED : at + _FIXED + 2], "big") if flags & _EXTENDED else 0
    if flags & _ASSUME_VALID or more & _SKIP_WORKTREE:
        found.append((name, bool(more & _SKIP_WORKTREE)))


def _extensions(raw: bytes, at: int) -> Iterator[bytes]:
    """The names of what follows the entries, up to the checksum."""
    while at + 28 <= len(raw):
        yield raw[at : at + 4]
        at += 8 + int.from_bytes(raw[at + 4 : at + 8], "big")


def _offset(raw: bytes, at: int) -> tuple[int, int]:
    """A number as packs encode offsets, and where it ends."""
    value = raw[at] & 0x7F
    while raw[at] & 0x80:
        at += 1
        value = (value + 1) << 7 | raw[at] & 0x7F
    return value, at + 1
