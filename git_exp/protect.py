"""Protected paths: what a run must not change, or it counts for nothing."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from git_exp import errors, query, records
from git_exp.git import guard, refs
from git_exp.git.guard import State
from git_exp.git.repo import Repo
from git_exp.recorder import Recorder
from git_exp.run import Run

if TYPE_CHECKING:
    from git_exp.index.search import Indexed

_SHOWN = 5


class Taint(msgspec.Struct, frozen=True, kw_only=True):
    """Why a run counts for nothing: by protected files, or by the run that it was started in.

    `files` are not as in the base. `touched` are, but were changed while the command ran.
    """

    files: tuple[str, ...] = ()
    touched: tuple[str, ...] = ()
    inside: str | None = None


class Guard(msgspec.Struct, frozen=True, kw_only=True):
    """Paths from the top of the worktree that have to be as the commit `base` has them."""

    base: str
    paths: tuple[str, ...]

    def held(self, repo: Repo) -> dict[str, str]:
        """What the base has at each path: the id of a blob or of a tree."""
        return {path: guard.held(repo, self.base, path) for path in self.paths}

    def before(self, repo: Repo, snapshot: str | None) -> tuple[State, Taint | None]:
        """The files as a run begins; those that differ may do so in its snapshot alone."""
        taken = guard.differing(repo, (self.base, snapshot), self.paths) if snapshot else []
        found = guard.look(repo, self.base, self.paths)
        files = tuple(sorted({*taken, *found.differing} - found.caches))
        return found, Taint(files=files) if files else None

    def after(self, repo: Repo, before: State) -> Taint | None:
        """What is wrong with the files now that the command has ended."""
        found = guard.look(repo, self.base, self.paths)
        touched = found.touched_since(before)
        if not (found.differing or touched):
            return None
        return Taint(files=found.differing, touched=touched)


def guarded(repo: Repo, given: Sequence[str], cwd: Path) -> Guard | None:
    """The guard over paths of the user's folder, and those of `exp.protect`; None without any.

    Raises `UsageError` for a path that the commit which is checked out does not have: nothing
    could be told of it.
    """
    paths = dict.fromkeys((*(_from_top(repo, one, cwd) for one in given), *_configured(repo)))
    if not paths:
        return None
    base = refs.resolve(repo, "HEAD")
    absent = guard.missing(repo, base, list(paths)) if base else list(paths)
    if base is None or absent:
        raise errors.UsageError(
            f"protected path '{absent[0]}' is not in HEAD", hint="commit it, then protect it"
        )
    return Guard(base=base, paths=tuple(paths))


def taint(writer: Recorder, why: Taint) -> None:
    """Mark a run: it never counts as best, and nobody takes that mark from it."""
    for make in _marks(why):
        writer.record(make)


def inherited(store: Indexed, run: records.RunStart, own: Taint | None) -> Taint | None:
    """Why a run that has ended counts for nothing: by itself, or by the run that it was inside of.

    Then the runs that were started in it count for nothing either, and are marked.
    """
    why = own
    if why is None and run.parent_run:
        above = store.get(run.parent_run)
        if above and _is_marked(above):
            why = Taint(inside=above.id)
            _mark(store, [found] if (found := store.get(run.run_id)) else [], why)
    if why:
        _spread(store, run.run_id)
    return why


def told(why: Taint) -> str:
    """What is to be said of a run that counts for nothing."""
    if why.inside:
        return f"{query.TAINTED}: it ran inside of run {query.short(why.inside)}, which is"
    said = [f"{_listed(why.files)} not as in the base"] if why.files else []
    said += [f"{_listed(why.touched)} changed during the run"] if why.touched else []
    return f"{query.TAINTED}: {'; '.join(said)}"


def added(repo: Repo, files: Sequence[str]) -> list[str]:
    """Those of some files that HEAD does not have."""
    return guard.missing(repo, "HEAD", files)


def keep(run: Run, tags: Sequence[str]) -> None:
    """Raises `Refused` where a tag is a mark of ours, which stays."""
    if query.TAINTED in tags and _is_marked(run):
        raise errors.Refused(
            f"run '{query.short(run.id)}' was tagged {query.TAINTED} by git exp itself",
            hint="run it again with its protected files as in the base",
        )


def _marks(why: Taint) -> list[Callable[[str], records.Event]]:
    return [
        lambda t: records.Tag(t=t, tags=[query.TAINTED], kept=True),
        lambda t: records.Note(t=t, text=told(why)),
    ]


def _is_marked(run: Run) -> bool:
    tags = (event for event in run.events() if isinstance(event, records.Tag))
    return query.TAINTED in run.tags and any(one.kept for one in tags)


def _spread(store: Indexed, run_id: str) -> None:
    """Mark all runs that were started in a run, and in those."""
    met = {run_id}
    above = [run_id]
    while above:
        below = [run for one in above for run in store.inside(one) if run.id not in met]
        met |= {run.id for run in below}
        clean = [run for run in below if run.own and not _is_marked(run)]
        _mark(store, clean, Taint(inside=run_id))
        above = [run.id for run in below]


def _mark(store: Indexed, runs: Sequence[Run], why: Taint) -> None:
    if runs:
        store.add_each(runs, _marks(why))


def _listed(files: Sequence[str]) -> str:
    more = f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
    return f"{', '.join(files[:_SHOWN])}{more}"


def _configured(repo: Repo) -> list[str]:
    return [one.strip("/") for one in repo.config.all("exp.protect") if one.strip("/")]


def _from_top(repo: Repo, given: str, cwd: Path) -> str:
    """A path of the user's as git has it."""
    top = repo.top
    whole = posixpath.normpath(posixpath.join(str(cwd), given))
    if top is None or not given or not Path(whole).is_relative_to(top):
        raise errors.UsageError(
            f"protected path '{given}' is not in the worktree", hint="name a file or folder of it"
        )
    return str(Path(whole).relative_to(top))
