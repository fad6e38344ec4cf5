"""Untracked files removed, each only when its bytes have just been read back from a commit."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from git_exp import errors
from git_exp.git import extras, objects
from git_exp.git.repo import Repo
from git_exp.git.saved import Saved
from git_exp.git.survey import SYMLINK, Entry, between, place

_CHUNK = 1 << 20


def remove(repo: Repo, saved: Saved, paths: Iterable[bytes]) -> set[bytes]:
    """Remove the files that what was put aside gives back; answers which."""
    held = between(repo, objects.EMPTY_TREE, saved.tree)
    removed: set[bytes] = set()
    with _reader(repo, saved) as reader:
        for path in sorted(paths):
            entry = held.get(path, (None, None))[1]
            if entry and reader.gives_back(path, entry):
                place(repo, path).unlink()
                removed.add(path)
    _prune(repo, removed)
    return removed


def untracked(repo: Repo) -> set[bytes]:
    """What is neither tracked nor ignored now; an embedded repository ends with a slash."""
    out = repo.git("ls-files", "--others", "--exclude-standard", "-z")
    return set(out.split(b"\0")[:-1])


class _Reader:
    """Compares files with blobs as a running `git cat-file` gives them."""

    def __init__(self, repo: Repo, saved: Saved, child: subprocess.Popen[bytes]) -> None:
        assert child.stdin
        assert child.stdout
        self._repo = repo
        self._ask, self._answer = child.stdin, child.stdout
        self._raws = extras.raws(extras.read(repo, saved.extras))

    def gives_back(self, path: bytes, entry: Entry) -> bool:
        """Whether the bytes of a file can be had from what was put aside."""
        file = place(self._repo, path)
        raw = self._raws.get(path)
        linked = entry.mode == SYMLINK
        try:
            if linked or file.is_symlink():
                return linked and self._equals(entry.oid, iter([os.fsencode(file.readlink())]))
            if self._equals(raw or entry.oid, _chunks(file)):
                return True
            return raw is None and self._filtered(path, entry.oid) == file.read_bytes()
        except OSError:
            return False

    def _equals(self, oid: str, other: Iterator[bytes]) -> bool:
        self._ask.write(f"{oid}\n".encode())
        self._ask.flush()
        words = self._answer.readline().split()
        left, same = int(words[2]), True
        try:
            for chunk in other:
                mine = self._answer.read(min(len(chunk), left))
                left -= len(mine)
                same &= mine == chunk
            return same and left == 0
        finally:
            # Also where the file is gone: what is left would be the next answer.
            while left:
                left -= len(self._answer.read(min(_CHUNK, left)))
            self._answer.read(1)

    def _filtered(self, path: bytes, oid: str) -> bytes | None:
        """What the smudge filters make of a blob: LFS has only a pointer in git."""
        with suppress(errors.GitFailed):
            return self._repo.git("cat-file", "--filters", f"--path={os.fsdecode(path)}", oid)
        return None


@contextmanager
def _reader(repo: Repo, saved: Saved) -> Iterator[_Reader]:
    child = repo.start("cat-file", "--batch", stdin=True)
    try:
        yield _Reader(repo, saved, child)
    finally:
        child.communicate()


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
