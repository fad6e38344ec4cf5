"""git exp session stop: end a session, for nothing more is expected of it."""

from __future__ import annotations

import click

from git_exp import cli
from git_exp.cli import options
from git_exp.cli import session as family


@click.command()
@options.session
@click.option("-m", "--reason", metavar="text", help="Why.")
@options.answer
def command(session: str, reason: str | None, form: options.Form) -> None:
    """End a session, for nothing more is expected of it.

    `next` says no from then on. `git exp session resume` takes it back.
    """
    from git_exp.session import events

    store = cli.store()
    by = family.agent(store)
    found = family.chosen(store, session)
    added = family.add(store, found, lambda _, now: events.Stop(t=now, by=by, reason=reason))
    family.tell(added, form, "stop")
