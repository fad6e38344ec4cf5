"""What a checkout would overwrite, and what of that is nowhere else."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from git_exp.git import filters, survey
from git_exp.git.survey import GITLINK, Entry, Sides, Survey


@dataclass(frozen=True, kw_only=True)
class Aim:
    """Where a checkout goes.

    `tree` is for the worktree; `index` the tree of the index afterwards, where that is another
    one; `known` a commit whose files may be overwritten, for they are safe there.
    """

    tree: str
    index: str | None = None
    known: str | None = None


@dataclass(kw_only=True)
class Peril:
    """What a checkout does to the worktree: paths as git has them.

    `lost` would be lost, `same` is as the checkout would write it, `ignored` is in the way and
    ignored, `blocked` is in the way and no commit can hold it (ends with a slash: a folder),
    `replaced` is unchanged and will be another file.
    """

    lost: set[bytes] = field(default_factory=set)
    same: set[bytes] = field(default_factory=set)
    ignored: set[bytes] = field(default_factory=set)
    blocked: set[bytes] = field(default_factory=set)
    replaced: set[bytes] = field(default_factory=set)


class Obstacle(NamedTuple):
    """Something on disk where a checkout writes."""

    path: bytes
    savable: bool


def gentle(found: Survey, aim: Aim) -> Peril:
    """The peril of a checkout that keeps local changes, as `git checkout` does."""
    peril = Peril()
    differing = found.differences(aim.tree)
    if aim.index:
        resets = found.differences(aim.index)
        staged = {path for path, one in found.changes.items() if one.staged != "."}
        peril.lost |= staged & resets.keys() & differing.keys()
        peril.lost |= {path for path in staged & resets.keys() if _index_alone(found, path)}
    suspects: set[bytes] = set()
    for path, (new, old) in differing.items():
        change = found.changes.get(path)
        if not aim.index and change and change.staged != ".":
            # git keeps what is staged where the two commits agree, and refuses where they do not.
            if change.head != new:
                peril.lost.add(path)
            continue
        _look(found, differing, path, (new, old), suspects, peril)
    _judge(found, aim, differing, suspects, peril)
    peril.lost |= set(filters.lossy(found, peril.replaced, clean=True))
    return peril
