"""Which session is meant: by its id, the beginning of one, or `@`, that which began last."""

from __future__ import annotations

import difflib

from git_exp import errors
from git_exp.git.repo import Repo
from git_exp.session import history
from git_exp.session.history import Session

LATEST = "@"
SHORTEST = 4
_NONE = "begin one: git exp session start --goal TEXT --metric NAME"


def find(repo: Repo, name: str) -> Session:
    """The one session that a name means. Raises `NotFound`, or `Ambiguous` with the candidates."""
    if name == LATEST:
        every = begun(repo)
        if not every:
            raise errors.NotFound("there are no sessions yet", hint=_NONE)
        return every[0]
    known = history.ids(repo)
    if name in known:
        return history.read(repo, name)
    near = [one for one in known if len(name) >= SHORTEST and one.startswith(name)]
    if len(near) > 1:
        raise errors.Ambiguous(name, near)
    if near:
        return history.read(repo, near[0])
    meant = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {meant[0]}?" if meant else "list them: git exp session list"
    raise errors.NotFound(f"no session '{name}'", hint=hint if known else _NONE)


def begun(repo: Repo) -> list[Session]:
    """All sessions that can be read, that which began last first."""
    found = history.every(repo)
    return sorted(found, key=lambda one: (one.state.start_time, one.id), reverse=True)
