"""Untracked files removed, each only when its bytes have just been read back from a commit."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from git_exp import errors
from git_exp.git import extras, objects
from git_exp.git.repo import Repo
from git_exp.git.saved import Saved
from git_exp.git.survey import Entry, between

_CHUNK = 1 << 20


def remove(repo: Repo, saved: Saved, paths: Iterable[bytes]) -> set[bytes]:
    """Remove the files that what was put aside gives back; answers which."""
    held = between(repo, objects.EMPTY_TREE, saved.tree)
    raws = extras.raws(extras.read(repo, saved.extras))
    top = os.fsencode(repo.top or "")
    removed: set[bytes] = set()
    with _reader(repo) as reader:
        for path in sorted(paths):
            entry = held.get(path, (None, None))[1]
            if entry is None or not _gives_back(repo, reader, entry, path, raws.get(path)):
                continue
            os.unlink(os.path.join(top, path))
            removed.add(path)
    _prune(top, removed, os.fsencode(repo.prefix))
    return removed


def untracked(repo: Repo) -> set[bytes]:
    """What is neither tracked nor ignored now; an embedded repository ends with a slash."""
    out = repo.git("ls-files", "--others", "--exclude-standard", "-z")
    return set(out.split(b"\0")[:-1])


class _Reader:
    """Blobs from a running `git cat-file`, compared as they come."""

    def __init__(self, ask: BinaryIO, answer: BinaryIO) -> None:
        self._ask = ask
        self._answer = answer

    def equals(self, oid: str, other: Iterator[bytes]) -> bool:
        self._ask.write(f"{oid}\n".encode())
        self._ask.flush()
        words = self._answer.readline().split()
        if words[1:2] != [b"blob"]:
            return False
        left, same = int(words[2]), True
        for chunk in other:
            mine = self._answer.read(min(len(chunk), left))
            left -= len(mine)
            same &= mine == chunk
        same &= left == 0
        while left:
            left -= len(self._answer.read(min(_CHUNK, left)))
        self._answer.read(1)
        return same


@contextmanager
def _reader(repo: Repo) -> Iterator[_Reader]:
    child = repo.start("cat-file", "--batch", stdin=True)
    assert child.stdin
    assert child.stdout
    try:
        yield _Reader(child.stdin, child.stdout)  # type: ignore[arg-type]
    finally:
        child.communicate()


def _gives_back(repo: Repo, reader: _Reader, entry: Entry, path: bytes, raw: str | None) -> bool:
    place = os.path.join(os.fsencode(repo.top or ""), path)
    try:
        mode = os.lstat(place).st_mode
        if stat.S_ISLNK(mode) or entry.mode == 0o120000:
            link = entry.mode == 0o120000 and stat.S_ISLNK(mode)
            return link and reader.equals(entry.oid, iter([os.readlink(place)]))
        if not stat.S_ISREG(mode):
            return False
        if reader.equals(raw or entry.oid, _chunks(place)):
            return True
        return raw is None and _filtered(repo, entry, path, place)
    except OSError:
        return False


def _filtered(repo: Repo, entry: Entry, path: bytes, place: bytes) -> bool:
    """Whether the smudge filters give the file back: LFS has only a pointer in git."""
    with suppress(errors.GitFailed), open(place, "rb") as file:
        name = f"--path={os.fsdecode(path)}"
        return repo.git("cat-file", "--filters", name, entry.oid) == file.read()
    return False


def _chunks(place: bytes) -> Iterator[bytes]:
    with open(place, "rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _prune(top: bytes, removed: Iterable[bytes], prefix: bytes) -> None:
    """Remove the folders that became empty, but not the one the user stands in."""
    folders = {path.rpartition(b"/")[0] for path in removed}
    for folder in sorted(folders, reverse=True):
        while folder and not prefix.startswith(folder + b"/"):
            try:
                os.rmdir(os.path.join(top, folder))
            except OSError:
                break
            folder = folder.rpartition(b"/")[0]
