"""Refs: reading them, and moving them by compare-and-swap."""

from __future__ import annotations

import mmap
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from git_exp import errors
from git_exp.git.repo import Repo, finish

PATIENCE = 10.0
LOOSE = 200

_OID = re.compile(rb"[0-9a-f]{40}")
_PACKED = re.compile(rb"^([0-9a-f]{40}) (.+)$", re.M)
_PEELED = ord("^")
_LOCKED = re.compile(r"Unable to create '(.+?\.lock)': File exists")
_UNWRITTEN = re.compile(r"(?:[Uu]nable to create|couldn't write) .+")
_BROKEN = "reference broken"
_VANISHED = "nonexistent object"
_ABSENT = "target OID for the reference doesn't exist"
_MOVED = ("but expected", "reference already exists", "unable to resolve reference")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One ref to move: `new` None deletes it, `old` None says that it must not exist yet."""

    name: str
    new: str | None
    old: str | None


def resolve(repo: Repo, name: str) -> str | None:
    """The object id that a full ref name stands at, read from disk at each call."""
    try:
        raw = (repo.common_dir / name).read_bytes().strip()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return _packed(repo, name)
    if _OID.fullmatch(raw):
        return raw.decode()
    if raw.startswith(b"ref:"):
        return _asked(repo, name)
    raise errors.RepositoryError(
        f"ref '{name}' is broken", hint="what no ref holds is in: git fsck --lost-found"
    )


def branch(repo: Repo) -> str | None:
    """The branch that is checked out, without `refs/heads/`; None for a detached HEAD."""
    try:
        raw = (repo.git_dir / "HEAD").read_text(errors="surrogateescape").strip()
    except OSError:
        return None
    name = raw.removeprefix("ref: refs/heads/")
    return name if name != raw else None


def listing(repo: Repo, *prefixes: str) -> dict[str, str]:
    """Every ref below some prefixes: full name to object id."""
    out = repo.git("for-each-ref", "--format=%(objectname) %(refname)", *prefixes)
    pairs = (line.split(" ", 1) for line in os.fsdecode(out).split("\n")[:-1])
    return {name: oid for oid, name in pairs}


def logged(repo: Repo, name: str) -> list[str]:
    """Where the reflog of a ref says that it stood, each once, newest first."""
    try:
        lines = (repo.common_dir / "logs" / name).read_text(errors="replace").splitlines()
    except OSError:
        return []
    found = (oid for line in reversed(lines) for oid in reversed(line.split(" ", 2)[:2]))
    return list(
        dict.fromkeys(oid for oid in found if _OID.fullmatch(oid.encode()) and int(oid, 16))
    )


def dates(repo: Repo, *prefixes: str) -> dict[str, int]:
    """The committer date of the commit at every ref below some prefixes, in seconds since 1970."""
    out = repo.git("for-each-ref", "--format=%(committerdate:unix) %(refname)", *prefixes)
    pairs = (line.split(" ", 1) for line in os.fsdecode(out).split("\n")[:-1])
    return {name: int(date) for date, name in pairs if date}


def pack(repo: Repo, *prefixes: str, least: int = LOOSE) -> int:
    """Put loose refs into `packed-refs` if so many below some prefixes are; how many were.

    Each costs whoever lists refs a file to read: 2,000 made `git log --decorate` twelvefold.
    """
    found = sum(loose(repo, prefix) for prefix in prefixes)
    if found < least:
        return 0
    repo.git("pack-refs", "--all")
    return found


def tidy(repo: Repo, *prefixes: str) -> None:
    """Pack refs where many are loose and nobody else is at it.

    A commit graph spares git the opening of every tip: 1,000 made a fetch half as long again. But
    whoever has none would pay 0.2 ms for it in each `git log`: so only one that is there is kept
    up to date.
    """
    with suppress(errors.GitFailed):
        if (
            pack(repo, *prefixes)
            and _has_graph(repo)
            and repo.config.flag("core.commitGraph", True)
        ):
            repo.git("commit-graph", "write", "--reachable", "--split", "--no-progress")


def _has_graph(repo: Repo) -> bool:
    info = repo.common_dir / "objects" / "info"
    return (info / "commit-graph").exists() or (info / "commit-graphs").exists()


def loose(repo: Repo, prefix: str) -> int:
    """How many loose refs there are below a prefix, as files are counted."""
    return sum(1 for path in (repo.common_dir / prefix).rglob("*") if path.is_file())


def any_below(repo: Repo, prefix: str) -> bool:
    """Whether there may be refs below a prefix, told without starting git."""
    if any((repo.common_dir / prefix).rglob("*")):
        return True
    start = os.fsencode(f"{prefix}/")
    found = _first_from(repo.common_dir / "packed-refs", start)
    return found is not None and found[0].startswith(start)


@contextmanager
def transaction(repo: Repo, keep: Sequence[int] = ()) -> Iterator[Transaction]:
    """A transaction whose program starts now: its start-up overlaps with the work before it.

    `keep` are descriptors that the program inherits. No reflog is made and no hook of the user's
    runs. A ref is synced to disk unless the user's `core.fsync` says what to sync: git's default
    leaves that to the file system's next flush.
    """
    sync = () if repo.config.get("core.fsync") else ("-c", "core.fsync=reference")
    child = repo.start(
        *("-c", "core.hooksPath=/dev/null", "-c", "core.logAllRefUpdates=false", *sync),
        *("update-ref", "--stdin", "-z"),
        stdin=True,
        keep=keep,
    )
    try:
        yield Transaction(child)
    finally:
        if child.returncode is None:
            # Without a command git ends by itself, and changes nothing.
            child.communicate()


class Transaction:
    """Changes of refs that are to happen together."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child

    def commit(self, changes: Sequence[Change]) -> None:
        """All of these changes or none.

        `RefMoved`, `RefLocked` and `ObjectsVanished` mean that none was done and to try again,
        `WriteFailed` that the disk takes none.
        """
        try:
            finish(self._child, ("update-ref",), b"".join(map(_command, changes)))
        except errors.GitFailed as error:
            raise _refusal(error, changes) from error


