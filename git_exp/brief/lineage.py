"""Which run the best one came after, and what made it different."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import NamedTuple

from git_exp import differing, errors, values
from git_exp.brief.course import Course
from git_exp.brief.facts import Parent
from git_exp.git import diff
from git_exp.index.digest import Digest, Mark
from git_exp.run import Run
from git_exp.store import Store

_OID = re.compile("[0-9a-f]{40}")
_FILES = 20
_RECORDED = "derived from it"
_SAME_BASE = "same base commit"
_BEST_THEN = "best before it"


class Came(NamedTuple):
    """The run before another one, and why it is taken for its parent."""

    mark: Mark
    why: str


def parent_of(run: Run, course: Course, digest: Digest) -> Came | None:
    """The measured run whose code it was made of, if that is recorded.

    Else the latest that had ended and began at the same commit, else the best of that time.
    """
    derived = run.git.derived if run.git else None
    recorded = (one for one in course.marks if one.id == derived) if derived else iter(())
    for one in recorded:
        return Came(one, _RECORDED)
    known = course.by_place
    alike = digest.of_base(run.base, run.started) if run.base else iter(())
    over = (known[at] for at in alike if at in known and known[at].ended <= run.started)
    found = next((one for one in over if one.id != run.id), None)
    if found:
        return Came(found, _SAME_BASE)
    best = course.before(run.started)
    return Came(best, _BEST_THEN) if best and best.id != run.id else None


def difference(store: Store, came: Came, *, parent: Run, run: Run) -> Parent:
    """What differs between two runs: params, and files where the code of both is here."""
    files = _files(store, parent.commit, run.commit)
    return Parent(
        run=parent.id,
        value=came.mark.value,
        why=came.why,
        params=differing.between(parent.params, run.params),
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
