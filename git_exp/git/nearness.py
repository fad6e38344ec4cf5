"""How far trees are from each other: the lines of the files in which they differ."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from git_exp.git import objects
from git_exp.git.repo import Repo

if TYPE_CHECKING:
    import pygit2

_LARGEST = 256 << 10
_MOST = 1_000
_KEPT = 4_096


class Nearness:
    """Differences between trees of one repository; what was read is kept for the next question."""

    def __init__(self, repo: Repo) -> None:
        self._repo = repo
        self.changes = lru_cache(_KEPT)(self._changes)
        self.is_before = lru_cache(_KEPT * 8)(self._is_before)
        self._lines = lru_cache(_KEPT)(self._read_lines)

    def _changes(self, tree: str, other: str) -> frozenset[int] | None:
        """What one of two trees has and the other has not: lines, and files as a whole.

        Two trees differ in what the changes of both against any third are not in common. None
        where one is not here.
        """
        import pygit2

        try:
            new, old = (self._repo.pg[one].peel(pygit2.Tree) for one in (tree, other))
            deltas = list(old.diff_to_tree(new).deltas)
        except (KeyError, ValueError, pygit2.GitError):
            return None
        found: set[int] = set()
        for delta in deltas:
            found ^= self._of_file(delta, lines=len(deltas) <= _MOST)
        return frozenset(found)

    def _of_file(self, delta: pygit2.DiffDelta, *, lines: bool) -> set[int]:
        path = delta.new_file.raw_path or delta.old_file.raw_path
        sides = [one for one in (delta.old_file, delta.new_file) if one.mode]
        found = {hash((path, str(one.id), int(one.mode))) for one in sides}
        differing: frozenset[bytes] = frozenset()
        for one in sides if lines else ():
            differing ^= self._lines(str(one.id))
        return found | {hash((path, line)) for line in differing}

    def _read_lines(self, oid: str) -> frozenset[bytes]:
        """The lines of a file; one that is very large, no text or not here has none."""
        import pygit2

        try:
            found = self._repo.pg[oid]
        except (KeyError, pygit2.GitError):
            return frozenset()
        if not isinstance(found, pygit2.Blob) or found.size > _LARGEST or found.is_binary:
            return frozenset()
        return frozenset(found.data.split(b"\n"))

    def _is_before(self, old: str, new: str) -> bool:
        """Whether a commit is in the history of another, or is it."""
        import pygit2

        if old == new:
            return True
        if not (objects.is_oid(old) and objects.is_oid(new)):
            return False
        try:
            return bool(self._repo.pg.descendant_of(new, old))
        except (KeyError, ValueError, pygit2.GitError):
            return False
