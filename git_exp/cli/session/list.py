"""git exp session list: list sessions, that which began last first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from git_exp import cli, records, table
from git_exp.cli import options, output
from git_exp.cli import session as family
from git_exp.cli.output import Column, Piece

if TYPE_CHECKING:
    from git_exp.session.standing import Standing


class Sessions(msgspec.Struct, frozen=True, kw_only=True):
    """How each session stands."""

    sessions: list[Standing]


@click.command()
@options.rows
def command(form: options.Form) -> None:
    """List sessions, that which began last first."""
    from git_exp.session import named, standing

    damaged: dict[str, str] = {}
    every = named.begun(cli.store().repo, damaged)
    for name, why in damaged.items():
        output.warn(f"session '{name}' is passed over: {why}")
    now = family.now()
    told = [standing.of(one.state, now) for one in every]
    if form.kind == "json":
        output.document("session-list", Sessions(sessions=told))
    elif form.kind == "jsonl":
        output.json_lines(told)
    elif form.kind == "csv":
        keys = standing.Standing.__struct_fields__
        output.csv(keys, map(msgspec.structs.astuple, told))
    else:
        columns = [Column("ID", "yellow", fixed=True), Column("BEGAN"), Column("STATUS"),
                   Column("ITERATIONS", right=True), Column("METRIC"), Column("BEST", right=True),
                   Column("TASK")]  # fmt: skip
        output.table(columns, [_row(one.state, now) for one in every])


def _row(state: object, now: float) -> list[str | Piece]:
    from git_exp.session import standing
    from git_exp.session.state import ExperimentState

    assert isinstance(state, ExperimentState)
    stamp = records.stamp(round(state.start_time * 1_000_000))
    return [
        state.session_id,
        table.age(stamp, round(now * 1_000_000)),
        standing.status(state, now).partition(":")[0].partition(",")[0],
        f"{state.current_iteration}/{state.config.max_iterations}",
        state.config.primary_metric or table.NOTHING,
        standing.number(state.best_metric),
        standing.task(state),
    ]
