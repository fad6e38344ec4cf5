"""What the best run came after, and what made it different."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import NamedTuple

from git_exp import errors, lineage, values
from git_exp.brief import replicated
from git_exp.brief.course import Top
from git_exp.brief.facts import Parent
from git_exp.brief.replicated import Keys
from git_exp.git import diff
from git_exp.index.digest import Mark
from git_exp.run import Run
from git_exp.store import Store

_OID = re.compile("[0-9a-f]{40}")
_FILES = 20
RECORDED = "derived from it"
_BEST_THEN = "the best then"


class Came(NamedTuple):
    """The run before another one, and why it is that."""

    mark: Mark
    run: Run
    why: str


def before(top: Top, keys: Keys) -> Came | None:
    """The measured run whose code the best one's was made of, if that is recorded.

    Else the best of that time which is no replicate of it. The run of the nearest code is not
    looked for: that takes longer than all else.
    """
    derived = top.run.git.derived if top.run.git else None
    for mark in (one for one in top.course.marks if derived and one.id == derived):
        (run,) = top.digest.runs([mark.at])
        if lineage.is_derived(top.run, run):
            return Came(mark, run, RECORDED)
    best = keys.before(top.course, top.mark)
    if best is None:
        return None
    (run,) = top.digest.runs([best.at])
    return Came(best, run, _BEST_THEN)


def difference(store: Store, came: Came, run: Run) -> Parent:
    """What differs between two runs: params, and files where the code of both is here."""
    files = _files(store, came.run.commit, run.commit)
    return Parent(
        run=came.run.id,
        value=came.mark.value,
        why=came.why,
        params=replicated.differing(came.run, run),
        files=None if files is None else files[:_FILES],
        files_count=len(files or ()),
    )


def _files(store: Store, old: str, new: str) -> list[str] | None:
    # Git alone is asked: pygit2 takes longer to import than all else, and no remote is of use.
    if not (_OID.fullmatch(old) and _OID.fullmatch(new)):
        return None
    with suppress(errors.GitFailed):
        found = diff.files(store.repo, (old, new))
        return [values.quoted(os.fsdecode(one.path)) for one in found]
    return None
