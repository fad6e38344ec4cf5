"""Three-way merges of trees, without a worktree: nothing of the user's is touched."""

from __future__ import annotations

import os
from typing import NamedTuple

from git_exp import errors
from git_exp.git import objects
from git_exp.git.objects import Ident
from git_exp.git.repo import Repo

_NOBODY = Ident(name="git-exp", email="git-exp@localhost", time=0, offset=0)


class Merged(NamedTuple):
    """The tree of a merge, or the paths where it has conflicts."""

    tree: str
    conflicts: list[bytes]


def trees(repo: Repo, *, base: str, ours: str, theirs: str) -> Merged:
    """What becomes of one tree when what changed from a base to another is done to it too."""
    writer = objects.Writer(repo)

    def commit(tree: str, *parents: str) -> str:
        return writer.commit(tree, list(parents), "merge\n", author=_NOBODY, committer=_NOBODY)

    # git 2.39 takes no --merge-base: two commits on one have no other. No ref holds them.
    root = commit(base)
    sides = (commit(ours, root), commit(theirs, root))
    words = ("merge-tree", "--write-tree", "-z", "--name-only", "--no-messages")
    child = repo.start("-c", "core.hooksPath=/dev/null", *words, *sides)
    out, err = child.communicate()
    if child.returncode not in (0, 1):
        raise errors.GitFailed("merge-tree", child.returncode, os.fsdecode(err))
    tree, *paths = out.split(b"\0")
    return Merged(os.fsdecode(tree), [path for path in paths if path] if child.returncode else [])
