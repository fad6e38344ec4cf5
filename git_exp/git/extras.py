"""What no git tree tells of a worktree: bytes that a filter drops, permissions, index marks."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from git_exp import errors
from git_exp.git import filters, objects, sparse
from git_exp.git.overwrite import Peril
from git_exp.git.repo import Repo
from git_exp.git.survey import PLAIN, Entry, Survey, entries, listed, place

LIST = "list"
# Any other permission is noted: git keeps but the one bit for executables.
_USUAL = (0o644, 0o664, 0o755, 0o775)


class Extra(NamedTuple):
    """One thing to do once git has written a file.

    `raw` is the blob with the bytes of a file that its filters would not give back, `mode` its
    permissions, `mark` what the index had: N intent-to-add, h assume-unchanged, S skip-worktree,
    = the times and size of a file that git calls unchanged although it has other bytes. `there` is
    a file that was on disk although a sparse checkout leaves it out.
    """

    kind: str
    value: str
    path: bytes


def write(writer: objects.Writer, found: Sequence[Extra]) -> str:
    """A tree with the list of them, and every blob that the list names."""
    lines = b"".join(b"%b %b %b\0" % (k.encode(), v.encode(), path) for k, v, path in found)
    blobs = {one.value: (objects.BLOB, one.value) for one in found if one.kind == "raw"}
    return writer.tree(None, {**blobs, LIST: (objects.BLOB, writer.blob(lines))})


def read(repo: Repo, tree: str) -> list[Extra]:
    """The list as it was written."""
    found = objects.entry(repo, tree, LIST)
    lines = objects.blob(repo, found[1]).split(b"\0")[:-1] if found else []
    words = (line.split(b" ", 2) for line in lines)
    return [Extra(kind.decode(), value.decode(), path) for kind, value, path in words]


def raws(found: Iterable[Extra]) -> dict[bytes, str]:
    """The blobs of files whose bytes git's trees do not hold."""
    return {one.path: one.value for one in found if one.kind == "raw"}


def stray(found: Iterable[Extra]) -> frozenset[bytes]:
    """The files that were on disk although a sparse checkout leaves them out."""
    return frozenset(one.path for one in found if one.kind == "there")


def collect(
    found: Survey, held: Mapping[bytes, Entry], paths: Collection[bytes], *, writer: objects.Writer
) -> list[Extra]:
    """What is to be noted of the files at these paths, which the survey's index now holds."""
    there = [path for path in sorted(paths) if path in held and os.path.lexists(found.at(path))]
    dropped = filters.lossy(found.repo, found.index, there)
    return [
        *(Extra("mark", tag, path) for tag, path in found.marks),
        *(Extra("mark", "S", path) for path in sparse.displaced(found.held, held)),
        *(Extra("there", "-", path) for path in sorted(sparse.stray(found.repo, found.index))),
        *(Extra("mark", "N", path) for path, one in found.changes.items() if one.worked == "A"),
        *(Extra("mode", f"{mode:o}", path) for path, mode in _modes(found, held, there)),
        *(Extra("mark", "=", path) for path in sorted(dropped) if not _edited(found, path)),
        *(Extra("raw", writer.blob(found.at(path).read_bytes()), path)
          for path in sorted(dropped)),
    ]  # fmt: skip


def clashes(found: Survey, peril: Peril, wanted: Mapping[bytes, str]) -> set[bytes]:
    """The files that writing raw bytes over them would lose, though git calls them unchanged."""
    other = {
        path
        for path, oid in wanted.items()
        if path not in peril.replaced and _differs(found, path, oid)
    }
    if not other:
        return set()
    edited = {path for path in other - peril.same if _edited(found, path)}
    with found.adding(other) as scratch:
        return edited | filters.lossy(found.repo, scratch, other)


def apply(repo: Repo, found: Sequence[Extra]) -> None:
    """Do what is noted, after git has written worktree and index."""
    for one in found:
        path = place(repo, one.path)
        if one.kind == "raw" and path.is_file():
            _overwrite(path, objects.blob(repo, one.value))
        elif one.kind == "mode" and path.is_file():
            path.chmod(int(one.value, 8))
    marks = [one for one in found if one.kind == "mark"]
    if marks:
        mark(repo, marks)


def mark(repo: Repo, marks: Collection[Extra]) -> None:
    """Give tracked paths the marks they had in the index, and untracked ones an entry to come."""
    held = entries(repo, repo.index)
    tracked = [one for one in marks if one.path in held]
    # In this order: git adds nothing that is marked.
    for tags, option in (("=", "--add"), ("hs", "--assume-unchanged"), ("sS", "--skip-worktree")):
        paths = [one.path for one in tracked if one.value in tags]
        if paths:
            repo.git(*PLAIN, "update-index", option, "-z", "--stdin", stdin=listed(paths))
    intended = [one.path for one in marks if one.value == "N" and one.path not in held]
    if intended:
        args = ("add", "--intent-to-add", "--force", "--sparse", "--pathspec-file-nul")
        with suppress(errors.GitFailed):
            repo.git(
                *(*PLAIN, "--literal-pathspecs", *args, "--pathspec-from-file=-"),
                stdin=listed(intended),
            )


def _modes(
    found: Survey, held: Mapping[bytes, Entry], paths: Iterable[bytes]
) -> Iterator[tuple[bytes, int]]:
    for path in paths:
        mode = found.at(path).lstat().st_mode
        executable = held[path].mode == 0o100755
        if not stat.S_ISREG(mode):
            continue
        if stat.S_IMODE(mode) not in _USUAL or bool(mode & 0o100) != executable:
            yield path, stat.S_IMODE(mode)


def _differs(found: Survey, path: bytes, oid: str) -> bool:
    try:
        if not stat.S_ISREG(found.at(path).lstat().st_mode):
            return False
    except OSError:
        return False
    return found.at(path).read_bytes() != objects.blob(found.repo, oid)


def _edited(found: Survey, path: bytes) -> bool:
    change = found.changes.get(path)
    return path in found.untracked or bool(change and change.edited)


def _overwrite(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent)
    with open(handle, "wb") as file:
        file.write(data)
    Path(name).chmod(stat.S_IMODE(path.stat().st_mode))
    Path(name).replace(path)
