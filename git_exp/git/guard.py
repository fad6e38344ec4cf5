"""Paths that have to be as a commit has them: whether a tree or the worktree differs there."""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import msgspec

from git_exp import errors
from git_exp.git import converted
from git_exp.git.converted import Entry
from git_exp.git.repo import Repo

# What `git replace` puts in a commit's place is not what the commit has.
_PLAIN = ("--no-replace-objects", "--literal-pathspecs")
_LINK, _MODULE = "120000", "160000"
_CHUNK = 1 << 20
# What Python keeps of a source, or was about to when it was killed.
_CACHE = re.compile(r"(?P<folder>(?:.*/)?)__pycache__/(?P<module>[^./]+)\.[^/]+\.pyc(?:\.[0-9]+)?")
# Of the flags in its head: used without a look at the source.
_UNCHECKED = 0b01

Times = tuple[int, int]


class State(msgspec.Struct, frozen=True, kw_only=True):
    """The files below some paths as they were found: those that differ, and the times of all.

    `caches` are those that are there beside them and do not count.

    A time of change (`ctime`) cannot be set back: where it is another one, somebody has written
    there since, whatever the file holds now.
    """

    differing: tuple[str, ...]
    times: Mapping[str, Times]
    caches: frozenset[str] = frozenset()

    def touched_since(self, before: State) -> tuple[str, ...]:
        """The files that are as they have to be, and were not left alone since then."""
        odd = set(self.differing)
        then = before.times
        return tuple(
            sorted(one for one in then if one not in odd and self.times.get(one) != then[one])
        )


def missing(repo: Repo, commit: str, paths: Sequence[str]) -> list[str]:
    """Those of some paths, from the top of the worktree, that a commit does not have."""
    return [path for path in paths if not repo.git("ls-tree", "-z", commit, "--", path)]


def held(repo: Repo, commit: str, path: str) -> str:
    """The id of what a commit has at a path from the top of the worktree."""
    out = repo.git(_PLAIN[0], "rev-parse", "--verify", f"{commit}:{'' if path == '.' else path}")
    return os.fsdecode(out).strip()


def differing(repo: Repo, commits: tuple[str, str], paths: Sequence[str]) -> list[str]:
    """The files below some paths in which two commits differ: by content, kind or mode."""
    words = ("diff-tree", "-r", "-z", "--name-only", "--no-renames", "--no-ext-diff")
    out = repo.git(*_PLAIN, *words, *commits, "--", *paths)
    return [os.fsdecode(one) for one in out.split(b"\0")[:-1]]


def look(repo: Repo, commit: str, paths: Sequence[str]) -> State:
    """How the files below some paths are in the worktree, against a commit.

    It is the bytes that count, and not what git makes of them: neither a flag of the index nor a
    setting, an attribute or a filter of today hides a change, nor is a file passed over for being
    ignored. What Python keeps in `__pycache__` of a source that the commit has is no change.
    """
    out = repo.git(*_PLAIN, "ls-tree", "-r", "-z", commit, "--", *paths)
    found = _Look(repo, commit, converted.entries(out))
    return found.state(paths)


