"""git exp compare: show runs side by side."""

from __future__ import annotations

import time

import click
import msgspec

from git_exp import beside, cli, errors, query
from git_exp.cli import listing, options, output
from git_exp.cli.output import Column
from git_exp.compare import Row
from git_exp.run import Run


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """Runs side by side; `changed_files` differ from the first run's, null for one not here."""

    runs: list[Run]
    changed_files: list[int | None]
    params: list[Row]
    metrics: list[Row]


@click.command()
@options.run_argument("runs", nargs=-1, required=True)
@click.option("--all", "every", is_flag=True, help="Show the params that are the same, too.")
@click.option("--best", is_flag=True, help="Compare the best value of each metric, not the last.")
@options.answer
def command(runs: tuple[str, ...], every: bool, best: bool, form: options.Form) -> None:
    """Show runs side by side, a column each.

    Shown are status, age and duration, how many files differ from the code of the first run, the
    params that are not the same in all runs, and the last value of each metric. On a terminal the
    best value of a metric is bold: that of a finished run that is not tagged `tainted`. Where a
    snapshot is not the whole code that ran, there is a line that says so.
    """
    store = cli.store()
    found = query.every(store, runs)
    if len(found) < 2:
        raise errors.UsageError("compare takes two runs or more", hint=f"git exp show {runs[0]}")
    told = beside.look(store, found, every=every, extremes=best)
    if form.kind == "json":
        answer = Compared(
            runs=found, changed_files=told.files, params=told.params, metrics=told.metrics
        )
        output.document("compare", answer)
        return
    heads = (Column(title, right=True) for title in beside.titles(found))
    rows = beside.rows(told, time.time_ns() // 1_000)
    output.table(
        [Column("", fixed=True), *heads], [[listing.piece(*one) for one in row] for row in rows]
    )
