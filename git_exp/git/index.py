"""The index file: a copy that git may write, and the entries that git passes over."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from git_exp import errors
from git_exp.git.repo import Repo

# How git is to write to a copy: nobody's hook is told, nothing is kept beside the file, the index
# is whole, and no warning about line endings is an error.
ALONE = (
    "-c", "core.hooksPath=/dev/null", "-c", "core.splitIndex=false", "-c", "index.sparse=false",
    "-c", "core.safecrlf=false",
)  # fmt: skip

_ASSUME_VALID, _EXTENDED, _NAME = 0x8000, 0x4000, 0x0FFF
_SKIP_WORKTREE = 0x4000
_FIXED = 62


# Extensions that libgit2 refuses: a split index, a sparse one.
_FOREIGN = {b"link", b"sdir"}


class Marks(msgspec.Struct, frozen=True, kw_only=True):
    """What of an index a snapshot must know: what git passes over, and whether libgit2 reads it.

    `hidden` are paths marked assume-unchanged or skip-worktree and whether it is the latter, None
    where only git can tell: a split index keeps its entries elsewhere.
    """

    hidden: list[tuple[bytes, bool]] | None
    plain: bool


@contextmanager
def copied(repo: Repo) -> Iterator[Path]:
    """A copy of the user's index for git to write to, gone afterwards.

    It keeps the modification time: git's racy-entry check compares with that, and would miss a
    file changed in the same tick if the copy were newer.
    """
    copy = repo.git_dir / "exp" / "tmp" / f"{uuid.uuid4()}.index"
    try:
        _copy(repo.index, copy)
        yield copy
    finally:
        for path in (copy, copy.with_name(f"{copy.name}.lock")):
            with suppress(FileNotFoundError, NotADirectoryError):
                path.unlink()


def _copy(index: Path, copy: Path) -> None:
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError), index.open("rb") as file:
            # Time and bytes of one file: git may put another in its place at any moment.
            found = os.fstat(file.fileno())
            copy.write_bytes(file.read())
            os.utime(copy, ns=(found.st_atime_ns, found.st_mtime_ns))
    except OSError as error:
        raise errors.WriteFailed(str(copy.parent), error.strerror or str(error)) from error


def tree(repo: Repo, copy: Path, *, plain: bool) -> str:
    """Write the tree of an index file that has no conflicts.

    libgit2 does it in this process, which saves a millisecond, where the index is `plain`: it reads
    neither a split nor a sparse one, and makes an empty file of an entry that is but an intent.
    """
    import pygit2

    if plain:
        try:
            return str(pygit2.Index(str(copy)).write_tree(repo.pg))
        except (pygit2.GitError, OSError, ValueError):
            pass
    # As libgit2 does, without a look at each blob: a partial clone lacks some, and a gc that took
    # one is found out when the run's ref is there.
    return os.fsdecode(repo.git(*ALONE, "write-tree", "--missing-ok", index=copy)).strip()


def marks(index: Path) -> Marks:
    """Read an index file. Format: git's `gitformat-index(5)`, versions 2 to 4.

    `git ls-files -v` would be one more process a run.
    """
    try:
        raw = index.read_bytes()
    except FileNotFoundError:
        return Marks(hidden=[], plain=True)
    version = int.from_bytes(raw[4:8], "big")
    if raw[:4] != b"DIRC" or version not in (2, 3, 4):
        return Marks(hidden=None, plain=False)
    found: list[tuple[bytes, bool]] = []
    try:
        end = _compressed(raw, found) if version == 4 else _plain(raw, found)
    except (IndexError, ValueError):
        # Cut off: git will say so.
        return Marks(hidden=None, plain=False)
    foreign = _FOREIGN.intersection(_extensions(raw, end))
    return Marks(hidden=None if b"link" in foreign else found, plain=not foreign)


def _plain(raw: bytes, found: list[tuple[bytes, bool]]) -> int:
    """Versions 2 and 3: names whole, entries padded to eight bytes. Where the entries end."""
    at = 12
    for _ in range(int.from_bytes(raw[8:12], "big")):
        flags = raw[at + 60] << 8 | raw[at + 61]
        length = flags & _NAME
        start = at + (_FIXED + 2 if flags & _EXTENDED else _FIXED)
        end = start + length if length < _NAME else raw.index(b"\0", start)
        if flags & (_ASSUME_VALID | _EXTENDED):
            found += _marked(raw, at, raw[start:end])
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
            found += _marked(raw, at, name)
        at = end + 1
    return at


def _marked(raw: bytes, at: int, name: bytes) -> list[tuple[bytes, bool]]:
    """The entry of this name, if git passes over it, and whether as skip-worktree."""
    flags = int.from_bytes(raw[at + _FIXED - 2 : at + _FIXED], "big")
    more = int.from_bytes(raw[at + _FIXED : at + _FIXED + 2], "big") if flags & _EXTENDED else 0
    skip = bool(more & _SKIP_WORKTREE)
    return [(name, skip)] if flags & _ASSUME_VALID or skip else []


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
