"""The lock that whoever writes our shared refs holds, and what a dead holder left behind."""

from __future__ import annotations

import fcntl
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from git_exp import errors
from git_exp.git import refs
from git_exp.git.repo import Repo

PATIENCE = 30.0
_STALE_AFTER = 1.0


@contextmanager
def held(
    repo: Repo, *, wait: float = PATIENCE, unless: Callable[[], bool] = lambda: False
) -> Iterator[int | None]:
    """Hold the seal lock: its descriptor, or None once `unless` says that it is not needed.

    The file is never unlinked. A git command that inherits the descriptor shares the lock, so that
    a holder's death frees it only when its git command is over too. `StoreBusy` after `wait`
    seconds.
    """
    path = repo.home / "seal.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
    try:
        got = _taken(fd, wait, unless)
        if got:
            _clear(repo)
        yield fd if got else None
    finally:
        os.close(fd)


@contextmanager
def marked(repo: Repo, names: Sequence[str]) -> Iterator[None]:
    """Say which refs are about to be locked, so that the next holder knows a dead one's locks."""
    marker = _marker(repo)
    marker.write_text("\n".join(names))
    yield
    # Not in a finally: after a failure the next holder looks at what is left.
    marker.unlink(missing_ok=True)


def _taken(fd: int, wait: float, unless: Callable[[], bool]) -> bool:
    until = time.monotonic() + wait
    pause = 0.001
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        if unless():
            return False
        if time.monotonic() >= until:
            raise errors.StoreBusy(wait)
        time.sleep(random.uniform(pause / 2, pause))
        pause = min(pause * 1.5, 0.05)


def _clear(repo: Repo) -> None:
    """Remove the ref locks of a holder that died; ours is the seal lock, so nobody else has them.

    A lock that is younger than the marker's holder may be somebody else's: it gets a moment to go.
    """
    marker = _marker(repo)
    with suppress(FileNotFoundError):
        for name in marker.read_text().split("\n"):
            _remove_stale(refs.lock_of(repo, name))
        marker.unlink()


def _remove_stale(lock: Path) -> None:
    with suppress(FileNotFoundError):
        inode = lock.stat().st_ino
        while time.time() - lock.stat().st_mtime < _STALE_AFTER:
            time.sleep(0.05)
        if lock.stat().st_ino == inode:
            lock.unlink()


def _marker(repo: Repo) -> Path:
    return repo.home / "seal.refs"
