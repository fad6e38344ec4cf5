"""Back to a run's code without losing today's."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

from git_exp import errors, left_out, values
from git_exp.git import extras, objects, overwrite, readback, worktree
from git_exp.git import saved as aside
from git_exp.git.overwrite import Aim, Peril
from git_exp.git.repo import Repo
from git_exp.git.saved import Saved
from git_exp.git.survey import Survey, between, naming, position, survey
from git_exp.left_out import LeftOut
from git_exp.run import Run

WAY_BACK = f"git exp checkout {aside.LATEST}"
_UNMATCHED = re.compile(r"pathspec '(.*)' did not match any file", re.DOTALL)


class Form(msgspec.Struct, frozen=True, kw_only=True):
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


class Answer(msgspec.Struct, frozen=True, kw_only=True):
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


class _Step(msgspec.Struct, frozen=True, kw_only=True):
    """One way to write a worktree: `act` does it, by force or with what is the same as it will be.

    With `paths` it writes these alone, else all of it; `raws` are blobs that are written over
    what git writes.
    """

    run: Run
    aim: Aim
    act: Callable[[bool, set[bytes]], str]
    paths: frozenset[bytes] | None = None
    raws: dict[bytes, str] | None = None


DEFAULT = Form()


def checkout(repo: Repo, run: Run, form: Form = DEFAULT) -> Answer:
    """Bring a run's code back.

    Raises `Refused` (and has touched nothing) where a local change would be overwritten and `save`
    is not asked for, `NotFound` where the run does not have what is asked for.
    """
    _consistent(form)
    if run.git and run.git.capture == "none":
        # What its commit holds is not what ran, and may be nothing at all.
        raise errors.NotFound(
            f"the code of run '{run.id}' was not captured",
            hint=f"the commit it started at: git switch --detach {run.base}" if run.base else None,
        )
    if not worktree.present(repo, run.commit):
        raise errors.CodeAway(run.id)
    if form.worktree is not None:
        return _beside(repo, run, form.worktree)
    if form.branch is not None:
        worktree.branch_name(repo, form.branch)
    with survey(repo) as found:
        if form.paths:
            return _in_place(found, run, form)
        step = _on_base(found, run) if form.keep_base else _switched(found, run, form.branch)
        return _done(found, step, form)


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
        return _done(found, _returned(found, what), Form(save=save, exact=exact))


def _switched(found: Survey, run: Run, branch: str | None) -> _Step:
    def act(force: bool, same: set[bytes]) -> str:
        return worktree.switch(found, run.commit, branch=branch, force=force, same=same)

    return _Step(run=run, aim=Aim(tree=run.commit), act=act)


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
    return _Step(run=run, aim=aim, act=act)


def _returned(found: Survey, what: Saved) -> _Step:
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
    aim = Aim(tree=what.tree, index=what.index, known=known)
    notes = extras.read(repo, what.extras)

    def act(force: bool, same: set[bytes]) -> str:
        worktree.lay(found, aim, force=force, same=same)
        worktree.point(found, what.head, branch)
        extras.apply(repo, notes)
        return ""

    return _Step(run=run, aim=aim, act=act, raws=extras.raws(notes))


def _done(found: Survey, step: _Step, form: Form) -> Answer:
    """Guard, act, and tell what was done."""
    repo = found.repo
    _settled(found)
    peril, kept_aside, unsaved = _guarded(found, step, form.save or form.exact)
    said = _acted(step, peril, kept_aside)
    mine = between(repo, objects.EMPTY_TREE, step.aim.tree).keys()
    others = readback.untracked(repo) - mine
    removed = {path for path in peril.same - mine if path not in found.changes}
    if form.exact and kept_aside:
        removed |= readback.remove(repo, kept_aside, others & found.untracked)
    left, unlisted = left_out.check(step.run, repo.top or Path())
    head, branch = position(repo)
    return Answer(
        run=step.run.id,
        commit=step.run.commit,
        head=head,
        branch=branch,
        was_head=found.head,
        was_branch=found.branch,
        saved=kept_aside.name if kept_aside else None,
        way_back=WAY_BACK if kept_aside else None,
        unsaved=_shown(unsaved),
        kept=_kept(found, peril),
        removed=_shown(removed),
        untracked=_shown(others - removed),
        left_out=left,
        left_out_unlisted=unlisted,
        folder_gone=_gone(repo),
        said=said,
    )


def _in_place(found: Survey, run: Run, form: Form) -> Answer:
    """Some paths of the run into the worktree; index and HEAD stay."""
    repo = found.repo
    held, tracked = _matching(found, run, form.paths)
    extra = {path for path in tracked if path not in held and os.path.lexists(found.at(path))}
    aim, paths = Aim(tree=run.commit), frozenset(held).union(tracked)
    needed = overwrite.writes(found, aim, paths)

    def act(_force: bool, same: set[bytes]) -> str:
        wanted = needed - same
        here, away = wanted & set(held), wanted - set(held)
        return worktree.write_paths(repo, run.commit, written=here, removed=away)

    step = _Step(run=run, aim=aim, act=act, paths=paths)
    if form.save:
        _settled(found)
    peril, kept_aside, unsaved = _guarded(found, step, form.save)
    said = _acted(step, peril, kept_aside)
    return Answer(
        run=run.id,
        commit=run.commit,
        head=found.head,
        branch=found.branch,
        was_head=found.head,
        was_branch=found.branch,
        saved=kept_aside.name if kept_aside else None,
        way_back=WAY_BACK if kept_aside else None,
        unsaved=_shown(unsaved),
        restored=_shown(path for path in held if os.path.lexists(found.at(path))),
        removed=_shown(path for path in extra if not os.path.lexists(found.at(path))),
        folder_gone=_gone(repo),
        said=said,
    )


def _beside(repo: Repo, run: Run, folder: Path) -> Answer:
    """The run's code in a new linked worktree."""
    place = (repo.top or repo.git_dir) / repo.prefix / folder
    head, branch = position(repo)
    said = worktree.add(repo, place, run.commit)
    left, unlisted = left_out.check(run, place)
    return Answer(
        run=run.id,
        commit=run.commit,
        head=head,
        branch=branch,
        was_head=head,
        was_branch=branch,
        worktree=values.quoted(str(place)),
        left_out=left,
        left_out_unlisted=unlisted,
        said=said,
    )


