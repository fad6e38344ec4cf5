"""git exp session log: tell what happened in a session."""

from __future__ import annotations

import time
from typing import Any

import click
import msgspec

from git_exp import cli, records, table
from git_exp.cli import options, output
from git_exp.cli import session as family
from git_exp.cli.output import Column


class Events(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in a session: its events, as their lines have them."""

    session: str
    events: list[dict[str, Any]]


@click.command()
@options.session
@click.option(
    "-n", "--max-count", metavar="number", type=click.IntRange(0), help="So many at most."
)
@options.rows
def command(session: str, max_count: int | None, form: options.Form) -> None:
    """Tell what happened in a session, the latest first.

    `git log refs/sessions/ID` tells the same, and has the state after each event.
    """
    from git_exp.session import files, story

    found = family.chosen(cli.store(), session)
    if found.damaged:
        output.warn(f"{found.damaged} of its events cannot be read and are passed over")
    told = list(story.told(found.lines))[::-1][:max_count]
    if form.kind == "json":
        lines = [files.told(event) for event, _ in told]
        output.document("session-log", Events(session=found.id, events=lines))
    elif form.kind == "jsonl":
        output.json_lines(files.told(event) for event, _ in told)
    else:
        now = time.time_ns() // 1_000
        stamps = [records.stamp(round(event.t * 1_000_000)) for event, _ in told]
        if form.kind == "csv":
            rows = zip(stamps, told, strict=True)
            output.csv(("t", "by", "what"), [(t, one.by, what) for t, (one, what) in rows])
            return
        cells = [
            [table.age(t, now), one.by or table.NOTHING, what]
            for t, (one, what) in zip(stamps, told, strict=True)
        ]
        output.table([Column("WHEN"), Column("BY"), Column("WHAT")], cells)