class _Look:
    """One look at the worktree."""

    def __init__(self, repo: Repo, commit: str, wanted: Mapping[str, Entry]) -> None:
        self._repo = repo
        self._commit = commit
        self._wanted = wanted
        self._top = repo.top or repo.git_dir
        self._folders: dict[str, bool] = {"": True}
        self._times: dict[str, Times] = {}
        self._caches: set[str] = set()

    def state(self, paths: Sequence[str]) -> State:
        absent: list[str] = []
        unlike: list[str] = []
        odd: set[str] = set()
        for path, entry in self._wanted.items():
            kind = self._compare(path, entry)
            {"absent": absent.append, "unlike": unlike.append, "odd": odd.add}.get(kind, len)(path)
        odd.update(set(absent) - self._sparse(absent, paths))
        if unlike:
            odd |= converted.differing(
                self._repo, self._commit, {path: self._wanted[path] for path in unlike}
            )
        odd.update(one for path in paths for one in self._added(path))
        return State(
            differing=tuple(sorted(odd)), times=self._times, caches=frozenset(self._caches)
        )

    def _compare(self, path: str, entry: Entry) -> str:
        """Whether a file is `same`, `odd`, `absent`, or only `unlike`, as git may have made it."""
        place = os.path.join(self._top, path)
        try:
            found = os.lstat(place)
            if not self._is_folder(posixpath.dirname(path)):
                return "odd"
            self._times[path] = (found.st_ctime_ns, found.st_mtime_ns)
            return self._same(place, found, entry)
        except (FileNotFoundError, NotADirectoryError):
            return "absent"
        except OSError:
            return "odd"

    def _same(self, place: str, found: os.stat_result, entry: Entry) -> str:
        if entry.mode == _MODULE:
            # A folder of its own, or an empty one: git tells.
            return "unlike"
        linked = stat.S_ISLNK(found.st_mode)
        if entry.mode == _LINK and linked:
            target = os.fsencode(Path(place).readlink())
            return "same" if _oid([target], len(target)) == entry.oid else "odd"
        if linked or not stat.S_ISREG(found.st_mode):
            return "odd"
        if entry.mode == _LINK:
            # Where there are no links, git writes a file.
            fits = not self._repo.config.flag("core.symlinks", True)
        else:
            fits = self._is_mode(found, entry)
        if fits and _digest(place) == entry.oid:
            return "same"
        return "unlike" if fits and entry.mode != _LINK else "odd"

    def _is_mode(self, found: os.stat_result, entry: Entry) -> bool:
        return not self._has_modes or bool(found.st_mode & 0o100) == (entry.mode == "100755")

    @cached_property
    def _has_modes(self) -> bool:
        """Whether modes are kept here: where a setting says no, the file system is asked."""
        if self._repo.config.flag("core.fileMode", True):
            return True
        with tempfile.TemporaryFile(dir=_temporary(self._repo)) as file:
            os.fchmod(file.fileno(), 0o600)
            return not os.fstat(file.fileno()).st_mode & 0o100

    def _is_folder(self, path: str) -> bool:
        """Whether a folder is one all the way from the top, and no link to one."""
        if path not in self._folders:
            above = self._is_folder(posixpath.dirname(path))
            place = os.path.join(self._top, path)
            self._folders[path] = above and stat.S_ISDIR(os.lstat(place).st_mode)
        return self._folders[path]

    def _sparse(self, absent: Sequence[str], paths: Sequence[str]) -> set[str]:
        """Those that are not there because a sparse checkout leaves them out."""
        if not absent or not self._repo.config.flag("core.sparseCheckout"):
            return set()
        out = self._repo.git("--literal-pathspecs", "ls-files", "-t", "-z", "--", *paths)
        return {os.fsdecode(one[2:]) for one in out.split(b"\0") if one.startswith(b"S ")}

    def _added(self, path: str) -> Iterator[str]:
        """The files below a path that the commit does not have."""
        path = "" if path == "." else path
        entry = self._wanted.get(path)
        if entry and entry.mode == _MODULE:
            return
        try:
            if not self._is_folder(path):
                return
            with os.scandir(os.path.join(self._top, path)) as listing:
                inside = list(listing)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError:
            # Nobody may look: what is there could be anything.
            yield path
            return
        for one in inside:
            below = f"{path}/{one.name}" if path else one.name
            if one.is_dir(follow_symlinks=False):
                if below != ".git":
                    yield from self._added(below)
            elif self._is_cache(below):
                self._caches.add(below)
            elif below not in self._wanted and below != ".git":
                yield below

    def _is_cache(self, path: str) -> bool:
        """Whether Python, or what it runs, keeps a source of the commit there in its own form."""
        found = _CACHE.fullmatch(path)
        source = f"{found['folder']}{found['module']}.py" if found else path
        if path in self._wanted or found is None:
            return False
        if source not in self._wanted:
            # Without its source Python takes none from there; a source that is new taints itself.
            return not os.path.lexists(os.path.join(self._top, source))
        try:
            with open(os.path.join(self._top, path), "rb", opener=_opener) as file:
                flags = int.from_bytes(file.read(8)[4:], "little")
        except OSError:
            return False
        return flags & 0b11 != _UNCHECKED


def _oid(chunks: Sequence[bytes] | Iterator[bytes], size: int) -> str:
    """The id of a blob."""
    found = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    for chunk in chunks:
        found.update(chunk)
    return found.hexdigest()


def _digest(place: str) -> str:
    with open(place, "rb", opener=_opener) as file:
        size = os.fstat(file.fileno()).st_size
        return _oid(iter(lambda: file.read(_CHUNK), b""), size)


def _opener(place: str, flags: int) -> int:
    return os.open(place, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def _temporary(repo: Repo) -> Path:
    folder = repo.git_dir / "exp" / "tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise errors.WriteFailed(str(folder), error.strerror or str(error)) from error
    return folder
