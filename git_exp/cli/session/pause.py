"""git exp session pause: let time stand still."""

from __future__ import annotations

import click

from git_exp import cli
from git_exp.cli import options
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
    added = family.add(store, found.id, lambda _, now: events.Pause(t=now, by=by))
    family.tell(added, form, "pause")
