"""The worktree as a tree, staged by the git program into a copy of the index.

The user's index, HEAD, worktree and stash are only read; no hook of the user's runs. The git
program does the staging because it alone runs clean filters: libgit2's would put decrypted secrets
and LFS payloads into a ref that gets pushed.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from stat import S_ISDIR, S_ISLNK, S_ISREG

import msgspec

from git_exp import errors
from git_exp.git import index, objects, refs, status, untracked
from git_exp.git.index import ALONE
from git_exp.git.repo import Repo, finish
from git_exp.git.status import Status
from git_exp.git.untracked import LeftOut, Rules

# --replace: what became a folder, or no longer is one, needs no order of paths.
_STAGE = (*ALONE, "update-index", "--add", "--replace", "--remove", "-z", "--stdin")
_FORGET = (*ALONE, "update-index", "--force-remove", "-z", "--stdin")
_MARKED = re.compile(rb"(?:^|\0)([a-zS]) ([^\0]+)")
_BESIDES = "--ignore-submodules=dirty"
_TRIES = 100
# More than this many are listed in no record.
_HASHED = 1_000


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A worktree as it was: its tree, and all that the tree does not hold."""

    tree: str
    base: str | None
    branch: str | None
    dirty: bool
    changes: list[tuple[str, bytes]]
    left_out: list[LeftOut] = []
    missed: list[LeftOut] = []
    submodules: list[status.Submodule] = []

    @property
    def partial(self) -> bool:
        """Whether something that ran is not in the tree, other than untracked files left out."""
        return bool(self.missed) or any(one.dirty for one in self.submodules)


def take(repo: Repo, rules: Rules, *, meanwhile: Callable[[], None] = lambda: None) -> Snapshot:
    """Capture the worktree; objects are written, no ref is.

    `meanwhile` is called once while git works. Raises `SnapshotFailed` where nothing can be
    captured, `ObjectsVanished` where a gc interfered. What could not be staged is in `missed`.
    """
    if repo.top is None:
        raise errors.SnapshotFailed(
            "a bare repository has no worktree to capture"
            if repo.bare
            else "this operation must be run in a work tree",
            hint="run inside a worktree of it",
        )
    with index.copied(repo) as copy:
        # Both start now: that of the second overlaps with the work of the first.
        looking = repo.start(*status.args(repo.config), index=copy)
        staging = repo.start(*_STAGE, index=copy, stdin=True)
        try:
            meanwhile()
            marks = index.marks(copy)
            hidden = _hidden(repo, copy, marks)
            found = _seen(repo, looking, copy)
            return _taken(
                repo,
                rules,
                _Copy(path=copy, plain=marks.plain, status=found, staging=staging, hidden=hidden),
            )
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
    *,
    child: subprocess.Popen[bytes] | None = None,
) -> list[LeftOut]:
    """Put paths of the worktree into an index file; answers those that git could not take.

    git stages nothing when one path fails, and stops at a filter that fails even where it only
    compares: files without a required filter are then staged by themselves.
    """
    child = child or repo.start(*_STAGE, index=copy, stdin=True)
    try:
        finish(child, ("update-index",), _listed(paths))
    except errors.GitFailed:
        shut = [path for path in paths if not _readable(repo, path)]
        rest = [path for path in paths if path not in set(shut)] if shut else paths
        filtered = _required(repo, rest)
        tries = iter(range(_TRIES))
        lenient = status.lenient(repo.config)
        missed = [_missed(repo, path, "cannot be read") for path in shut]
        others = [path for path in rest if path not in filtered]
        missed += _halved(repo, copy, others, options=lenient, tries=tries)
        return missed + _halved(repo, copy, sorted(filtered), options=(), tries=tries)
    return []


def _halved(
    repo: Repo,
    copy: Path,
    paths: Sequence[bytes],
    *,
    options: Sequence[str],
    tries: Iterator[int],
) -> list[LeftOut]:
    """Find by halving which paths fail; without tries left, all that stand beside one are."""
    if not paths:
        return []
    try:
        repo.git(*options, *_STAGE, stdin=_listed(paths), index=copy)
    except errors.GitFailed as error:
        if len(paths) == 1:
            return [_missed(repo, paths[0], _reason(error))]
        if next(tries, None) is None:
            return [_missed(repo, path, f"not tried: {_reason(error)}") for path in paths]
        half = len(paths) // 2
        halves = (paths[:half], paths[half:])
        found = (_halved(repo, copy, part, options=options, tries=tries) for part in halves)
        return [one for part in found for one in part]
    return []


