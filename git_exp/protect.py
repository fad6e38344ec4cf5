"""Protected paths: what a run must not change, or it counts for nothing."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from pathlib import Path

import msgspec

from git_exp import errors, query, records
from git_exp.git import guard, refs
from git_exp.git.repo import Repo
from git_exp.recorder import Recorder

_SHOWN = 5


class Guard(msgspec.Struct, frozen=True, kw_only=True):
    """Paths from the top of the worktree that have to be as the commit `base` has them."""

    base: str
    paths: tuple[str, ...]

    def before(self, repo: Repo, snapshot: str | None) -> list[str]:
        """The files that differ as a run begins: in its snapshot, or in the worktree."""
        taken = guard.differing(repo, (self.base, snapshot), self.paths) if snapshot else []
        return sorted({*taken, *self.after(repo)})

    def after(self, repo: Repo) -> list[str]:
        """The files that differ in the worktree now."""
        return guard.edited(repo, self.base, self.paths)


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


def taint(writer: Recorder, files: Sequence[str]) -> None:
    """Mark a run whose protected files differ: it never counts as best."""
    writer.record(lambda t: records.Tag(t=t, tags=[query.TAINTED]))
    writer.record(lambda t: records.Note(t=t, text=told(files)))


def told(files: Sequence[str]) -> str:
    """What is to be said of protected files that differ."""
    shown = ", ".join(files[:_SHOWN])
    more = f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
    return f"{query.TAINTED}: {shown}{more} not as in the base"


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
