"""A child of a run, begun on a commit of the same tree: nothing is captured anew."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from git_exp import errors, records, starting
from git_exp.git import gc, objects, refs
from git_exp.git.objects import Commit, Writer
from git_exp.git.refs import Change
from git_exp.starting import Request, Started

_TRIES = 3
# A `git pack-refs` removes empty folders, just where a ref is about to be made.
_AGAIN = (errors.ObjectsVanished, errors.RefMoved, errors.RefLocked, errors.WriteFailed)


def begin(writer: Writer, parent: records.RunStart, request: Request) -> tuple[Started, Commit]:
    """Begin a child of a run, and give its commit too: a gc that is under way may take it.

    The parent's ref holds that tree, so that `writer` may have written for its other children.
    """
    if parent.git is None:
        raise errors.UsageError(f"run '{parent.run_id}' has no code that another could be of")
    described = starting.checked(writer.repo, request, str(uuid.uuid4()))
    try:
        for _ in range(_TRIES - 1):
            with suppress(*_AGAIN):
                return _begun(writer, parent.git, described)
        return _begun(writer, parent.git, described)
    except OSError as error:
        raise starting.unwritten(writer.repo, error) from error


def restore(writer: Writer, commits: Sequence[Commit]) -> None:
    """Write again what is gone of the commits that were written: their refs stand."""
    for _ in range(_TRIES):
        if gc.held(writer.repo, writer.written) and not writer.missing():
            return
        for one in commits:
            _written(writer, one)


def _begun(writer: Writer, git: records.Git, described: records.RunStart) -> tuple[Started, Commit]:
    repo = writer.repo
    above = objects.commit(repo, git.commit)
    if above is None:
        raise errors.ObjectsVanished
    made = msgspec.structs.replace(
        above,
        message=starting.message(described, dirty=bool(git.dirty)),
        author=objects.ident(repo, time.time()),
    )
    commit = _written(writer, made)
    # What is not in the tree the parent's record lists.
    own = msgspec.structs.replace(
        git, commit=commit, tree=made.tree, status=[], skipped=[], missed=[]
    )
    run = msgspec.structs.replace(described, t=starting.now(), git=own)
    opened = starting.first_journal(repo, run, commit)
    ref = f"refs/runs/{run.run_id}"
    try:
        starting.remember(repo, run.run_id)
        refs.add(repo, ref, commit)
        if objects.missing(repo, [commit]):
            refs.insist(lambda: refs.update(repo, [Change(name=ref, new=None, old=commit)]))
            raise errors.ObjectsVanished
    except BaseException:
        starting.undo(opened)
        raise
    return Started(run=run, commit=commit, opened=opened, packages=b""), made


def _written(writer: Writer, made: Commit) -> str:
    return writer.commit(
        made.tree, made.parents, made.message, author=made.author, committer=made.committer
    )
