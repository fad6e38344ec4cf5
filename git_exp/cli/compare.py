"""git exp compare: show runs side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import click

from git_exp import cli, compare, errors, query, table
from git_exp.cli import listing, options, output
from git_exp.cli.output import Cell, Column, Piece
from git_exp.compare import Row
from git_exp.run import Run


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
    params = compare.params_beside(found, every=every)
    metrics = compare.metrics_beside(found, extremes=best)
    files = compare.changed_files(store, found)
    if form.kind == "json":
        told = {"runs": found, "changed_files": files, "params": params, "metrics": metrics}
        output.document("compare", told)
        return
    rows = [*_facts(found, files), *(_param(one, found, metrics) for one in params)]
    rows += [_metric(one, found) for one in metrics]
    output.table(
        [Column("", fixed=True), *(Column(_title(run), right=True) for run in found)], rows
    )


def _title(run: Run) -> str:
    return f"{query.short(run.id)} {run.name}".rstrip()


def _facts(runs: Sequence[Run], files: Sequence[int | None]) -> list[list[Cell]]:
    now = time.time_ns() // 1_000
    told: dict[str, Callable[[Run], Cell]] = {
        "status": lambda run: Piece(run.status, listing.STATUSES.get(run.status, "")),
        "age": lambda run: Piece(table.age(run.started, now), listing.STYLES["age"]),
        "duration": lambda run: table.duration(run.duration_ms),
    }
    rows: list[list[Cell]] = [[label, *map(cell, runs)] for label, cell in told.items()]
    counts = [table.NOTHING if one is None else str(one) for one in files[1:]]
    rows.append(["changed files", table.NOTHING, *counts])
    if any(run.partial for run in runs):
        rows.append(["snapshot", *(run.git.capture if run.git else "none" for run in runs)])
    return rows


def _param(row: Row, runs: Sequence[Run], metrics: Sequence[Row]) -> list[Cell]:
    shared = any(one.name == row.name for one in metrics)
    label = f"param:{row.name}" if shared else row.name
    style = listing.STYLES["param"]
    return [
        Piece(label, style),
        *(
            table.text(value) if row.name in run.params else table.NOTHING
            for value, run in zip(row.values, runs, strict=True)
        ),
    ]


def _metric(row: Row, runs: Sequence[Run]) -> list[Cell]:
    pairs: list[tuple[Any, Run]] = list(zip(row.values, runs, strict=True))
    return [
        row.name,
        *(Piece(table.number(value), "bold" if run.id == row.best else "") for value, run in pairs),
    ]
