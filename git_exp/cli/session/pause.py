"""git exp session pause: let time stand still."""

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
    """Let time stand still.

    `next` says no until the session is resumed.
    """
    from git_exp.session import events

    store = cli.store()
    by = family.agent(store)
    found = family.chosen(store, session)

    def happening(state: Any, now: float) -> events.Event | None:
        return None if state.is_paused else events.Pause(t=now, by=by)

    added = family.add(store, found, happening)
    if added.event is None:
        output.say("it is paused already")
    family.tell(added, form, "pause")
