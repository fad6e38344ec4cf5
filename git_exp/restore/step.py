"""The ways there are to write a worktree: to a run's commit, over its base, to what was saved."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from git_exp import errors, origin, query
from git_exp.git import extras, objects, worktree
from git_exp.git.overwrite import Aim, Peril
from git_exp.git.saved import Saved
from git_exp.git.survey import Survey
from git_exp.run import Run


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One way to write a worktree: `act` does it, where all was put aside or nothing is lost.

    With `paths` it writes these alone, else all of it; `raws` are blobs that are written over
    what git writes. `based` says that HEAD is where the run began, and its code over that.
    """

    run: Run
    aim: Aim
    act: Callable[[bool, Peril], str]
    paths: frozenset[bytes] | None = None
    raws: dict[bytes, str] | None = None
    based: bool = False


def switched(found: Survey, run: Run, branch: str | None) -> Step:
    def act(saved: bool, peril: Peril) -> str:
        return worktree.switch(found, run.commit, branch=branch, saved=saved, peril=peril)

    return Step(run=run, aim=Aim(tree=run.commit), act=act)


def on_base(found: Survey, run: Run) -> Step:
    """The run's files over its base, as they were: changes that nobody has staged."""
    if run.base is None and found.head is not None:
        raise errors.NotFound(
            f"run {query.short(run.id)} has no base commit: it came before the first"
        )
    if run.base is not None and not worktree.present(found.repo, run.base):
        raise errors.NotFound(f"the base commit of run {query.short(run.id)} is not here")
    branch = found.branch if found.head == run.base else None

    def act(saved: bool, peril: Peril) -> str:
        worktree.lay(found, aim, saved=saved, peril=peril)
        worktree.point(found, run.base, branch)
        return ""

    aim = Aim(tree=run.commit, index=run.base or objects.EMPTY_TREE)
    return Step(run=run, aim=aim, act=act, based=True)


def settled(found: Survey, commit: str, branch: str | None) -> Step:
    """The files of a commit and nothing else, with HEAD on a branch of it or at it."""
    if branch and not worktree.free(found.repo, branch, commit):
        branch = None
    last = origin.read(found.repo)
    # What a run had that is ignored here is safe there, and goes.
    known = last.commit if last and worktree.present(found.repo, last.commit) else None

    def act(saved: bool, peril: Peril) -> str:
        worktree.lay(found, aim, saved=saved, peril=peril)
        worktree.point(found, commit, branch)
        return ""

    aim = Aim(tree=commit, index=commit, known=known)
    return Step(run=Run(id="", commit=commit), aim=aim, act=act)


def returned(found: Survey, what: Saved) -> Step:
    repo = found.repo
    branch = what.branch
    if branch and not worktree.free(repo, branch, what.head):
        branch = None
    if what.head is None and branch is None:
        raise errors.Refused(
            f"branch '{what.branch}' has commits now", hint=f"take files: git show {what.name}:FILE"
        )
    run = Run(id="", commit=what.commit)
    known = what.known if worktree.present(repo, what.known) else None
    notes = extras.read(repo, what.extras)
    stray = extras.stray(notes)
    aim = Aim(tree=what.tree, index=what.index, known=known, whole=True, stray=stray)

    def act(saved: bool, peril: Peril) -> str:
        worktree.lay(found, aim, saved=saved, peril=peril)
        worktree.point(found, what.head, branch)
        extras.apply(repo, notes)
        return ""

    return Step(run=run, aim=aim, act=act, raws=extras.raws(notes))
