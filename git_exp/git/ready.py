"""The user's index made ready for a checkout, so that git's own guards watch over every file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from git_exp import errors
from git_exp.git import snapshot
from git_exp.git.index import copied
from git_exp.git.overwrite import Peril
from git_exp.git.repo import Repo
from git_exp.git.saved import Saved
from git_exp.git.survey import (
    Survey,
    between,
    entries,
    listed,
    listing,
    naming,
    position,
    remove,
    unmark,
    write,
)

NO_HOOKS = ("-c", "core.hooksPath=/dev/null")


@contextmanager
def ready(found: Survey, peril: Peril, *, saved: bool) -> Iterator[None]:
    """Files that are safe elsewhere, or were put aside, added to the index, and nothing hidden.

    git then sees no change in them, and refuses to overwrite one that has changed since. If what
    is done inside fails, the index is as it was.
    """
    repo = found.repo
    with copied(repo) as before:
        there_was = before.exists()
        try:
            if saved:
                _exchange(found, peril)
            else:
                _add(found, peril)
            yield
        except BaseException:
            if there_was:
                _put_back(repo, before)
            else:
                repo.index.unlink(missing_ok=True)
            raise


def refresh(repo: Repo, index: Path | None = None) -> None:
    """Tell git which files are unchanged although their times are not.

    `read-tree` would refuse to touch them, and `checkout -f` write them again, without what their
    filter drops.
    """
    with suppress(errors.GitFailed):
        repo.git(*NO_HOOKS, "update-index", "-q", "--refresh", index=index)


def expect_unchanged(found: Survey, paths: Collection[bytes], *, saved: bool) -> None:
    """Refuse where one of some paths differs from what was seen, or put aside if all was."""
    refresh(found.repo, found.index)
    args = (*NO_HOOKS, "diff-files", "--name-only", "-z", "--ignore-submodules=all")
    differing = set(found.repo.git(*args, index=found.index).split(b"\0"))
    known = set() if saved else found.changes.keys()
    if other := (differing & set(paths)) - known:
        raise errors.ChangedMeanwhile(naming(map(os.fsdecode, sorted(other))))


def is_untouched(found: Survey, saved: Saved, tree: str) -> bool:
    """Whether HEAD, index and worktree still are as they were put aside before going to a tree."""
    repo = found.repo
    moved = position(repo) != (found.head, found.branch)
    if moved or listing(repo, repo.index) != found.held:
        return False
    new = (path for path, (old, _) in between(repo, saved.tree, tree).items() if old is None)
    try:
        expect_unchanged(found, entries(repo, found.index), saved=True)
    except errors.ChangedMeanwhile:
        return False
    return not any(os.path.lexists(found.at(path)) for path in new)


def _add(found: Survey, peril: Peril) -> None:
    repo = found.repo
    gone = found.gone(peril.same)
    there = peril.same.difference(gone)
    update = (*NO_HOOKS, "-c", "core.safecrlf=false", "update-index")
    marked = [path for _, path in found.marks if path in there]
    if marked:
        # First: a refresh takes what is marked for unchanged, and that for sure from then on.
        unmark(repo, repo.index, marked)
    refresh(repo)
    if not peril.same:
        return
    repo.git(*update, "--force-remove", "-z", "--stdin", stdin=listed(gone))
    repo.git(*update, "--add", "-z", "--stdin", stdin=listed(sorted(there)))
    _expect_as_seen(repo, repo.index, peril)


def _exchange(found: Survey, peril: Peril) -> None:
    """The survey's index, which holds what was put aside, for the user's.

    What is in nobody's way is not in it, nor what keeps its mark: git leaves that alone.
    """
    repo = found.repo
    with copied(repo) as scratch:
        scratch.unlink(missing_ok=True)
        if found.index.exists():
            shutil.copy2(found.index, scratch)
        if peril.beside:
            remove(repo, scratch, peril.beside)
        if peril.same:
            snapshot.stage(repo, scratch, sorted(peril.same))
            _expect_as_seen(repo, scratch, peril)
        if peril.alone:
            pairs = ((found.changes[path].index, path) for path in sorted(peril.alone))
            lines = (b"%06o %b\t%b\0" % (one.mode, one.oid.encode(), p) for one, p in pairs if one)
            write(repo, scratch, "-z", "--index-info", stdin=b"".join(lines))
            stdin = listed(sorted(peril.alone))
            write(repo, scratch, "--skip-worktree", "-z", "--stdin", stdin=stdin)
        if scratch.exists():
            refresh(repo, scratch)
            _replace(repo, scratch, held=found.held)


def _expect_as_seen(repo: Repo, index: Path, peril: Peril) -> None:
    held = entries(repo, index)
    other = [path for path in sorted(peril.same) if held.get(path) != peril.seen.get(path)]
    if other:
        raise errors.ChangedMeanwhile(naming(map(os.fsdecode, other)))


def _put_back(repo: Repo, before: Path) -> None:
    """The index file as it was."""
    # If somebody took the copy away, the index stays as it is.
    if before.exists() and before.read_bytes() != repo.index.read_bytes():
        _replace(repo, before)


def _replace(repo: Repo, new: Path, *, held: bytes | None = None) -> None:
    """Another file for the index, under git's own lock; with `held`, if it still holds that."""
    lock = repo.index.with_name(f"{repo.index.name}.lock")
    try:
        with lock.open("xb") as file:
            if held is not None and listing(repo, repo.index) != held:
                raise errors.ChangedMeanwhile("the index")
            file.write(new.read_bytes())
            file.flush()
            os.fsync(file.fileno())
        # With its times: git compares them with those of the files.
        shutil.copystat(new, lock)
        lock.replace(repo.index)
    except FileExistsError as error:
        raise errors.IndexLocked(str(lock)) from error
    except BaseException:
        lock.unlink(missing_ok=True)
        raise
