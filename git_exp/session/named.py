"""Which session is meant, by id, the beginning of one or `@`, the latest here; who works on it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from git_exp import errors
from git_exp.git.repo import Repo
from git_exp.session import history, local
from git_exp.session.history import Session

LATEST = "@"
SHORTEST = 4
_NONE = "begin one: git exp session start --goal TEXT --metric NAME"


def meant(given: str, env: Mapping[str, str]) -> str:
    """The name that `@` stands for: that in `GIT_EXP_SESSION`, if there is one."""
    return env.get("GIT_EXP_SESSION") or given if given == LATEST else given


def agent(repo: Repo, env: Mapping[str, str]) -> str | None:
    """Who works on it: as `GIT_EXP_AGENT` says, else as git knows its user."""
    said = env.get("GIT_EXP_AGENT") or repo.config.get("user.name")
    return " ".join((said or "").split()) or None


def find(repo: Repo, name: str) -> Session:
    """The one session that a name means. Raises `NotFound`, or `Ambiguous` with the candidates."""
    known = history.ids(repo)
    if name == LATEST:
        return _latest(repo, known)
    if name in known:
        return history.read(repo, name)
    near = [one for one in known if len(name) >= SHORTEST and one.startswith(name)]
    if len(near) > 1:
        raise errors.Ambiguous(name, near)
    if near:
        return history.read(repo, near[0])
    meant = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {meant[0]}?" if meant else "list them: git exp session list"
    if any(one.startswith(name) for one in known):
        hint = f"give {SHORTEST} characters of its id or more"
    raise errors.NotFound(f"no session '{name}'", hint=hint if known else _NONE)


def _latest(repo: Repo, known: Sequence[str]) -> Session:
    """That which began last here; where none did, that which began last elsewhere."""
    here = mine(repo, known)
    if here:
        return history.read(repo, here)
    every = begun(repo)
    if not every:
        raise errors.NotFound("there are no sessions yet", hint=_NONE)
    return every[0]


def mine(repo: Repo, known: Sequence[str]) -> str | None:
    """Of the sessions that there are, that which began last here."""
    return next((one for one in local.begun(repo) if one in known), None)


def age(session: Session) -> tuple[float, str]:
    """What sessions are ordered by: that which began last is the greatest."""
    return session.state.start_time, session.id


def begun(repo: Repo, damaged: dict[str, str] | None = None) -> list[Session]:
    """All sessions that can be read, that which began last first.

    Those that cannot are put into `damaged`, with why.
    """
    found: list[Session] = []
    for one in history.ids(repo):
        try:
            found.append(history.read(repo, one))
        except errors.BadField as error:
            if damaged is not None:
                damaged[one] = error.message
    return sorted(found, key=age, reverse=True)
