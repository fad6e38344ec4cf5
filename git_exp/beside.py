"""Runs side by side: a column for each, as every screen shows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from git_exp import compare, query, table
from git_exp.compare import Row
from git_exp.run import Run
from git_exp.store import Store


class Cell(NamedTuple):
    """A cell: its text, and the kind of thing it is; `best` is the value that is ahead."""

    text: str
    kind: str = ""


class Beside(NamedTuple):
    """What is compared: the runs, files that differ from the first's, params and metrics."""

    runs: Sequence[Run]
    files: list[int | None]
    params: list[Row]
    metrics: list[Row]


def look(
    store: Store, runs: Sequence[Run], *, every: bool = False, extremes: bool = False
) -> Beside:
    """Compare runs: all params or those that differ, metrics at their last or their best."""
    return Beside(
        runs=runs,
        files=compare.changed_files(store, runs),
        params=compare.params_beside(runs, every=every),
        metrics=compare.metrics_beside(store, runs, extremes=extremes),
    )


def titles(runs: Sequence[Run]) -> list[str]:
    """What stands above each run's column."""
    return [f"{query.short(run.id)} {run.name}".rstrip() for run in runs]


def rows(found: Beside, now: int) -> list[list[Cell]]:
    """A row for each thing: what it is, then a cell for each run; `now` in microseconds."""
    return [
        *_facts(found, now),
        *(_param(one, found) for one in found.params),
        *(_metric(one, found.runs) for one in found.metrics),
    ]


def _facts(found: Beside, now: int) -> list[list[Cell]]:
    runs = found.runs
    told: dict[str, Callable[[Run], Cell]] = {
        "status": lambda run: Cell(run.status, "status"),
        "age": lambda run: Cell(table.age(run.started, now), "age"),
        "duration": lambda run: Cell(table.duration(run.duration_ms)),
    }
    made = [[Cell(label), *map(cell, runs)] for label, cell in told.items()]
    counts = [table.NOTHING if one is None else str(one) for one in found.files[1:]]
    made.append(list(map(Cell, ["changed files", table.NOTHING, *counts])))
    if any(run.partial for run in runs):
        captures = (run.git.capture if run.git else "none" for run in runs)
        made.append(list(map(Cell, ["snapshot", *captures])))
    return made


def _param(row: Row, found: Beside) -> list[Cell]:
    shared = any(one.name == row.name for one in found.metrics)
    label = f"param:{row.name}" if shared else row.name
    values = (
        table.text(value) if row.name in run.params else table.NOTHING
        for value, run in zip(row.values, found.runs, strict=True)
    )
    return [Cell(label, "param"), *map(Cell, values)]


def _metric(row: Row, runs: Sequence[Run]) -> list[Cell]:
    pairs: list[tuple[Any, Run]] = list(zip(row.values, runs, strict=True))
    return [
        Cell(row.name),
        *(Cell(table.number(value), "best" if run.id == row.best else "") for value, run in pairs),
    ]
