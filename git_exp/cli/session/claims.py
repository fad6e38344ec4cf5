"""git exp session claims: list the ideas that are being tried."""

from __future__ import annotations

import click

from git_exp import cli, records, table
from git_exp.cli import options, output
from git_exp.cli import session as family
from git_exp.cli.output import Column

_KEYS = ("claim", "idea", "by", "since", "left")


@click.command()
@options.session
@options.rows
def command(session: str, form: options.Form) -> None:
    """List the ideas that are being tried, the oldest first.

    An idea is claimed until it is released, has a result, or its time is over.
    """
    from git_exp.session import claims, standing

    found = family.chosen(cli.store(), session)
    now = family.now()
    rows = [
        (one.claim_id, one.idea, one.by, records.stamp(round(one.t * 1_000_000)),
         round(one.t + one.ttl - now, 3))
        for one in claims.live(found.state, now)
    ]  # fmt: skip
    told = [dict(zip(_KEYS, row, strict=True)) for row in rows]
    if form.kind == "json":
        output.document("session-claims", {"session": found.id, "claims": told})
    elif form.kind == "jsonl":
        output.json_lines(told)
    elif form.kind == "csv":
        output.csv(_KEYS, rows)
    else:
        columns = [Column("CLAIM", "yellow", fixed=True), Column("IDEA"), Column("BY"),
                   Column("LEFT", right=True)]  # fmt: skip
        output.table(columns, [[one, idea, by or table.NOTHING, standing.duration(left)]
                               for one, idea, by, _, left in rows])  # fmt: skip
