"""Sessions as push and pull carry them. Quick to import: there may be none."""

from __future__ import annotations

import re
from collections.abc import Sequence

from git_exp import errors
from git_exp.git import objects, refs
from git_exp.git.repo import Repo

PREFIX = "refs/sessions/"
EVENTS = "events.jsonl"
# An event is a line of some kilobytes: nobody's session is larger than this.
LARGEST = 32 << 20
# What an id may be: never a path, nor an option.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class Sessions:
    """The sessions of a repository, for `share.push` and `share.pull` to carry."""

    prefix = PREFIX

    def is_name(self, name: str) -> bool:
        return is_id(name)

    def lines(self, repo: Repo, commit: str) -> Sequence[bytes]:
        return lines(repo, commit, most=LARGEST)

    def merge(self, repo: Repo, name: str, theirs: str) -> str:
        # Half as long to import as a push takes.
        from git_exp.session import history

        # One that is too large is not read further.
        lines(repo, theirs, most=LARGEST)
        return history.merge(repo, name, theirs).commit


def may_be(repo: Repo) -> bool:
    """Whether there may be sessions, told without starting git."""
    return refs.any_below(repo, PREFIX.rstrip("/"))


def is_id(text: str) -> bool:
    """Whether a session may have that id."""
    return _ID.fullmatch(text) is not None


def lines(repo: Repo, commit: str, *, most: int | None = None) -> list[bytes]:
    """The events that a commit of a session has, a line each.

    Raises `DamagedSession` for what is none, and for one of more than so many bytes.
    """
    try:
        entry = objects.entry(repo, commit, EVENTS)
        if entry is None or not objects.is_file(entry[0]):
            raise errors.DamagedSession(
                f"commit {commit[:12]} is none of a session: no {EVENTS}", hint=_looked(commit)
            )
        if most is not None and objects.size(repo, entry[1]) > most:
            raise errors.DamagedSession(
                f"its {EVENTS} is larger than {most >> 20} MiB", hint=_looked(commit)
            )
        text = objects.blob(repo, entry[1])
    except errors.RepositoryError as error:
        raise errors.DamagedSession(
            f"{commit[:12]} is none of a session: {error}", hint=_looked(commit)
        ) from error
    return split(text)


def _looked(commit: str) -> str:
    """How to see what is there, and what was there before."""
    return f"see what it was: git log --stat {commit[:12]}"


def split(text: bytes) -> list[bytes]:
    """The lines of a session's events."""
    return [line + b"\n" for line in text.split(b"\n") if line]
