"""Columns that somebody asks to see of runs, by the names that expressions have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from git_exp import query, table
from git_exp.query import predicate
from git_exp.query.fields import Key
from git_exp.run import Run
from git_exp.table import Column, Table

# What a listing shows that is no field of an expression.
ALSO = ("age", "mark")
_HEADINGS = {"id": "ID", "age": "AGE", "mark": "", "name": "NAME", "status": "STATUS"}


class Wanted(NamedTuple):
    """A column by the name it was asked for; `key` is None for an age or a mark."""

    name: str
    key: Key | None = None


def shown(runs: Sequence[Run], wanted: Sequence[Wanted], now: int) -> Table:
    """These columns of some runs; `now` in microseconds since 1970."""
    rows = [[_cell(run, one, now) for one in wanted] for run in runs]
    return Table([_column(one) for one in wanted], rows)


def _column(wanted: Wanted) -> Column:
    key = wanted.key
    heading = _HEADINGS.get(wanted.name, wanted.name)
    if key is None or key.kind == "built-in":
        right = key is not None and key.type in ("number", "duration")
        return Column(heading, wanted.name, right)
    return Column(heading, "metric" if key.kind == "metric" else "param", True)


def _cell(run: Run, wanted: Wanted, now: int) -> str:
    if wanted.key is None:
        return table.mark(run) if wanted.name == "mark" else table.age(run.started, now)
    value = predicate.value(wanted.key, run)
    match wanted.key.type:
        case "duration":
            return table.duration(value)
        case "several":
            return ", ".join(value) or table.NOTHING
    if value is None or value == "":
        return table.NOTHING
    if wanted.key.kind == "metric":
        return table.number(value)
    return query.short(value) if wanted.key.type == "hex" else table.text(value)
