"""git exp session status: show how a session stands."""

from __future__ import annotations

import click

from git_exp import cli
from git_exp.cli import options, output
from git_exp.cli import session as family
from git_exp.cli.output import Piece


@click.command()
@options.session
@options.answer
def command(session: str, form: options.Form) -> None:
    """Show how a session stands."""
    from git_exp.session import claims, standing

    found = family.chosen(cli.store(), session)
    state, now = found.state, family.now()
    if form.kind == "json":
        from git_exp.session import told

        output.document("session-status", told.status(found, now))
        return
    held = claims.live(state, now)
    output.line(Piece(f"session {found.id}", "yellow"))
    facts = standing.facts(state, now)
    facts += [("Claims", str(len(held)))] if held else []
    for label, text in facts:
        output.line(f"{label + ':':<13}{text}")
    if found.damaged:
        output.warn(f"{found.damaged} of its events cannot be read and are passed over")