def _consistent(form: Form) -> None:
    options = {
        "-b": form.branch is not None,
        "--worktree": form.worktree is not None,
        "--keep-base": form.keep_base,
        "a path": bool(form.paths),
    }
    chosen = [name for name, given in options.items() if given]
    if form.worktree is not None or form.paths:
        chosen += ["--exact"] if form.exact else []
    if form.worktree is not None:
        chosen += ["--save"] if form.save else []
    if len(chosen) > 1:
        raise errors.UsageError(f"{chosen[0]} and {chosen[1]} cannot be used together")


def _settled(found: Survey) -> None:
    """Refuse in the middle of a merge and the like: a checkout would end it."""
    doing = worktree.unfinished(found.repo)
    if doing or found.unmerged:
        raise errors.Refused(
            f"cannot check out another state while {doing or 'files are unmerged'}",
            hint="finish it or abort it first, or look at the run beside it: add --worktree DIR",
        )


def _guarded(found: Survey, step: _Step, save: bool) -> tuple[Peril, Saved | None, list[bytes]]:
    """Refuse, with nothing touched, unless nothing would be lost or it has been put aside."""
    look = overwrite.forced if save else overwrite.gentle
    peril = look(found, step.aim, step.paths)
    if step.raws and save:
        peril.replaced |= step.raws.keys() - peril.lost
    elif step.raws:
        peril.lost |= extras.clashes(found, peril, step.raws)
    if peril.blocked:
        raise errors.Refused(
            f"{_names(peril.blocked)} is in the way", hint="no commit can hold it: move it away"
        )
    if save:
        kept_aside, unsaved = aside.put(
            found, peril, known=step.run.commit, now=time.time_ns() / 1e9
        )
        return peril, kept_aside, unsaved
    if peril.lost:
        raise errors.Refused(
            f"local changes would be overwritten: {_names(peril.lost)}",
            hint="put everything aside first: add --save",
        )
    return peril, None, []


def _acted(step: _Step, peril: Peril, kept_aside: Saved | None) -> str:
    try:
        return step.act(kept_aside is not None, peril.same)
    except (errors.GitExpError, OSError) as error:
        failure = error if isinstance(error, errors.GitExpError) else None
        failure = failure or errors.RepositoryError(f"cannot write the worktree: {error}")
        if kept_aside:
            failure.hint = f"nothing is lost; to return: git exp checkout --save {kept_aside.name}"
        raise failure from error


def _matching(found: Survey, run: Run, specs: Iterable[str]) -> tuple[list[bytes], list[bytes]]:
    try:
        return worktree.matching(found, run.commit, tuple(specs))
    except errors.GitFailed as error:
        missing = _UNMATCHED.search(error.stderr)
        if not missing:
            raise
        why = next((one.reason for one in left_out.of(run) if one.path == missing[1]), None)
        raise errors.NotFound(
            f"run '{run.id}' has no '{missing[1]}'",
            hint=f"the snapshot had left it out: {why}" if why else None,
        ) from error


def _kept(found: Survey, peril: Peril) -> tuple[Kept, ...]:
    letters = ((path, found.changes[path]) for path in sorted(peril.kept))
    return tuple(
        Kept(one.worked if one.worked != "." else one.staged, _quoted(path))
        for path, one in letters
    )


def _gone(repo: Repo) -> bool:
    return not ((repo.top or Path()) / repo.prefix).is_dir()


def _names(paths: Iterable[bytes]) -> str:
    return naming(map(os.fsdecode, sorted(paths)))


def _shown(paths: Iterable[bytes]) -> tuple[str, ...]:
    return tuple(_quoted(path) for path in sorted(paths))


def _quoted(path: bytes) -> str:
    return values.quoted(os.fsdecode(path))
