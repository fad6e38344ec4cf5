"""Objects through a running `git cat-file`: for who reads many, or has no need of pygit2."""

from __future__ import annotations

import fcntl
import subprocess
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import IO

from git_exp.git.repo import Repo

_ROOM = 1 << 20
_MISSING = (b" missing", b" ambiguous")


def blobs(repo: Repo, names: Iterable[str]) -> Iterator[bytes | None]:
    """What stands in each of these objects, in their order; None for one that cannot be read.

    A name is an object id, or a path in a commit as in `<commit>:<path>`, without line feeds.
    """
    waiting = list(names)
    while waiting:
        # git stops at an object that is damaged: it is passed over, and the rest asked for again.
        answered = 0
        for text in _answers(repo, waiting):
            answered += 1
            yield text
        waiting = waiting[answered:]


def _answers(repo: Repo, names: Sequence[str]) -> Iterator[bytes | None]:
    """Answers up to the last name, or up to one that stops git."""
    child = repo.start("cat-file", "--batch", "--buffer", stdin=True)
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
            yield None if head.rstrip().endswith(_MISSING) else _body(child.stdout, head)
    finally:
        _end(child)
        feeding.join()


def _body(stream: IO[bytes], head: bytes) -> bytes | None:
    size = int(head.split()[-1])
    text = stream.read(size + 1)
    return text[:-1] if len(text) == size + 1 else None


def _feed(stream: IO[bytes], names: Sequence[str]) -> None:
    with suppress(OSError, ValueError):
        stream.write("".join(f"{name}\n" for name in names).encode(errors="surrogateescape"))
        stream.close()


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    for stream in (child.stdout, child.stderr):
        if stream:
            stream.close()
    child.wait()
