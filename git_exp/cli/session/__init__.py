"""git exp session: keep the memory of a loop that experiments by itself."""

from __future__ import annotations

import math
import os
import time
from typing import TYPE_CHECKING, NamedTuple

from git_exp import cli, errors
from git_exp.cli import options, output
from git_exp.cli.transfer import located

if TYPE_CHECKING:
    from git_exp.index.search import Indexed
    from git_exp.session.events import Event
    from git_exp.session.history import Happening, Session
    from git_exp.store import Store

VERBS = (
    "start", "next", "record", "status", "list", "log", "report", "hypothesize", "phase", "pause",
    "resume", "stop", "retract", "claim", "claims", "release",
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


def is_named_agent() -> bool:
    """Whether who acts was named: git's user may be several agents."""
    return bool((os.environ.get("GIT_EXP_AGENT") or "").strip())


def add(
    store: Store, session: Session, happening: Happening, *, remote: str | None = None
) -> Added:
    """Let something happen to a session, on a remote too if one is named."""
    from git_exp.session import history, tried

    heard = tried.Heard(happening)
    if remote is None:
        after = history.add(store.repo, session.id, heard, known=session)
        return Added(after, heard.event)
    from git_exp.session import exchange

    after = exchange.settled(store.repo, session.id, heard, other=located(remote))
    return Added(after, heard.event)


def expect_metric(name: str, example: str) -> None:
    """Raise `UsageError` for what is no name of a metric."""
    if "=" in name or len(name.split()) != 1 or name != name.strip():
        raise errors.UsageError("a metric's name has neither '=' nor blanks", hint=example)


def caught_up(store: Indexed, session: Session) -> Session:
    """A session with the runs of it that its loop was killed over, each told of."""
    from git_exp.session import adoption

    for event, after in adoption.adopted(store, session, by=agent(store)):
        say_of(Added(after, event))
        session = after
    return session


def take_back(store: Store, run_id: str) -> None:
    """Take a run that is tainted back in every session that it is a success of."""
    from git_exp.session import retraction

    for event, session in retraction.of_tainted(store.repo, run_id, by=agent(store)):
        say_of(Added(session, event))


def say_of(added: Added) -> None:
    """Say what happened to a session, and what is odd of that."""
    from git_exp.session import events, story

    session, event = added
    if event:
        output.say(f"session {session.id}: {story.subject(event, session.state)}")
        say_if_over(added)
    if isinstance(event, events.Result):
        _say_if_unmeasured(added)


def _say_if_unmeasured(added: Added) -> None:
    """Warn of a success that has not the metric of its session: such a loop learns nothing."""
    state = added.session.state
    result = state.experiments[-1]
    metric = state.config.primary_metric
    if not result.success or metric in result.metrics:
        return
    diverged = _diverged(result.run_id)
    if metric in diverged and result.run_id:
        hint = f"git exp show {result.run_id[:8]}"
        output.warn(f"{metric} has diverged: the result has no {metric}", hint)
        return
    listed = [*result.metrics, *(f"{name}, which has diverged" for name in diverged)][:5]
    has = ", ".join(listed) or "none at all: a line METRIC name=value is one"
    if metric is None:
        output.warn("no metric of the session is known", f"start it with --metric; there is {has}")
    else:
        output.warn(f"the result has no {metric}", f"its metrics: {has}")


def _diverged(run_id: str | None) -> list[str]:
    """The metrics of a run that are no number at its end, or infinite: no result has those."""
    if run_id is None:
        return []
    from git_exp import query, records

    metrics = query.find(cli.store(), run_id).metrics
    last = {name: records.number(one.last) for name, one in metrics.items()}
    return [name for name, one in last.items() if one is not None and not math.isfinite(one)]


def tell(added: Added, form: options.Form, verb: str) -> None:
    """Answer with what happened, and whether the session is over with it."""
    from git_exp.session import events, story

    session, event = added
    if form.kind == "json":
        from git_exp.session import told

        output.document(f"session-{verb}", told.happened(session.state, event, now()))
        return
    if event is None:
        return
    output.line(story.subject(event, session.state))
    say_if_over(added)
    if isinstance(event, events.Result):
        _say_if_unmeasured(added)


def say_if_over(added: Added) -> None:
    """Say why a session is over, if it is since what happened last."""
    state, event = added.session.state, added.event
    if event and state.end_time == event.t:
        output.say(f"the session ends: {state.termination_reason}")