def _required(repo: Repo, paths: Sequence[bytes]) -> set[bytes]:
    """The files whose bytes a filter must convert: as they are they may be no one's business."""
    keys = status.required(repo.config)
    names = {os.fsencode(key[len("filter.") : -len(".required")]) for key in keys}
    if not names:
        return set()
    asked = _listed(path for path in paths if S_ISREG(repo.mode(path)))
    told = repo.git("check-attr", "-z", "--stdin", "filter", stdin=asked).split(b"\0")
    return {path for path, name in zip(told[:-1:3], told[2::3], strict=True) if name in names}


class _Copy(msgspec.Struct, frozen=True, kw_only=True):
    """The copied index, what git saw in it, and the program that waits to stage into it."""

    path: Path
    plain: bool
    status: Status
    staging: subprocess.Popen[bytes]
    hidden: Sequence[bytes]


def _tracked(repo: Repo, copy: Path, found: Status) -> Status:
    """What a filter of the user's says may look like a path: only what is tracked is one."""
    if found.suspects:
        there = set(repo.git("ls-files", "-z", index=copy).split(b"\0"))
        found.suspects = [path for path in found.suspects if path in there]
    return found


def _seen(repo: Repo, looking: subprocess.Popen[bytes], copy: Path) -> Status:
    try:
        return _tracked(repo, copy, status.parse(*_said(looking)))
    except errors.GitFailed:
        # One submodule that git cannot enter ends the whole command.
        modules = _submodules(repo, copy)
        if not modules:
            raise
    found = status.parse(*_said(repo.start(*status.args(repo.config), _BESIDES, index=copy)))
    found.closed.extend(modules)
    return found


