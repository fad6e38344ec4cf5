"""Back to a run's code without losing today's."""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import msgspec

from git_exp import errors, left_out, locks, origin, query, values
from git_exp.git import diff, extras, objects, overwrite, readback, ready, refs, untracked, worktree
from git_exp.git import saved as aside
from git_exp.git.overwrite import Aim, Peril
from git_exp.git.repo import SPEC, Repo
from git_exp.git.saved import Saved
from git_exp.git.survey import Survey, between, position, survey
from git_exp.origin import Origin
from git_exp.restore.answer import Answer as Answer
from git_exp.restore.answer import Form as Form
from git_exp.restore.answer import Kept as Kept
from git_exp.restore.answer import names, quoted, shown
from git_exp.restore.step import Step, on_base, returned, settled, switched
from git_exp.run import Run

WAY_BACK = f"git exp checkout {aside.LATEST}"
_HEADS = "refs/heads/"
# git's words for a path that is none, each time in one line.
_BAD_SPEC = re.compile(
    r"^fatal: (?=.*(?:pathspec|incompatible))(.*)",
    re.MULTILINE,
)
_UNMATCHED = re.compile(r"pathspec '(.*)' did not match any file", re.DOTALL)


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
            f"the code of run {query.short(run.id)} was not captured",
            hint=f"the commit it started at: git switch --detach {run.base}" if run.base else None,
        )
    if not worktree.present(repo, run.commit):
        raise errors.CodeAway(run.id)
    if form.worktree is not None:
        return _beside(repo, run, form.worktree)
    return _alone(repo, lambda found: _gone_to(found, run, form))


def saved(repo: Repo, name: str) -> Saved | None:
    """What `@{saved}`, `@{saved~1}` or a saved ref stands for; None for any other name.

    Raises `NotFound` when there is none.
    """
    return aside.find(repo, name)


def every_saved(repo: Repo) -> list[tuple[Saved, str]]:
    """All that was put aside, newest first, each with the name it has in this worktree.

    That is empty for what was put aside in another one.
    """
    mine = [one.name for one in aside.here(repo)]
    names = {name: f"@{{saved~{at}}}" if at else aside.LATEST for at, name in enumerate(mine)}
    return [(one, names.get(one.name, "")) for one in aside.every(repo)]


def back(repo: Repo, what: Saved, *, save: bool = False, exact: bool = False) -> Answer:
    """Bring back what was put aside: worktree and index as they were, and HEAD where it was.

    A branch that has moved since stays where it is: HEAD is detached at the commit it had.
    """
    form = Form(save=save, exact=exact)
    return _alone(repo, lambda found: _done(found, returned(found, what), form))


def undo(repo: Repo, what: Run | Saved, paths: Sequence[str] = ()) -> Answer:
    """Make the worktree that of a run or of what was put aside, all local changes put aside first.

    Of a run it is a checkout with `keep_base`, `save` and `exact`, or of some paths with `save`.
    """
    form = Form(save=True, exact=not paths, undo=True, paths=tuple(paths))
    if isinstance(what, Run):
        form = msgspec.structs.replace(form, keep_base=not paths)
        return _told(checkout(repo, what, form))
    if paths:
        raise errors.UsageError("saved work comes back whole: it takes no paths")
    return _told(_alone(repo, lambda found: _done(found, returned(found, what), form)))


def undo_all(repo: Repo, revision: str) -> Answer:
    """Make the worktree that of a branch or a commit, all local changes put aside first.

    Raises `NotFound` for what is neither.
    """
    return _told(_alone(repo, lambda found: _set_to(found, revision)))


def _alone(repo: Repo, deed: Callable[[Survey], Answer]) -> Answer:
    """Do it as the only one in this worktree."""
    with locks.alone(repo) as others, survey(repo) as found:
        answer = deed(found)
        if answer.saved and others():
            # What another puts aside next will be the latest.
            back = WAY_BACK.replace(aside.LATEST, answer.saved)
            return msgspec.structs.replace(answer, way_back=back)
        return answer


def _told(answer: Answer) -> Answer:
    """What was done, with the way back in one word: to what is saved, or to where HEAD was."""
    back = (answer.way_back or "").rpartition(" ")[2]
    if not answer.saved:
        where = answer.was_branch.removeprefix(_HEADS) if answer.was_branch else answer.was_head
        back = f"--commit {shlex.quote(where or 'HEAD')}"
    return msgspec.structs.replace(answer, way_back=f"git exp restore {back}")


