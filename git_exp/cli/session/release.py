"""git exp session release: free an idea that was claimed."""

from __future__ import annotations

import click

from git_exp import cli
from git_exp.cli import options
from git_exp.cli import session as family


@click.command()
@options.session
@click.argument("claim")
@click.option("--remote", metavar="remote", help="Free it there too.")
@options.answer
def command(session: str, claim: str, remote: str | None, form: options.Form) -> None:
    """Free an idea that was claimed.

    CLAIM is the id that `claim` printed, or its first four characters and more.
    """
    from git_exp.session import claims

    store = cli.store()
    found = family.chosen(store, session)
    happening = claims.released(claim, by=family.agent(store))
    family.tell(family.add(store, found, happening, remote=remote), form, "release")
