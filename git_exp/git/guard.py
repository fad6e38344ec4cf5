"""Paths that have to be as a commit has them: whether a tree or the worktree differs there."""

from __future__ import annotations

import os
from collections.abc import Sequence

from git_exp.git.index import copied
from git_exp.git.repo import Repo


def missing(repo: Repo, commit: str, paths: Sequence[str]) -> list[str]:
    """Those of some paths, from the top of the worktree, that a commit does not have."""
    return [path for path in paths if not repo.git("ls-tree", "-z", commit, "--", path)]


def differing(repo: Repo, commits: tuple[str, str], paths: Sequence[str]) -> list[str]:
    """The files below some paths in which two commits differ: by content, kind or mode."""
    words = ("diff-tree", "-r", "-z", "--name-only", "--no-renames", "--no-ext-diff")
    return _listed(repo.git("--literal-pathspecs", *words, *commits, "--", *paths))


def edited(repo: Repo, commit: str, paths: Sequence[str]) -> list[str]:
    """The files below some paths that are in the worktree otherwise than in a commit.

    Nothing in the user's index hides one: neither `assume-unchanged` nor `skip-worktree`.
    """
    entries = repo.git("--literal-pathspecs", "ls-tree", "-r", "-z", commit, "--", *paths)
    with copied(repo) as index:
        index.unlink(missing_ok=True)
        repo.git("update-index", "-z", "--index-info", stdin=entries, index=index)
        words = ("diff", "-z", "--name-only", "--no-renames", "--no-ext-diff", "--no-textconv")
        return _listed(repo.git(*words, "--ignore-submodules=none", index=index))


def _listed(out: bytes) -> list[str]:
    return [os.fsdecode(one) for one in out.split(b"\0")[:-1]]