def update(repo: Repo, changes: Sequence[Change]) -> None:
    """Move refs in one transaction, each from its expected old value."""
    with transaction(repo) as pending:
        pending.commit(changes)


def add(repo: Repo, name: str, oid: str) -> None:
    """Make one new ref without starting git, for a thousand that follow each other.

    It is on disk with the file system's next flush. Raises `RefMoved` where there is one.
    """
    if repo.config.get("core.logAllRefUpdates") == "always" or repo.config.get("core.fsync"):
        return update(repo, [Change(name=name, new=oid, old=None)])
    import pygit2

    try:
        repo.pg.references.create(name, oid)
    except pygit2.AlreadyExistsError as error:
        raise errors.RefMoved(name) from error
    except (pygit2.GitError, OSError, ValueError) as error:
        if _ABSENT in str(error):
            raise errors.ObjectsVanished from error
        raise errors.WriteFailed(name, str(error)) from error
    return None


def insist(attempt: Callable[[], None], *, until: float | None = None) -> None:
    """Try until it is done: a lost race, a gc and a lock that another holds all mean again.

    It gives up at `until` on the monotonic clock, after ten seconds if that is left out.
    """
    until = time.monotonic() + PATIENCE if until is None else until
    pause = 0.002
    while True:
        try:
            return attempt()
        except (errors.RefMoved, errors.RefLocked, errors.ObjectsVanished):
            if time.monotonic() >= until:
                raise
        import random

        time.sleep(random.uniform(0, pause))
        pause = min(pause * 2, 0.2)


def lock_of(repo: Repo, name: str) -> Path:
    """The file that is there while somebody moves a ref."""
    return repo.common_dir / f"{name}.lock"


def _asked(repo: Repo, name: str) -> str | None:
    try:
        return os.fsdecode(repo.git("rev-parse", "--verify", "-q", name)).strip()
    except errors.GitFailed:
        return None


def _packed(repo: Repo, name: str) -> str | None:
    """The ref's line in `packed-refs`: libgit2 would parse the whole file, 44 ms for 100,000."""
    found = _first_from(repo.common_dir / "packed-refs", os.fsencode(name))
    return found[1].decode() if found and found[0] == os.fsencode(name) else None


def _first_from(path: Path, name: bytes) -> tuple[bytes, bytes] | None:
    """The first packed ref whose name is not before this one, and its object id."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                return None
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
                # git and libgit2 sort it and say so; a scan of 100,000 refs would take 3 ms.
                if b" sorted" in view[: view.find(b"\n") + 1]:
                    return _searched(view, name)
                every = ((ref, oid) for oid, ref in _PACKED.findall(view))
                return min((one for one in every if one[0] >= name), default=None)
    except FileNotFoundError:
        return None


def _searched(view: mmap.mmap, name: bytes) -> tuple[bytes, bytes] | None:
    low, high = _next_line(view, 0), len(view)
    while low < high:
        line = view.rfind(b"\n", low, (low + high) // 2) + 1 or low
        if view[line] == _PEELED:
            line = view.rfind(b"\n", low, line - 1) + 1 or low
        after = _next_line(view, line)
        if view[line + 41 : after].rstrip(b"\n") >= name:
            high = line
        else:
            low = after
    found = view[low : _next_line(view, low)].rstrip(b"\n")
    return (found[41:], found[:40]) if found else None


def _next_line(view: mmap.mmap, at: int) -> int:
    return view.find(b"\n", at) + 1 or len(view)


def _command(change: Change) -> bytes:
    name = os.fsencode(change.name)
    if change.new is None:
        return b"delete %b\0%b\0" % (name, (change.old or "").encode())
    if change.old is None:
        return b"create %b\0%b\0" % (name, change.new.encode())
    return b"update %b\0%b\0%b\0" % (name, change.new.encode(), change.old.encode())


def _refusal(error: errors.GitFailed, changes: Sequence[Change]) -> errors.RepositoryError:
    names = [change.name for change in changes]
    name = next((name for name in names if f"'{name}'" in error.stderr), names[0])
    if locked := _LOCKED.search(error.stderr):
        return errors.RefLocked(name, locked[1])
    if unwritten := _UNWRITTEN.search(error.stderr):
        return errors.WriteFailed(name, unwritten[0])
    if _VANISHED in error.stderr:
        return errors.ObjectsVanished()
    if _BROKEN not in error.stderr and any(words in error.stderr for words in _MOVED):
        return errors.RefMoved(name)
    return error
