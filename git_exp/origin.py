"""Whose code a worktree was last set to: what the next run there is derived from."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from git_exp import values
from git_exp.git import objects
from git_exp.git.repo import Repo
from git_exp.git.snapshot import Snapshot

_UNBORN = "-"
_LINE = re.compile(rf"(\S+) ([0-9a-f]{{40}}) ([0-9a-f]{{40}}|{_UNBORN})\n")


class Origin(NamedTuple):
    """A run by its id and its commit, and where HEAD was then; None on an unborn branch."""

    run: str
    commit: str
    head: str | None


def note(repo: Repo, origin: Origin) -> None:
    """Remember it; where that cannot be written, nobody is disturbed."""
    line = f"{origin.run} {origin.commit} {origin.head or _UNBORN}\n"
    with suppress(OSError):
        place = _place(repo)
        place.parent.mkdir(exist_ok=True)
        place.write_text(line, errors="surrogateescape")


def forget(repo: Repo) -> None:
    """Know nothing of it any more."""
    with suppress(OSError):
        _place(repo).unlink(missing_ok=True)


def read(repo: Repo) -> Origin | None:
    """What is remembered of this worktree; None where that is nothing, or damaged."""
    try:
        found = _LINE.fullmatch(_place(repo).read_text(errors="surrogateescape"))
    except OSError:
        return None
    return Origin(found[1], found[2], None if found[3] == _UNBORN else found[3]) if found else None


def of_next(repo: Repo, taken: Snapshot) -> str | None:
    """The run that one of this snapshot is derived from for certain, if there is one.

    HEAD has not moved since, and the changes have not been thrown away.
    """
    found = read(repo)
    if found is None or found.head != taken.base or not values.is_run_id(found.run):
        return None
    if not taken.dirty and objects.tree_of(repo, found.commit) != taken.tree:
        return None
    return found.run


def _place(repo: Repo) -> Path:
    # Each worktree has its own.
    return Path(os.path.join(repo.git_dir, "exp", "origin"))
