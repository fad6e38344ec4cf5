"""git exp session claims: list the ideas that are being tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from git_exp import cli, table
from git_exp.cli import options, output
from git_exp.cli import session as family
from git_exp.cli.output import Column

if TYPE_CHECKING:
    from git_exp.session.claims import Held


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """The ideas of a session that are being tried."""

    session: str
    claims: list[Held]


@click.command()
@options.session
@options.rows
def command(session: str, form: options.Form) -> None:
    """List the ideas that are being tried, the oldest first.

    An idea is claimed until it is released, has a result, or its time is over.
    """
    from git_exp.session import claims, standing

    found = family.chosen(cli.store(), session)
    told = claims.held(found.state, family.now())
    if form.kind == "json":
        output.document("session-claims", Claims(session=found.id, claims=told))
    elif form.kind == "jsonl":
        output.json_lines(told)
    elif form.kind == "csv":
        output.csv(claims.Held.__struct_fields__, map(msgspec.structs.astuple, told))
    else:
        columns = [Column("CLAIM", "yellow", fixed=True), Column("IDEA"), Column("BY"),
                   Column("LEFT", right=True)]  # fmt: skip
        output.table(
            columns,
            [
                [one.claim, one.idea, one.by or table.NOTHING, standing.duration(one.left)]
                for one in told
            ],
        )
