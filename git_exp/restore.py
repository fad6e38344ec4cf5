"""Back to a run's code without losing today's."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from git_exp import errors, records, values
from git_exp.git import extras, objects, overwrite, readback, worktree
from git_exp.git import saved as aside
from git_exp.git.overwrite import Aim, Peril
from git_exp.git.repo import Repo
from git_exp.git.saved import Saved
from git_exp.git.survey import Survey, between, naming, survey
from git_exp.run import Run

_SAVE_HINT = "put everything aside first: add --save"


@dataclass(frozen=True, kw_only=True)
class Form:
    """How to check out, as the command's options say; `worktree` is an absolute path.

    With `paths`, pathspecs as the user typed them in their folder, these files alone are written.
    """

    branch: str | None = None
    worktree: Path | None = None
    keep_base: bool = False
    save: bool = False
    exact: bool = False
    paths: tuple[str, ...] = ()


class Kept(NamedTuple):
    """A local change that the checkout left alone, with git's letter for it."""

    letter: str
    path: str


class LeftOut(NamedTuple):
    """A file that the snapshot had left out: `now` it is absent, differs, or nobody can tell."""

    path: str
    reason: str
    now: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a checkout did. Paths are the repository's; one that is no UTF-8 is quoted as git does.

    `commit` is whose files the worktree holds; `head` is where HEAD is now, on `branch` (a full
    ref name) or detached, `was_head` and `was_branch` where it was. `saved` is the ref of what was
    put aside, `way_back` the command that returns to it, and `unsaved` the untracked files that
    git cannot hold: they are where they were. `kept` are local changes that stay; `restored` the
    files of the paths asked for; `removed` what is gone; `untracked` what the run did not have and
    is still there. `said` is what git and the user's hooks said.
    """

    run: str
    commit: str
    head: str | None = None
    branch: str | None = None
    was_head: str | None = None
    was_branch: str | None = None
    worktree: str | None = None
    saved: str | None = None
    way_back: str | None = None
    unsaved: tuple[str, ...] = ()
    kept: tuple[Kept, ...] = ()
    restored: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    untracked: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    left_out_unlisted: int = 0
    folder_gone: bool = False
    said: str = ""


@dataclass(frozen=True, kw_only=True)
class _Step:
    """One way to write a worktree: `act` does it, by force or with what is the same as it will be.

    With `paths` it writes these alone, else all of it; `raws` are blobs that are written over
    what git writes.
    """

    aim: Aim
    commit: str
    act: Callable[[bool, set[bytes]], str]
    paths: frozenset[bytes] | None = None
    raws: dict[bytes, str] | None = None


def checkout(repo: Repo, run: Run, form: Form = Form()) -> Answer:  # noqa: B008
    """Bring a run's code back.

    Raises `Refused` (and has touched nothing) where a local change would be overwritten and `save`
    is not asked for, `NotFound` where the run does not have what is asked for.
    """
    _consistent(form)
    if not worktree.present(repo, run.commit):
        raise errors.NotFound(
            f"the code of run '{run.id}' is not here", hint="fetch it: git exp pull --all"
        )
    if form.worktree is not None:
        return _beside(repo, run, form.worktree)
    if form.branch is not None:
        worktree.branch_name(repo, form.branch)
    with survey(repo) as found:
        if form.paths:
            return _in_place(found, run, form)
        step = _on_base(found, run) if form.keep_base else _switched(found, run, form.branch)
        return _done(found, run, step, form)


def saved(repo: Repo, name: str) -> Saved | None:
    """What `@{saved}` or the full name of a saved ref stands for; None for any other name.

    Raises `NotFound` when there is none.
    """
    return aside.find(repo, name)


def back(repo: Repo, what: Saved, *, save: bool = False, exact: bool = False) -> Answer:
    """Bring back what was put aside: worktree and index as they were, and HEAD where it was.

    A branch that has moved since stays where it is: HEAD is detached at the commit it had.
    """
    with survey(repo) as found:
        run = Run(id="", commit=what.commit)
        return _done(found, run, _returned(found, what), Form(save=save, exact=exact))


def _switched(found: Survey, run: Run, branch: str | None) -> _Step:
    def act(force: bool, same: set[bytes]) -> str:
        return worktree.switch(found, run.commit, branch=branch, force=force, same=same)

    return _Step(aim=Aim(tree=run.commit), commit=run.commit, act=act)


def _on_base(found: Survey, run: Run) -> _Step:
    """The run's files over its base, as they were: changes that nobody has staged."""
    if run.base is None and found.head is not None:
        raise errors.NotFound(f"run '{run.id}' has no base commit: it came before the first")
    if run.base is not None and not worktree.present(found.repo, run.base):
        raise errors.NotFound(f"the base commit of run '{run.id}' is not here")
    branch = found.branch if found.head == run.base else None

    def act(force: bool, same: set[bytes]) -> str:
        worktree.lay(found, aim, force=force, same=same)
        worktree.point(found, run.base, branch)
        return ""

    aim = Aim(tree=run.commit, index=run.base or objects.EMPTY_TREE)
    return _Step(aim=aim, commit=run.commit, act=act)


def _returned(found: Survey, what: Saved) -> _Step:
    repo = found.repo
    branch = what.branch
    if branch and branch != found.branch and not worktree.free(repo, branch, what.head):
        branch = None
    elif branch and found.head != what.head and branch == found.branch:
        branch = None
    if what.head is None and branch is None:
        raise errors.Refused(
            f"branch '{what.branch}' has commits now", hint=f"take files: git show {what.name}:FILE"
        )
    known = what.known if worktree.present(repo, what.known) else None
    aim = Aim(tree=what.tree, index=what.index, known=known)
    notes = extras.read(repo, what.extras)

    def act(force: bool, same: set[bytes]) -> str:
        worktree.lay(found, aim, force=force, same=same)
        worktree.point(found, what.head, branch)
        extras.apply(repo, notes)
        return ""

    return _Step(aim=aim, commit=what.commit, act=act, raws=extras.raws(notes))


def _done(found: Survey, run: Run, step: _Step, form: Form) -> Answer:
    _settled(found)
    peril, kept_aside, unsaved = _guarded(found, step, form.save or form.exact)
    said = _acted(step, peril, kept_aside)
    others = found.untracked - between(found.repo, objects.EMPTY_TREE, step.aim.tree).keys()
    removed = peril.same & others
    if form.exact and kept_aside:
        unignored = readback.untracked(found.repo)
        removed |= readback.remove(found.repo, kept_aside, others & unignored)
    left, unlisted = _left_out(run, found.repo.top or Path())
    head, branch = position(found.repo)
    return Answer(
        run=run.id,
        commit=step.commit,
        head=head,
        branch=branch,
        was_head=found.head,
        was_branch=found.branch,
        unsaved=_shown(unsaved),
        kept=_kept(found, peril),
        removed=_shown(removed),
        untracked=_shown((others - removed) | set(found.embedded)),
        left_out=left,
        left_out_unlisted=unlisted,
        folder_gone=not (found.repo.top or Path()).joinpath(found.repo.prefix).is_dir(),
        said=said,
        **_way_back(kept_aside),
    )