def _said(looking: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    out, err = looking.communicate()
    if looking.returncode:
        raise errors.GitFailed("status", looking.returncode, os.fsdecode(err))
    return out, err


def _taken(repo: Repo, rules: Rules, copy: _Copy) -> Snapshot:
    top, found = repo.top or Path(), copy.status
    gone = _gone(repo, found)
    # git says of a repository where a file was no more than that the file is gone.
    seen = (path for path in found.removed if path not in gone)
    inside = [path + b"/" for path in seen if os.path.lexists(repo.at(path) / ".git")]
    taken, left = untracked.choose(top, [*found.untracked, *inside], rules)
    paths = [*found.removed, *found.unmerged, *found.changed, *taken]
    sent = [path for path in paths if path not in gone] if gone else paths
    missed = stage(repo, copy.path, sent, child=copy.staging)
    # An unmerged path that could not be staged would keep git from writing any tree.
    stuck = {one.path for one in missed}.intersection(found.unmerged)
    if gone or stuck:
        repo.git(*_FORGET, stdin=_listed(sorted(gone | stuck)), index=copy.path)
    _set_executable(repo, copy.path, set(found.executable) - stuck)
    missed += _unseen(repo, found) + _changed_hidden(repo, copy)
    base = _tree_of(repo, found.head)
    if base is None or paths or gone or found.staged:
        tree = index.tree(repo, copy.path, plain=copy.plain and not missed)
    else:
        tree = base
    return Snapshot(
        tree=tree,
        base=found.head,
        branch=found.branch,
        dirty=tree != (base or objects.EMPTY_TREE),
        changes=[] if tree == base else _changes(repo, base, tree),
        left_out=untracked.hashed(top, left, most=_HASHED),
        missed=missed,
        submodules=found.submodules,
    )


def _changes(repo: Repo, base: str | None, tree: str) -> list[tuple[str, bytes]]:
    try:
        return objects.differing(repo, base, tree)
    except errors.GitFailed as error:
        if objects.missing(repo, [tree]):
            raise errors.ObjectsVanished from error
        raise


def _set_executable(repo: Repo, copy: Path, paths: Collection[bytes]) -> None:
    """Conflicts keep their executable bit where the file system has none, as with git add."""
    if paths and not repo.config.flag("core.fileMode", default=True):
        there = _listed(path for path in sorted(paths) if S_ISREG(repo.mode(path)))
        words = (*ALONE, "update-index", "--chmod=+x", "-z", "--stdin")
        repo.git(*words, stdin=there, index=copy)


def _gone(repo: Repo, found: Status) -> set[bytes]:
    """Paths that are no longer there in a way that `update-index --remove` refuses to see.

    It fails on what lies beyond a symbolic link, and on a conflict whose file became a folder.
    """

    @cache
    def beyond(folder: bytes) -> bool:
        above = folder.rpartition(b"/")[0]
        return bool(folder) and (beyond(above) or S_ISLNK(repo.mode(folder)))

    # git takes what is beyond a symbolic link to itself for unchanged, and complains.
    removed = (*found.removed, *found.unmerged, *found.suspects)
    gone = {path for path in removed if beyond(path.rpartition(b"/")[0])}
    modules = {one.path for one in found.submodules}
    return gone | {
        path for path in found.unmerged if path not in modules and S_ISDIR(repo.mode(path))
    }


def _unseen(repo: Repo, found: Status) -> list[LeftOut]:
    """What git could not look at: it takes such a file for unchanged."""
    shut = [*found.unreadable, *(path for path in found.suspects if _is_shut(repo, path))]
    missed = [LeftOut(path=path, reason="cannot be read") for path in dict.fromkeys(shut)]
    return missed + [_missed(repo, path, "git cannot look into it") for path in found.closed]


def _is_shut(repo: Repo, path: bytes) -> bool:
    try:
        repo.at(path).lstat()
    except OSError as error:
        return error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
    return False


def _submodules(repo: Repo, copy: Path) -> list[bytes]:
    listed = repo.git("ls-files", "-s", "-z", index=copy).split(b"\0")
    paths = [line.partition(b"\t")[2] for line in listed if line.startswith(b"160000 ")]
    return [path for path in paths if os.path.lexists(repo.at(path) / ".git")]


def _tree_of(repo: Repo, commit: str | None) -> str | None:
    """The tree of HEAD as git sees it, replaced or not."""
    if commit and refs.any_below(repo, "refs/replace"):
        return os.fsdecode(repo.git("rev-parse", f"{commit}^{{tree}}")).strip()
    return objects.tree_of(repo, commit) if commit else None


def _hidden(repo: Repo, copy: Path, marks: index.Marks) -> list[bytes]:
    """Files marked assume-unchanged or skip-worktree; of the latter those that are there."""
    return _present(repo, _marked(repo, copy) if marks.hidden is None else marks.hidden)


def _marked(repo: Repo, copy: Path) -> list[tuple[bytes, bool]]:
    found = _MARKED.findall(repo.git("ls-files", "-v", "-z", index=copy))
    return [(path, tag in b"sS") for tag, path in found]


def _present(repo: Repo, marked: Iterable[tuple[bytes, bool]]) -> list[bytes]:
    # What a sparse checkout leaves out is not there: that is no change.
    return [path for path, skip in marked if not skip or os.path.lexists(repo.at(path))]


def _changed_hidden(repo: Repo, copy: _Copy) -> list[LeftOut]:
    """Those of the hidden files that differ from what the index says.

    Nothing of git's shows them, and the user does not want them staged: they are named.
    """
    # Staging took those away that became a folder, or no longer are in one.
    hidden = _present(repo, _marked(repo, copy.path)) if copy.hidden else []
    if not hidden:
        return []
    with index.copied(repo) as bare:
        shutil.copy2(copy.path, bare)
        for option in ("--no-assume-unchanged", "--no-skip-worktree"):
            words = (*ALONE, "update-index", option, "-z", "--stdin")
            repo.git(*words, stdin=_listed(hidden), index=bare)
        plain = (*ALONE, *status.lenient(repo.config))
        with suppress(errors.GitFailed):
            repo.git(*plain, "update-index", "-q", "--refresh", index=bare)
        changed = repo.git(*plain, "diff-files", "--name-only", "-z", index=bare).split(b"\0")
    reason = "changed, but marked assume-unchanged or skip-worktree"
    return [_missed(repo, path, reason) for path in hidden if path in changed]


def _listed(paths: Iterable[bytes]) -> bytes:
    return b"".join(path + b"\0" for path in paths)


def _readable(repo: Repo, path: bytes) -> bool:
    if S_ISREG(repo.mode(path)):
        return os.access(repo.at(path), os.R_OK)
    return not _is_shut(repo, path)


def _reason(error: errors.GitFailed) -> str:
    """What git said of the path: its last line, or its first where the last but names it."""
    said = [line.partition(": ")[2] for line in error.stderr.splitlines() if ": " in line]
    named = [line for line in said if not line.startswith("Unable to process path")]
    return named[-1] if named else str(error)


def _missed(repo: Repo, path: bytes, reason: str) -> LeftOut:
    try:
        found = repo.at(path).lstat()
    except OSError:
        return LeftOut(path=path, reason=reason)
    return LeftOut(path=path, reason=reason, size=found.st_size, mtime=found.st_mtime)
