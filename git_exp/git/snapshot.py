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
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from git_exp import errors
from git_exp.git import objects, status, untracked
from git_exp.git.repo import Repo, finish
from git_exp.git.status import Status
from git_exp.git.untracked import LeftOut, Rules

_STAGE = (
    "-c", "core.splitIndex=false", "-c", "core.hooksPath=/dev/null", "-c", "core.safecrlf=false",
    "update-index", "--add", "--remove", "-z", "--stdin",
)  # fmt: skip
_HIDDEN = re.compile(rb"(?:^|\0)([a-zS]) ([^\0]+)")


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


@dataclass(frozen=True, kw_only=True)
class _Started:
    """The commands of a snapshot, started together: their start-up overlaps."""

    status: subprocess.Popen[bytes]
    hidden: subprocess.Popen[bytes]
    stage: subprocess.Popen[bytes]

    def kill(self) -> None:
        for child in (self.status, self.hidden, self.stage):
            child.kill()
            child.communicate()


def take(repo: Repo, rules: Rules) -> Snapshot:
    """Capture the worktree; objects are written, no ref is.

    Raises `SnapshotFailed` where nothing can be captured. What could not be staged is in `missed`.
    """
    if repo.top is None:
        raise errors.SnapshotFailed(
            "a bare repository has no worktree to capture", hint="run inside a worktree of it"
        )
    with copied_index(repo) as index:
        started = _Started(
            status=repo.start(*status.ARGS, index=index),
            hidden=repo.start("ls-files", "-v", "-z", index=index),
            stage=repo.start(*_STAGE, index=index, stdin=True),
        )
        try:
            return _taken(repo, rules, index, started)
        except errors.GitFailed as error:
            started.kill()
            raise errors.SnapshotFailed(f"cannot capture the worktree: {error}") from error


@contextmanager
def copied_index(repo: Repo) -> Iterator[Path]:
    """A copy of the index that git may write, gone afterwards.

    It keeps the modification time: git's racy-entry check compares with that, and would miss a
    file changed in the same tick if the copy were newer.
    """
    folder = repo.git_dir / "exp" / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / f"{uuid.uuid4()}.index"
    try:
        with suppress(FileNotFoundError):
            found = repo.index.stat()
            shutil.copyfile(repo.index, copy)
            os.utime(copy, ns=(found.st_atime_ns, found.st_mtime_ns))
        yield copy
    finally:
        for path in (copy, copy.with_name(f"{copy.name}.lock")):
            path.unlink(missing_ok=True)


def stage(
    repo: Repo,
    index: Path,
    paths: Sequence[bytes],
    child: subprocess.Popen[bytes] | None = None,
) -> list[LeftOut]:
    """Put paths of the worktree into an index file; answers those that git could not take.

    git stages nothing when one path fails: the rest is found by halving.
    """
    child = child or repo.start(*_STAGE, index=index, stdin=True)
    try:
        finish(child, ("update-index",), b"".join(path + b"\0" for path in paths))
    except errors.GitFailed as error:
        if len(paths) <= 1:
            return [_missed(repo, path, str(error)) for path in paths]
        half = len(paths) // 2
        return stage(repo, index, paths[:half]) + stage(repo, index, paths[half:])
    return []


def _taken(repo: Repo, rules: Rules, index: Path, started: _Started) -> Snapshot:
    top = repo.top or Path()
    out, err = started.status.communicate()
    if started.status.returncode:
        raise errors.GitFailed("status", started.status.returncode, os.fsdecode(err))
    found = status.parse(out, err)
    taken, left = untracked.choose(top, found.untracked, rules)
    # Removals first: a file may have become a folder of new ones.
    paths = [*found.removed, *found.unmerged, *found.changed, *taken]
    missed = stage(repo, index, paths, started.stage)
    _drop_unmerged(repo, index, found, missed)
    missed += [LeftOut(path=path, reason="cannot be read") for path in found.unreadable]
    missed += _changed_hidden(repo, index, finish(started.hidden, ("ls-files",)))
    base = _tree_of(repo, found.head)
    same = base is not None and not (paths or found.staged)
    tree = base if same and base else os.fsdecode(repo.git("write-tree", index=index)).strip()
    differing = [] if tree == base else objects.differing(repo, base, tree)
    return Snapshot(
        tree=tree,
        base=found.head,
        branch=found.branch,
        dirty=bool(differing),
        changes=differing,
        left_out=untracked.hashed(top, left),
        missed=missed,
        submodules=found.submodules,
    )


def _tree_of(repo: Repo, commit: str | None) -> str | None:
    import pygit2

    if commit is None:
        return None
    return str(repo.pg[commit].peel(pygit2.Commit).tree_id)


def _drop_unmerged(repo: Repo, index: Path, found: Status, missed: Sequence[LeftOut]) -> None:
    """An unmerged path that could not be staged would keep git from writing any tree."""
    stuck = [one.path for one in missed if one.path in found.unmerged]
    if stuck:
        lines = b"".join(b"0 %040d\t%b\0" % (0, path) for path in stuck)
        repo.git("update-index", "-z", "--index-info", stdin=lines, index=index)


def _changed_hidden(repo: Repo, index: Path, listing: bytes) -> list[LeftOut]:
    """Files marked assume-unchanged or skip-worktree that differ from what the index says.

    Nothing of git's shows them, and the user does not want them staged: they are named.
    """
    top = os.fsencode(repo.top or "")
    hidden = [
        path
        for tag, path in _HIDDEN.findall(listing)
        # A sparse checkout's own files are not there: that is no change.
        if tag == b"h" or os.path.lexists(os.path.join(top, path))
    ]
    if not hidden:
        return []
    with copied_index(repo) as copy:
        shutil.copy2(index, copy)
        shown = b"".join(path + b"\0" for path in hidden)
        quiet = ("-c", "core.hooksPath=/dev/null", "-c", "core.splitIndex=false", "update-index")
        for option in ("--no-assume-unchanged", "--no-skip-worktree"):
            repo.git(*quiet, option, "-z", "--stdin", stdin=shown, index=copy)
        with suppress(errors.GitFailed):
            repo.git(*quiet, "-q", "--refresh", index=copy)
        changed = repo.git("diff-files", "--name-only", "-z", index=copy).split(b"\0")
    reason = "changed, but marked assume-unchanged or skip-worktree"
    return [_missed(repo, path, reason) for path in hidden if path in changed]


def _missed(repo: Repo, path: bytes, reason: str) -> LeftOut:
    try:
        found = os.lstat(os.path.join(os.fsencode(repo.top or ""), path))
    except OSError:
        return LeftOut(path=path, reason=reason)
    return LeftOut(path=path, reason=reason, size=found.st_size, mtime=found.st_mtime)
