"""Objects through a running `git cat-file`: for who reads many, or has no need of pygit2."""

from __future__ import annotations

import fcntl
import signal
import subprocess
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import IO

from git_exp.git.repo import Repo

# How often in turn git may end before it has answered anything.
_PATIENCE = 20
_ROOM = 1 << 20
_MISSING = (b" missing", b" ambiguous")


def blobs(repo: Repo, names: Iterable[str], most: int | None = None) -> Iterator[bytes | None]:
    """What stands in each of these objects, in their order; None for one that cannot be read.

    A name is an object id, or a path in a commit as in `<commit>:<path>`, without line feeds. None
    is also for one of more than `most` bytes, which are passed over.
    """
    waiting = list(names)
    failed = 0
    while waiting and failed < _PATIENCE:
        # git stops at an object that is damaged: it is passed over, and the rest asked for again.
        answered = 0
        for text in _answers(repo, waiting, most):
            answered += 1
            yield text
        failed = failed + 1 if answered == 1 else 0
        waiting = waiting[answered:]
    yield from (None for _ in waiting)


def _answers(repo: Repo, names: Sequence[str], most: int | None) -> Iterator[bytes | None]:
    """Answers up to the last name, or up to one that stops git."""
    child = repo.start("cat-file", "--batch", "--buffer", stdin=True, silent=True)
    assert child.stdin
    assert child.stdout
    with suppress(OSError, AttributeError):
        # Room for git to go ahead while what it has said is worked on.
        fcntl.fcntl(child.stdout, fcntl.F_SETPIPE_SZ, _ROOM)
    feeding = threading.Thread(target=_feed, args=(child.stdin, names), daemon=True)
    feeding.start()
    try:
        for _ in names:
            head = child.stdout.readline()
            if not head.endswith(b"\n"):
                yield None
                return
            yield None if head.rstrip().endswith(_MISSING) else _body(child.stdout, head, most)
    finally:
        _end(child)
        feeding.join()


def _body(stream: IO[bytes], head: bytes, most: int | None) -> bytes | None:
    size = int(head.split()[-1])
    if most is not None and size > most:
        _pass_over(stream, size + 1)
        return None
    text = stream.read(size + 1)
    return text[:-1] if len(text) == size + 1 else None


def _pass_over(stream: IO[bytes], size: int) -> None:
    while size > 0 and (read := len(stream.read(min(size, _ROOM)))):
        size -= read


def _feed(stream: IO[bytes], names: Sequence[str]) -> None:
    # A command dies of SIGPIPE as git does, but not because git has died.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPIPE})
    with suppress(OSError, ValueError):
        stream.write("".join(f"{name}\n" for name in names).encode(errors="surrogateescape"))
        stream.close()


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    if child.stdout:
        child.stdout.close()
    child.wait()
