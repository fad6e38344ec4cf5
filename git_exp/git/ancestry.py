"""Which commit is in the history of which."""

from __future__ import annotations

from git_exp.git.repo import Repo


def holds(repo: Repo, commit: str, other: str) -> bool:
    """Whether another commit is this one or in its history; False where either is not here."""
    import pygit2

    try:
        return commit == other or bool(repo.pg.descendant_of(commit, other))
    except (pygit2.GitError, KeyError, ValueError):
        return False
