"""Untracked files removed, each only when its bytes have just been read back from a commit."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from git_exp import errors
from git_exp.git import extras, objects
from git_exp.git.repo import Repo
from git_exp.git.saved import Saved
from git_exp.git.survey import SYMLINK, Entry, between, place

_CHUNK = 1 << 20


def remove(repo: Repo, saved: Saved, paths: Iterable[bytes]) -> set[bytes]:
    """Remove the files that what was put aside gives back; answers which."""
    held = between(repo, objects.EMPTY_TREE, saved.tree)
    raws = extras.raws(extras.read(repo, saved.extras))
    removed: set[bytes] = set()
    with _reader(repo) as reader:
        for path in sorted(paths):
            entry = held.get(path, (None, None))[1]
            if entry is None or not _gives_back(repo, reader, entry, path, raws.get(path)):
                continue
            place(repo, path).unlink()
            removed.add(path)
    _prune(repo, removed)
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
    file = place(repo, path)
    linked = entry.mode == SYMLINK
    try:
        if linked or file.is_symlink():
            target = os.fsencode(file.readlink())
            return linked and reader.equals(entry.oid, iter([target]))
        if not file.is_file():
            return False
        same = reader.equals(raw or entry.oid, _chunks(file))
        return same or (raw is None and _filtered(repo, entry, path, file))
    except OSError:
        return False


def _filtered(repo: Repo, entry: Entry, path: bytes, file: Path) -> bool:
    """Whether the smudge filters give the file back: LFS has only a pointer in git."""
    with suppress(errors.GitFailed):
        name = f"--path={os.fsdecode(path)}"
        return repo.git("cat-file", "--filters", name, entry.oid) == file.read_bytes()
    return False


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _prune(repo: Repo, removed: Iterable[bytes]) -> None:
    """Remove the folders that became empty, but not the one the user stands in."""
    stays = os.fsencode(repo.prefix)
    for folder in sorted({path.rpartition(b"/")[0] for path in removed}, reverse=True):
        while folder and not stays.startswith(folder + b"/"):
            try:
                place(repo, folder).rmdir()
            except OSError:
                break
            folder = folder.rpartition(b"/")[0]
