"""git exp session stop: end a session, for nothing more is expected of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from git_exp import cli
from git_exp.cli import options, output
from git_exp.cli import session as family

if TYPE_CHECKING:
    from git_exp.session.events import Event
    from git_exp.session.state import ExperimentState


@click.command()
@options.session
@click.option("-m", "--reason", metavar="text", help="Why.")
@options.answer
def command(session: str, reason: str | None, form: options.Form) -> None:
    """End a session, for nothing more is expected of it.

    `next` says no from then on. `git exp session resume` takes it back. Of one that is over already
    only a --reason is kept.
    """
    from git_exp.session import events, machine

    store = cli.store()
    by = family.agent(store)
    found = family.chosen(store, session)
    before: list[str] = []

    def stopped(state: ExperimentState, now: float) -> Event | None:
        why = machine.reason(state, now)
        before[:] = [why] if why else []
        # Why it ended is kept, and so is what its agent says of it.
        return None if why and reason is None else events.Stop(t=now, by=by, reason=reason)

    added = family.add(store, found, stopped)
    family.tell(added, form, "stop")
    if before:
        output.say(f"session {found.id} was over already: {before[0]}")
