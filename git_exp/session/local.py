"""Which sessions were begun here, in their order: of those the last is meant by default."""

from __future__ import annotations

import os

from git_exp import errors
from git_exp.git.repo import Repo

_FILE = "sessions"


def note(repo: Repo, session_id: str) -> None:
    """Keep that a session was begun here."""
    path = repo.home / _FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(fd, f"{session_id}\n".encode())
        finally:
            os.close(fd)
    except OSError as error:
        raise errors.WriteFailed(str(path), error.strerror or str(error)) from error


def begun(repo: Repo) -> list[str]:
    """The ids of the sessions that were begun here, the last one first."""
    try:
        lines = (repo.home / _FILE).read_text(errors="replace").split()
    except OSError:
        return []
    return list(dict.fromkeys(reversed(lines)))
