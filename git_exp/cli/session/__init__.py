"""git exp session: keep the memory of a loop that experiments by itself."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from git_exp import cli
from git_exp.cli import options, output
from git_exp.cli.transfer import located

if TYPE_CHECKING:
    from git_exp.session.events import Event
    from git_exp.session.history import Happening, Session
    from git_exp.store import Store

VERBS = (
    "start", "next", "record", "status", "list", "log", "report", "hypothesize", "phase", "pause",
    "resume", "stop", "claim", "claims", "release",
)  # fmt: skip

command = cli.Family(
    "session",
    verbs=VERBS,
    told="""Keep the memory of a loop that experiments by itself.

    A session has a goal or a data set, a metric, and limits. Each result is added to it; `next`
    says whether another experiment is to be made, by its exit code.
    """,
)


class Added(NamedTuple):
    """A session after something was to happen, and what did: None if there was nothing to do."""

    session: Session
    event: Event | None


def chosen(store: Store, name: str) -> Session:
    """The session that a name means."""
    from git_exp.session import named

    return named.find(store.repo, named.meant(name, os.environ))


def now() -> float:
    """The time, in seconds since 1970."""
    return time.time_ns() / 1_000_000_000


def agent(store: Store) -> str | None:
    """Who does it: as `GIT_EXP_AGENT` says, else as git knows its user."""
    from git_exp.session import named

    return named.agent(store.repo, os.environ)


def add(store: Store, session_id: str, happening: Happening, *, remote: str | None = None) -> Added:
    """Let something happen to a session, on a remote too if one is named."""
    from git_exp.session import history

    heard = Heard(happening)
    if remote is None:
        return Added(history.add(store.repo, session_id, heard), heard.event)
    from git_exp.session import exchange

    after = exchange.settled(store.repo, session_id, heard, other=located(remote))
    return Added(after, heard.event)


class Heard:
    """Something that happens, and what it was in the end."""

    def __init__(self, happening: Happening) -> None:
        self._happening = happening
        self.event: Event | None = None

    def __call__(self, state: Any, now: float) -> Event | None:
        self.event = self._happening(state, now)
        return self.event


def tell(added: Added, form: options.Form, verb: str) -> None:
    """Answer with what happened, and whether the session is over with it."""
    from git_exp.session import files, standing, story

    session, event = added
    if form.kind == "json":
        told = standing.document(session.state, now())
        output.document(f"session-{verb}", {**told, "event": event and files.told(event)})
        return
    if event is None:
        return
    output.line(story.subject(event, session.state))
    say_if_over(added)


def say_if_over(added: Added) -> None:
    """Say why a session is over, if it is since what happened last."""
    state, event = added.session.state, added.event
    if event and state.end_time == event.t:
        output.say(f"the session ends: {state.termination_reason}")
