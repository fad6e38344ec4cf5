"""The worktree as a tree, staged by the git program into a copy of the index.

The user's index, HEAD, worktree and stash are only read; no hook of the user's runs. The git
program does the staging because it alone runs clean filters: libgit2's would put decrypted secrets
and LFS payloads into a ref that gets pushed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from git_exp import errors
from git_exp.git import index, objects, status, untracked
from git_exp.git.index import copied as copied_index  # noqa: F401
from git_exp.git.repo import Repo, finish
from git_exp.git.status import Status
from git_exp.git.untracked import LeftOut, Rules

_STAGE = (
    "-c", "core.splitIndex=false", "-c", "core.hooksPath=/dev/null", "-c", "core.safecrlf=false",
    "update-index", "--add", "--remove", "-z", "--stdin",
)  # fmt: skip
_MARKED = re.compile(rb"(?:^|\0)([a-zS]) ([^\0]+)")


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A worktree as it was: its tree, and all that the tree does not hold."""

    tree: str
    base: str | None
    branch: str | None
    dirty: bool
    changes: list[tuple[str, bytes]]
    left_out: list[LeftOut] = field(default_factory=list)
    missed: list[LeftOut] = field(default_factory=list)
    submodules: list[status.Submodule] = field(default_factory=list)

    @property
    def partial(self) -> bool:
        """Whether something that ran is not in the tree, other than untracked files left out."""
        return bool(self.missed) or any(one.dirty for one in self.submodules)


def take(repo: Repo, rules: Rules, *, meanwhile: Callable[[], None] = lambda: None) -> Snapshot:
    """Capture the worktree; objects are written, no ref is.

    `meanwhile` is called once while git works. Raises `SnapshotFailed` where nothing can be
    captured. What could not be staged is in `missed`.
    """
    if repo.top is None:
        raise errors.SnapshotFailed(
            "a bare repository has no worktree to capture", hint="run inside a worktree of it"
        )
    with index.copied(repo) as copy:
        # Both start now: that of the second overlaps with the work of the first.
        looking = repo.start(*status.ARGS, index=copy)
        staging = repo.start(*_STAGE, index=copy, stdin=True)
        try:
            meanwhile()
            hidden = _hidden(repo, copy)
            seen = _Copy(path=copy, status=_seen(looking), staging=staging, hidden=hidden)
            return _taken(repo, rules, seen)
        except errors.GitFailed as error:
            raise errors.SnapshotFailed(f"cannot capture the worktree: {error}") from error
        finally:
            for child in (looking, staging):
                if child.returncode is None:
                    child.kill()
                    child.communicate()


def stage(
    repo: Repo,
    copy: Path,
    paths: Sequence[bytes],
    child: subprocess.Popen[bytes] | None = None,
) -> list[LeftOut]:
    """Put paths of the worktree into an index file; answers those that git could not take.

    git stages nothing when one path fails: the rest is found by halving.
    """
    child = child or repo.start(*_STAGE, index=copy, stdin=True)
    try:
        finish(child, ("update-index",), b"".join(path + b"\0" for path in paths))
    except errors.GitFailed as error:
        if len(paths) <= 1:
            return [_missed(repo, path, str(error)) for path in paths]
        half = len(paths) // 2
        return stage(repo, copy, paths[:half]) + stage(repo, copy, paths[half:])
    return []


@dataclass(frozen=True, kw_only=True)
class _Copy:
    """The copied index, what git saw in it, and the program that waits to stage into it."""

    path: Path
    status: Status
    staging: subprocess.Popen[bytes]
    hidden: Sequence[bytes]


def _seen(looking: subprocess.Popen[bytes]) -> Status:
    out, err = looking.communicate()
    if looking.returncode:
        raise errors.GitFailed("status", looking.returncode, os.fsdecode(err))
    return status.parse(out, err)


def _taken(repo: Repo, rules: Rules, copy: _Copy) -> Snapshot:
    top, found = repo.top or Path(), copy.status
    taken, left = untracked.choose(top, found.untracked, rules)
    # Removals first: a file may have become a folder of new ones.
    paths = [*found.removed, *found.unmerged, *found.changed, *taken]
    missed = stage(repo, copy.path, paths, copy.staging)
    _drop_unmerged(repo, copy.path, found, missed)
    missed += [LeftOut(path=path, reason="cannot be read") for path in found.unreadable]
    missed += _changed_hidden(repo, copy)
    base = _tree_of(repo, found.head)
    same = base is not None and not (paths or found.staged)
    tree = base if same and base else index.tree(repo, copy.path)
    return Snapshot(
        tree=tree,
        base=found.head,
        branch=found.branch,
        dirty=tree != (base or objects.EMPTY_TREE),
        changes=[] if tree == base else objects.differing(repo, base, tree),
        left_out=untracked.hashed(top, left),
        missed=missed,
        submodules=found.submodules,
    )


def _tree_of(repo: Repo, commit: str | None) -> str | None:
    return objects.tree_of(repo, commit) if commit else None


def _drop_unmerged(repo: Repo, copy: Path, found: Status, missed: Sequence[LeftOut]) -> None:
    """An unmerged path that could not be staged would keep git from writing any tree."""
    stuck = [one.path for one in missed if one.path in found.unmerged]
    if stuck:
        lines = b"".join(b"0 %040d\t%b\0" % (0, path) for path in stuck)
        repo.git("update-index", "-z", "--index-info", stdin=lines, index=copy)


def _hidden(repo: Repo, copy: Path) -> list[bytes]:
    """Files marked assume-unchanged or skip-worktree; of the latter those that are there."""
    marked = index.hidden(copy)
    if marked is None:
        listed = _MARKED.findall(repo.git("ls-files", "-v", "-z", index=copy))
        marked = [(path, tag in b"sS") for tag, path in listed]
    top = os.fsencode(repo.top or "")
    # What a sparse checkout leaves out is not there: that is no change.
    return [path for path, skip in marked if not skip or os.path.lexists(os.path.join(top, path))]


def _changed_hidden(repo: Repo, copy: _Copy) -> list[LeftOut]:
    """Those of the hidden files that differ from what the index says.

    Nothing of git's shows them, and the user does not want them staged: they are named.
    """
    if not copy.hidden:
        return []
    with index.copied(repo) as bare:
        shutil.copy2(copy.path, bare)
        shown = b"".join(path + b"\0" for path in copy.hidden)
        quiet = ("-c", "core.hooksPath=/dev/null", "-c", "core.splitIndex=false", "update-index")
        for option in ("--no-assume-unchanged", "--no-skip-worktree"):
            repo.git(*quiet, option, "-z", "--stdin", stdin=shown, index=bare)
        with suppress(errors.GitFailed):
            repo.git(*quiet, "-q", "--refresh", index=bare)
        changed = repo.git("diff-files", "--name-only", "-z", index=bare).split(b"\0")
    reason = "changed, but marked assume-unchanged or skip-worktree"
    return [_missed(repo, path, reason) for path in copy.hidden if path in changed]


def _missed(repo: Repo, path: bytes, reason: str) -> LeftOut:
    try:
        found = os.lstat(os.path.join(os.fsencode(repo.top or ""), path))
    except OSError:
        return LeftOut(path=path, reason=reason)
    return LeftOut(path=path, reason=reason, size=found.st_size, mtime=found.st_mtime)
