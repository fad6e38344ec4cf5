"""git exp session next: say whether another experiment is to be made."""

from __future__ import annotations

import click

from git_exp import cli
from git_exp.cli import options, output
from git_exp.cli import session as family


@click.command()
@options.session
@options.answer
def command(session: str, form: options.Form) -> int:
    """Say whether another experiment is to be made.

    Exit code 0: go on. 1: stop, and the reason is printed; of several the first of these:
    `Maximum iterations reached`, `Time budget exhausted`, `Performance plateau detected`, `Target
    metric achieved`, `Agent determined further improvement unlikely`, `Too many consecutive
    failures`. A paused session does not go on either.
    """
    from git_exp.session import standing

    state = family.chosen(cli.store(), session).state
    now = family.now()
    goes, why = standing.goes_on(state, now)
    if form.kind == "json":
        output.document("session-next", standing.document(state, now))
    else:
        output.line(why)
    return 0 if goes else 1
