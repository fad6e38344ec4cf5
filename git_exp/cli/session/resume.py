"""git exp session resume: let a session go on."""

from __future__ import annotations

import click

from git_exp import cli
from git_exp.cli import options
from git_exp.cli import session as family


@click.command()
@options.session
@options.answer
def command(session: str, form: options.Form) -> None:
    """Let a session go on.

    One that was paused, or stopped by its agent, goes on; one that has come to another end stays
    there.
    """
    from git_exp.session import events

    store = cli.store()
    by = family.agent(store)
    found = family.chosen(store, session)
    added = family.add(store, found.id, lambda _, now: events.Resume(t=now, by=by))
    family.tell(added, form, "resume")
