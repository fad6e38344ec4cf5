"""Columns that somebody asks to see of runs, by the names that expressions have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from git_exp import query, table
from git_exp.query import predicate
from git_exp.query.fields import BUILT_IN, Key
from git_exp.query.grammar import AGGREGATES
from git_exp.run import Run
from git_exp.table import Column, Table

# What a listing shows that is no field of an expression.
ALSO = ("age", "mark")
_HEADINGS = {"id": "ID", "age": "AGE", "mark": "", "name": "NAME", "status": "STATUS"}


class Wanted(NamedTuple):
    """A column by the name it was asked for; `key` is None for an age or a mark."""

    name: str
    key: Key | None = None


def usual(runs: Sequence[Run]) -> list[Wanted]:
    """The columns that a listing of these runs has when nobody asks for others."""
    names = ["id", *(["mark"] if any(map(table.mark, runs)) else []), "age", "name", "status"]
    return [
        *(Wanted(name, None if name in ALSO else _built_in(name)) for name in names),
        *(Wanted(name, Key(kind="param", name=name, type="mixed")) for name in _differing(runs)),
        *(
            Wanted(path, Key(kind="metric", name=path, type="number", aggregate=AGGREGATES[0]))
            for path in table.metric_paths(runs)
        ),
    ]


def sort_key(wanted: Wanted) -> Key:
    """What a column is sorted by: an age by the time of the start, a mark by what it marks."""
    return wanted.key or _built_in({"age": "started", "mark": "dirty"}[wanted.name])


def headed(wanted: Sequence[Wanted]) -> list[Column]:
    """The headings of usual columns; a param that is called as a metric is says what it is."""
    metrics = {one.name for one in wanted if one.key and one.key.kind == "metric"}
    return [_headed(one, one.name in metrics) for one in wanted]


def shown(runs: Sequence[Run], wanted: Sequence[Wanted], now: int) -> Table:
    """These columns of some runs; `now` in microseconds since 1970."""
    return Table([_column(one) for one in wanted], [row(run, wanted, now) for run in runs])


def row(run: Run, wanted: Sequence[Wanted], now: int) -> list[str]:
    """The cells of one run."""
    return [_cell(run, one, now) for one in wanted]


def _differing(runs: Sequence[Run]) -> list[str]:
    """What `table.differing_params` answers, without a text for each of very many values."""
    counts: dict[str, int] = {}
    first: dict[str, Any] = {}
    differing: set[str] = set()
    for run in runs:
        for key, value in run.params.items():
            counts[key] = counts.get(key, 0) + 1
            known = first.setdefault(key, value)
            if (
                value is not known
                and key not in differing
                and table.text(value) != table.text(known)
            ):
                differing.add(key)
    return [key for key, count in counts.items() if key in differing or count < len(runs)]


def _headed(wanted: Wanted, shared: bool) -> Column:
    column = _column(wanted)
    if wanted.key is None or wanted.key.kind == "built-in":
        return column
    is_param = wanted.key.kind == "param"
    return column._replace(heading=f"param:{wanted.name}" if is_param and shared else wanted.name)


def _built_in(name: str) -> Key:
    return Key(kind="built-in", name=name, type=BUILT_IN[name])


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