def _gone_to(found: Survey, run: Run, form: Form) -> Answer:
    if form.branch is not None:
        worktree.branch_name(found.repo, form.branch)
    if form.paths:
        return _in_place(found, run, form)
    step = on_base(found, run) if form.keep_base else switched(found, run, form.branch)
    return _done(found, step, form)


def _set_to(found: Survey, revision: str) -> Answer:
    repo, branch = found.repo, f"{_HEADS}{revision.removeprefix(_HEADS)}"
    if revision == "HEAD":
        commit, branch = found.head, found.branch or ""
    else:
        commit = refs.resolve(repo, branch) or diff.resolve(repo, f"{revision}^{{commit}}")
        branch = branch if refs.resolve(repo, branch) else ""
    if commit is None:
        raise errors.NotFound(f"no commit '{revision}'", hint="list branches: git branch")
    step = settled(found, commit, branch or None)
    return _done(found, step, Form(save=True, exact=True, undo=True))


def _done(found: Survey, step: Step, form: Form) -> Answer:
    """Guard, act, and tell what was done."""
    repo = found.repo
    _expect_nothing_begun(found)
    peril, kept_aside, unsaved = _guarded(found, step, form)
    origin.forget(repo)
    said = _acted(found, step, peril=peril, kept_aside=kept_aside, undo=form.undo)
    mine = between(repo, objects.EMPTY_TREE, step.aim.tree).keys()
    left_alone = _never_captured(found, step.run) if form.undo else set()
    others = readback.untracked(repo) - mine
    if form.exact and kept_aside:
        if step.aim.index:
            # Deleted in the index alone until now: the base's index has it again.
            others |= between(repo, objects.EMPTY_TREE, step.aim.index).keys() - mine
        going = {path for path in others & found.untracked if os.path.lexists(found.at(path))}
        readback.remove(repo, kept_aside, going - left_alone)
        others = readback.untracked(repo) - mine
    removed = _gone_away(found, peril, mine, kept_aside=kept_aside)
    others |= _still_there(repo, left_alone, step.aim.tree, kept_aside=kept_aside)
    left, unlisted = left_out.check(step.run, repo.top or Path())
    head, branch = position(repo)
    if step.based and not step.run.private:
        # What goes with the next run's record may be pushed.
        origin.note(repo, Origin(step.run.id, step.run.commit, head))
    return Answer(
        run=step.run.id,
        commit=step.run.commit,
        head=head,
        branch=branch,
        was_head=found.head,
        was_branch=found.branch,
        saved=kept_aside.name if kept_aside else None,
        way_back=WAY_BACK if kept_aside else None,
        unsaved=shown(unsaved),
        kept=_kept(found, peril),
        removed=shown(removed),
        untracked=shown(others - removed),
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

    def act(saved: bool, peril: Peril) -> str:
        wanted = needed - peril.same
        here, away = wanted & set(held), wanted - set(held)
        ready.expect_unchanged(found, wanted, saved=saved)
        return worktree.write_paths(repo, run.commit, written=here, removed=away)

    step = Step(run=run, aim=aim, act=act, paths=paths)
    if form.save:
        _expect_nothing_begun(found)
    peril, kept_aside, unsaved = _guarded(found, step, form)
    said = _acted(found, step, peril=peril, kept_aside=kept_aside, undo=form.undo)
    return Answer(
        run=run.id,
        commit=run.commit,
        head=found.head,
        branch=found.branch,
        was_head=found.head,
        was_branch=found.branch,
        saved=kept_aside.name if kept_aside else None,
        way_back=WAY_BACK if kept_aside else None,
        unsaved=shown(unsaved),
        restored=shown(path for path in held if os.path.lexists(found.at(path))),
        removed=shown(path for path in extra if not os.path.lexists(found.at(path))),
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


def _expect_nothing_begun(found: Survey) -> None:
    """Refuse in the middle of a merge and the like: a checkout would end it."""
    doing = worktree.unfinished(found.repo)
    if doing or found.unmerged:
        raise errors.Refused(
            f"cannot check out another state while {doing or 'files are unmerged'}",
            hint="finish it or abort it first, or look at a run beside it:"
            " git exp checkout --worktree DIR RUN",
        )


def _gone_away(
    found: Survey, peril: Peril, mine: Collection[bytes], *, kept_aside: Saved | None
) -> set[bytes]:
    """The files that were there, and are not now, and that no commit of the user's has."""
    changes = found.changes.items()
    added = {path for path, one in changes if "A" in (one.staged, one.worked) and one.worked != "D"}
    loose = found.untracked | added | peril.same.difference(mine, found.changes)
    if kept_aside:
        loose |= extras.stray(extras.read(found.repo, kept_aside.extras)).intersection(mine)
    return {path for path in loose if not (found.at(path).is_file() or found.at(path).is_symlink())}


def _still_there(
    repo: Repo, paths: set[bytes], tree: str, *, kept_aside: Saved | None
) -> set[bytes]:
    """Those of some untracked files that were not written either."""
    written = between(repo, kept_aside.tree, tree).keys() if kept_aside and paths else set()
    return (paths & readback.untracked(repo)) - written if paths else set()


def _never_captured(found: Survey, run: Run) -> set[bytes]:
    """Untracked files that snapshots leave out: a run may have had them, or can do with them."""
    repo = found.repo
    top, rules = repo.top or Path(), untracked.rules(repo.config)
    left = {one.path for one in untracked.choose(top, found.untracked, rules)[1]}
    said = {one.path for one in left_out.of(run)}
    return left | {path for path in found.untracked if quoted(path) in said}


def _guarded(found: Survey, step: Step, form: Form) -> tuple[Peril, Saved | None, list[bytes]]:
    """Refuse, with nothing touched, unless nothing would be lost or it has been put aside."""
    save = form.save or form.exact
    look = overwrite.forced if save else overwrite.gentle
    peril = look(found, step.aim, step.paths)
    if step.raws and save:
        peril.replaced |= step.raws.keys() - peril.lost
    elif step.raws:
        peril.lost |= extras.clashes(found, peril, step.raws)
    if peril.blocked:
        raise errors.Refused(
            f"{names(peril.blocked)} is in the way", hint="no commit can hold it: move it away"
        )
    if save:
        kept_aside, unsaved = aside.put(
            found, peril, known=step.run.commit, now=time.time_ns() / 1e9, spare=form.undo
        )
        if kept_aside:
            return peril, kept_aside, unsaved
        # There is nothing to lose, and git's own guards find what comes up meanwhile.
        plain = msgspec.structs.replace(form, save=False, exact=False)
        return _guarded(found, step, plain)
    if peril.lost:
        raise errors.Refused(
            f"local changes would be overwritten: {names(peril.lost)}",
            hint="put everything aside first: add --save",
        )
    return peril, None, []


def _acted(found: Survey, step: Step, *, peril: Peril, kept_aside: Saved | None, undo: bool) -> str:
    try:
        return step.act(kept_aside is not None, peril)
    except (errors.GitExpError, OSError) as error:
        failure = error if isinstance(error, errors.GitExpError) else None
        failure = failure or errors.RepositoryError(f"cannot write the worktree: {error}")
        if kept_aside and _nothing_moved(found, step, failure=failure, kept_aside=kept_aside):
            aside.drop(found.repo, kept_aside)
        elif kept_aside:
            way = "restore" if undo else "checkout --save"
            back = f"nothing is lost; to return: git exp {way} {kept_aside.name}"
            failure.hint = f"{failure.hint}\n{back}" if failure.hint else back
        raise failure from error


def _nothing_moved(
    found: Survey, step: Step, *, failure: errors.GitExpError, kept_aside: Saved
) -> bool:
    if isinstance(failure, errors.ChangedMeanwhile):
        return True
    return ready.is_untouched(found, kept_aside, step.aim.tree)


def _matching(found: Survey, run: Run, specs: Sequence[str]) -> tuple[list[bytes], list[bytes]]:
    try:
        held, tracked = worktree.matching(found, run.commit, specs)
    except errors.GitFailed as error:
        if bad := _BAD_SPEC.search(error.stderr):
            raise errors.UsageError(bad[1], hint=SPEC) from error
        missing = _UNMATCHED.search(error.stderr)
        if not missing:
            raise
        raise _has_none(run, missing[1]) from error
    if not held:
        raise _has_none(run, " ".join(specs))
    return held, tracked


def _has_none(run: Run, spec: str) -> errors.NotFound:
    why = next((one.reason for one in left_out.of(run) if one.path == spec), None)
    return errors.NotFound(
        f"run {query.short(run.id)} has no '{spec}'",
        hint=f"the snapshot had left it out: {why}"
        if why
        else f"list its files: git ls-tree -r --name-only --full-tree {query.short(run.commit)}",
    )


def _kept(found: Survey, peril: Peril) -> tuple[Kept, ...]:
    letters = ((path, found.changes[path]) for path in sorted(peril.kept))
    return tuple(
        Kept(one.worked if one.worked != "." else one.staged, quoted(path)) for path, one in letters
    )


def _gone(repo: Repo) -> bool:
    return not ((repo.top or Path()) / repo.prefix).is_dir()
