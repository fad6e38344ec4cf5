"""Runs that are no replicates only since some untracked file of theirs differs, such as a log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from git_exp import errors
from git_exp.git import objects, steps
from git_exp.git.repo import Repo
from git_exp.run import Run
from git_exp.verdict import replicates

_FEW = 10


class Nearly(NamedTuple):
    """A run, and the files without which it would be a replicate."""

    run: Run
    files: list[str]


def replicate(repo: Repo, run: Run, others: Iterable[Run]) -> Nearly | None:
    """The first of some runs that only files apart from the commit they began at set apart."""
    for other in others:
        if other.id != run.id and replicates.counts(other) and _asks_the_same(run, other):
            files = _apart(repo, run, other)
            if files:
                return Nearly(other, files)
    return None


def _asks_the_same(run: Run, other: Run) -> bool:
    """Whether command, folder and params are the same, and the code is not."""
    one, two = replicates.key(run), replicates.key(other)
    if not (isinstance(one, tuple) and isinstance(two, tuple)) or run.base != other.base:
        return False
    return one[1:] == two[1:] and one != two


def _apart(repo: Repo, run: Run, other: Run) -> list[str]:
    """The files that differ, where they are few and the commit below has none of them."""
    found = steps.between(repo, other.commit, run.commit)
    if not found or len(found) > _FEW:
        return []
    files = [one.path for one in found]
    try:
        tracked = any(run.base and objects.entry(repo, run.base, one) for one in files)
    except errors.GitExpError:
        return []
    return [] if tracked else files
