"""git exp session resume: let a session go on."""

from __future__ import annotations

from typing import Any

import click

from git_exp import cli
from git_exp.cli import options, output
from git_exp.cli import session as family


@click.command()
@options.session
@options.answer
def command(session: str, form: options.Form) -> None:
    """Let a session go on.

    One that was paused, or stopped by its agent, goes on; one that has come to another end stays
    there.
    """
    from git_exp.session import events, standing

    store = cli.store()
    by = family.agent(store)
    found = family.chosen(store, session)

    def happening(state: Any, now: float) -> events.Event | None:
        is_held = state.is_paused or state.agent_recommends_stop
        return events.Resume(t=now, by=by) if is_held else None

    added = family.add(store, found, happening)
    goes, why = standing.goes_on(added.session.state, family.now())
    if added.event is None or not goes:
        output.say("it goes on already" if goes else f"it does not go on: {why}")
    family.tell(added, form, "resume")
