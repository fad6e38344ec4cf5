"""What a checkout is asked for, and what it says that it did."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from git_exp import values
from git_exp.git.survey import naming
from git_exp.left_out import LeftOut


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """How to check out, as the command's options say; `worktree` is an absolute path.

    With `paths`, pathspecs as the user typed them in their folder, these files alone are written.
    `undo` is what `git exp restore` adds: nothing is put aside where HEAD has it all, and no file
    is removed that a snapshot would leave out.
    """

    branch: str | None = None
    worktree: Path | None = None
    keep_base: bool = False
    save: bool = False
    exact: bool = False
    paths: tuple[str, ...] = ()
    undo: bool = False


class Kept(msgspec.Struct, frozen=True):
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


def names(paths: Iterable[bytes]) -> str:
    return naming(map(os.fsdecode, sorted(paths)))


def shown(paths: Iterable[bytes]) -> tuple[str, ...]:
    return tuple(quoted(path) for path in sorted(paths))


def quoted(path: bytes) -> str:
    return values.quoted(os.fsdecode(path))
