"""From one tree to another by pygit2: for who has it at hand and would start a git for little."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from git_exp import errors
from git_exp.git import objects
from git_exp.git.objects import TREE
from git_exp.git.repo import Repo

if TYPE_CHECKING:
    import pygit2

_NOTHING = "0" * 40
_ENTRY = re.compile(rb"([0-7]+) ([^\0]+)\0(.{20})", re.DOTALL)


class Step(NamedTuple):
    """A path that differs between two trees: its modes, 0 where it is not, and its objects."""

    before: int
    mode: int
    old: str
    oid: str
    path: str


def between(repo: Repo, old: str, new: str) -> list[Step] | None:
    """What differs between the trees of two commits; None where pygit2 cannot read them.

    The first diff of libgit2's own takes as long as to start a git for it.
    """
    import pygit2

    try:
        trees = [repo.pg[one].peel(pygit2.Tree) for one in (old, new)]
        return list(_differing(repo.pg, trees[0], trees[1]))
    except (KeyError, pygit2.GitError):
        return None


def blob(repo: Repo, oid: str) -> bytes | None:
    """What stands in an object; None for one that cannot be read."""
    try:
        return objects.blob(repo, oid)
    except errors.GitFailed:
        return None


def _differing(
    pg: pygit2.Repository, old: pygit2.Tree | None, new: pygit2.Tree | None, *, at: str = ""
) -> Iterator[Step]:
    sides = [_entries(old), _entries(new)]
    for name in sides[0].keys() | sides[1].keys():
        (before, was), (mode, oid) = (side.get(name, (0, _NOTHING)) for side in sides)
        if (before, was) == (mode, oid):
            continue
        path = at + os.fsdecode(name)
        if TREE in (before, mode):
            below = [_tree(pg, *one) for one in ((before, was), (mode, oid))]
            yield from _differing(pg, below[0], below[1], at=f"{path}/")
            before, was = (0, _NOTHING) if before == TREE else (before, was)
            mode, oid = (0, _NOTHING) if mode == TREE else (mode, oid)
        if before or mode:
            yield Step(before, mode, was, oid, path)


def _entries(tree: pygit2.Tree | None) -> dict[bytes, tuple[int, str]]:
    # An object for each entry takes ten times as long.
    found = _ENTRY.findall(tree.read_raw()) if tree is not None else ()
    return {name: (int(mode, 8), oid.hex()) for mode, name, oid in found}


def _tree(pg: pygit2.Repository, mode: int, oid: str) -> pygit2.Tree | None:
    import pygit2

    return pg[oid].peel(pygit2.Tree) if mode == TREE else None
