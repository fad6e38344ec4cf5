"""The locks on our shared refs and on a worktree, and what a dead holder left behind."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from git_exp import errors
from git_exp.git import refs
from git_exp.git.repo import Repo

PATIENCE = 30.0
WORKTREE_PATIENCE = 10.0
_STALE_AFTER = 1.0
_ABSENT = (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS)
# Descriptors of the locks in this process, and the thread that has each if it is for sealing.
_OPEN: dict[int, int | None] = {}


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """The seal lock in our hands: its descriptor, and until when to wait for anything else."""

    fd: int
    until: float


@contextmanager
def held(repo: Repo, *, wait: float | None = None) -> Iterator[Held]:
    """Hold the seal lock.

    The file is never unlinked. A git command that inherits the descriptor shares the lock, so that
    a holder's death frees it only when its git command is over too. Raises `StoreBusy` after `wait`
    seconds, half a minute if that is left out; `WriteFailed` where nothing can be written.
    """
    with held_unless(repo, lambda: False, wait=wait) as lock:
        assert lock
        yield lock


@contextmanager
def held_unless(
    repo: Repo, needless: Callable[[], bool], *, wait: float | None = None
) -> Iterator[Held | None]:
    """Hold the seal lock; None once it turns out while waiting that it is needless."""
    wait = PATIENCE if wait is None else wait
    if threading.get_ident() in _OPEN.values():
        # A signal came while this thread seals: it would wait for itself.
        wait = 0.0
    until = time.monotonic() + wait
    with _opened(repo.home / "seal.lock", threading.get_ident()) as fd:
        got = _taken(fd, repo.home, until=until, needless=needless)
        if got is None:
            raise errors.StoreBusy(wait)
        if got:
            _clear(repo)
        yield Held(fd=fd, until=until) if got else None


@contextmanager
def alone(repo: Repo, *, wait: float | None = None) -> Iterator[Callable[[], bool]]:
    """Be the one command of ours that writes this worktree; gives whether another waits for that.

    Its holder's death frees it. Raises `WorktreeBusy` after `wait` seconds, ten if left out.
    """
    wait = WORKTREE_PATIENCE if wait is None else wait
    folder = repo.git_dir / "exp"
    with _opened(folder / "worktree.lock") as fd:

        def waiting() -> bool:
            # A byte in the file tells the holder.
            with suppress(OSError):
                os.pwrite(fd, b"w", 0)
            return False

        if _taken(fd, folder, until=time.monotonic() + wait, needless=waiting) is None:
            raise errors.WorktreeBusy(wait)
        # Whoever waits still says so again in a moment.
        os.ftruncate(fd, 0)
        yield lambda: os.fstat(fd).st_size > 0


@contextmanager
def marked(repo: Repo, names: Sequence[str]) -> Iterator[None]:
    """Say which refs are about to be locked, so that the next holder knows a dead one's locks."""
    marker = _marker(repo)
    try:
        marker.write_text("\n".join(names))
    except OSError as error:
        raise errors.WriteFailed(str(marker), error.strerror or str(error)) from error
    try:
        yield
    except errors.RepositoryError as error:
        # A git that ended by itself took its locks away: what is left is somebody else's.
        if not (isinstance(error, errors.GitFailed) and error.code < 0):
            marker.unlink(missing_ok=True)
        raise
    # Not in a finally: where git was killed, the next holder looks at what it left.
    marker.unlink(missing_ok=True)


def clear(repo: Repo, names: Iterable[str]) -> None:
    """Remove the locks on refs that only a dead process of ours can have locked."""
    for name in names:
        _remove_stale(refs.lock_of(repo, name))


def absent(folder: Path, error: OSError) -> OSError | errors.RepositoryError:
    """What to raise for an error of `flock`: that there are no locks here, or the error itself."""
    if error.errno not in _ABSENT:
        return error
    return errors.RepositoryError(
        f"file locks do not work at '{folder}': {error.strerror}",
        hint="keep the repository on a file system with flock (on Windows: use WSL)",
    )


@contextmanager
def _opened(path: Path, thread: int | None = None) -> Iterator[int]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
    except OSError as error:
        raise errors.WriteFailed(str(path), error.strerror or str(error)) from error
    _OPEN[fd] = thread
    try:
        yield fd
    finally:
        _OPEN.pop(fd, None)
        os.close(fd)


def _taken(fd: int, home: Path, *, until: float, needless: Callable[[], bool]) -> bool | None:
    """Whether the lock is ours: False where it is needless, None where the time is over."""
    pause = 0.001
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if needless():
                return False
        except OSError as error:
            raise absent(home, error) from error
        if time.monotonic() >= until:
            return None
        import random

        time.sleep(random.uniform(pause / 2, pause))
        pause = min(pause * 1.5, 0.05)


def _clear(repo: Repo) -> None:
    """Remove the ref locks of a holder that died, which its marker names."""
    marker = _marker(repo)
    try:
        names = marker.read_text(errors="replace").split("\n")
        since = marker.stat().st_mtime
    except FileNotFoundError:
        return
    for name in names:
        # After a power cut the marker may hold anything.
        if name.startswith("refs/") and name.isprintable():
            _remove_stale(refs.lock_of(repo, name), since=since)
    marker.unlink(missing_ok=True)


def _remove_stale(lock: Path, *, since: float = 0.0) -> None:
    """Remove a lock that stays for a second more; one from before `since` is somebody else's.

    A git command that lives has its lock for a moment only.
    """
    with suppress(FileNotFoundError, NotADirectoryError):
        made = lock.stat()
        if made.st_mtime < since:
            return
        until = time.monotonic() + _STALE_AFTER
        # The clock may have gone back since: nobody waits until it is there again.
        while time.time() - made.st_mtime < _STALE_AFTER and time.monotonic() < until:
            time.sleep(0.05)
        now = lock.stat()
        # ext4 gives the inode of a removed file to the next: only its times tell them apart.
        if (now.st_ino, now.st_ctime_ns) == (made.st_ino, made.st_ctime_ns):
            lock.unlink()


def _marker(repo: Repo) -> Path:
    return repo.home / "seal.refs"


def _forked() -> None:
    """In a fork that a thread made meanwhile: the lock is not the fork's to hold."""
    for fd in _OPEN:
        os.close(fd)
    _OPEN.clear()


os.register_at_fork(after_in_child=_forked)
