"""What a sparse checkout leaves out, and which of it is on disk all the same."""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Collection, Container
from pathlib import Path

import msgspec

from git_exp.git.index import copied
from git_exp.git.repo import Repo
from git_exp.git.survey import PLAIN, entries, listed, listing, place, unmark

_WHOLE = (*PLAIN, "-c", "core.splitIndex=false", "-c", "index.sparse=false")
_SKIPPED = re.compile(rb"(?:^|\0)[sS] \d+ [0-9a-f]+ \d\t([^\0]+)")


def stray(repo: Repo, index: Path) -> set[bytes]:
    """The files of an index that are on disk although a sparse checkout leaves them out."""
    if not repo.config.flag("core.sparseCheckout"):
        return set()
    # An empty folder for a worktree: git marks what its patterns leave out, and removes nothing.
    folder = repo.git_dir / "exp" / "tmp" / f"{uuid.uuid4()}.files"
    folder.mkdir(parents=True)
    try:
        with copied(repo) as scratch:
            shutil.copy2(index, scratch)
            unmark(repo, scratch, entries(repo, scratch))
            there = msgspec.structs.replace(repo, top=folder)
            there.git(*_WHOLE, "sparse-checkout", "reapply", index=scratch)
            left_out = _SKIPPED.findall(listing(there, scratch))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {path for path in left_out if os.path.lexists(place(repo, path))}


def hidden(repo: Repo, paths: Collection[bytes]) -> set[bytes]:
    """Those of some paths that a sparse checkout hides in the index."""
    if not (paths and repo.config.flag("core.sparseCheckout")):
        return set()
    return set(_SKIPPED.findall(listing(repo, repo.index))).intersection(paths)


def displaced(held: bytes, there: Container[bytes]) -> list[bytes]:
    """What a listing has as hidden, and whose place in the worktree another file has."""
    return [path for path in _SKIPPED.findall(held) if path not in there]


def show(repo: Repo, paths: Collection[bytes]) -> None:
    """Have git see changes of these paths although a sparse checkout leaves them out."""
    if found := hidden(repo, paths):
        unmark(repo, repo.index, sorted(found))


def write(repo: Repo, paths: Collection[bytes]) -> None:
    """Files of the index onto the disk, wherever they are; none that is there is overwritten."""
    if paths:
        args = ("checkout-index", "-q", "--ignore-skip-worktree-bits", "-z", "--stdin")
        repo.git(*PLAIN, *args, stdin=listed(sorted(paths)))
