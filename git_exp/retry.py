"""A key that somebody gives a run: asked twice for the same, it is done once."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from git_exp import errors, starting, values
from git_exp.launch.recorded import NOT_STARTED
from git_exp.run import KEY, Run

if TYPE_CHECKING:
    from git_exp.index.search import Indexed

_LONGEST = 200
_OVER = ("finished", "failed")


def checked(key: str) -> str:
    """A key as it is recorded. Raises `UsageError` for what is no line of text."""
    if not key.strip() or len(key) > _LONGEST or not key.isprintable():
        raise errors.UsageError(
            "a key is one line of text", hint=f"at most {_LONGEST} characters, not blank"
        )
    return values.quoted(key)


def earlier(store: Indexed, key: str) -> Run | None:
    """The run of a key that has come to its end, whatever that was; None: it is to be done.

    One that something else ended, a kill or the machine, is done again, and so is one whose command
    could not be started. A run of somebody else's has a key of theirs. Raises `Refused` while one
    is running.
    """
    found = [run for run in store.said(KEY, key) if run.own]
    for run in found:
        if run.status == "running":
            raise _busy(key, run.id[:8])
    return next((run for run in found if run.status in _OVER and not _never_began(run)), None)


def differs(run: Run, argv: Sequence[str]) -> str | None:
    """The command of a run, as far as records tell, where it is not this one."""
    if run.process is None or run.process.argv == starting.recorded(argv):
        return None
    words = shlex.join(run.process.argv)
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…"


@contextmanager
def held(store: Indexed, key: str) -> Iterator[None]:
    """Let nobody else here begin a run of a key. Raises `Refused` where somebody has."""
    folder = store.repo.home / "keys"
    name = hashlib.sha256(key.encode()).hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fd = os.open(folder / name, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise errors.WriteFailed(str(folder), error.strerror or str(error)) from error
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _busy(key, "of it") from None
        yield
    finally:
        os.close(fd)


def _never_began(run: Run) -> bool:
    return run.error is not None and run.error.type == NOT_STARTED


def _busy(key: str, run: str) -> errors.Refused:
    return errors.Refused(f"a run {run} with the key '{key}' is running", hint="wait for it")
