"""What a tally says of its columns, in plain JSON values."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import polars as pl

from git_exp.session.profiling.sample import TEXT_LIMIT, Sample
from git_exp.session.profiling.tally import Column

TOP = 10
# Less often in a sample says nothing of the table.
SEEN = 10
QUANTILES = {"25%": 0.25, "50%": 0.5, "75%": 0.75}
Stats = dict[str, Any]


def numeric(column: Column, sample: Sample) -> Stats:
    """The statistics of a column of numbers, over its finite values."""
    moments = column.moments
    assert moments is not None
    kept = sample.column(column.key)
    kept = kept.filter(kept.is_finite())
    middle = {
        name: plain(kept.quantile(part, interpolation="linear")) for name, part in QUANTILES.items()
    }
    known = moments.count > 0
    return {
        "mean": plain(moments.mean) if known else None,
        "std": plain(moments.std),
        "min": plain(moments.low),
        **middle,
        "max": plain(moments.high),
        "n_zeros": moments.zeros,
        "n_infinite": moments.infinite,
        "n_unique": unique(column),
        "approximate": [*([] if sample.whole else middle), *_estimated(column)],
    }


def categorical(column: Column, sample: Sample, rows: int) -> Stats:
    """The statistics of a column of text or truths."""
    every = counts(column, sample, rows)
    top = dict(list(every.items())[:TOP])
    frequent = next(iter(top), None)
    guessed = column.exact() is None and not sample.whole
    return {
        "n_unique": unique(column),
        "most_frequent": frequent,
        "most_frequent_count": top.get(frequent, 0) if frequent is not None else 0,
        "top_values": top,
        "approximate": [
            *_estimated(column),
            *(["most_frequent", "most_frequent_count", "top_values"] if guessed else []),
        ],
    }


def times(column: Column) -> Stats:
    """The first and last time of a column of dates."""
    assert column.span is not None
    return {
        "min": _time(column.span.low),
        "max": _time(column.span.high),
        "n_unique": unique(column),
        "approximate": _estimated(column),
    }


def unique(column: Column) -> int:
    """The number of different values, the missing not among them."""
    exact = column.exact()
    return column.sketch.number if exact is None else len(exact)


def counts(column: Column, sample: Sample, rows: int) -> dict[str, int]:
    """Values with their counts, the most frequent first; where those are too many, a sample's."""
    every, scale = column.exact(), 1.0
    if every is None:
        every = sample.column(column.key).value_counts(name="count")
        every = every.rename({column.key: "value"})
        scale = sample.scale(rows)
        if not sample.whole:
            every = every.filter(pl.col("count") >= SEEN)
    found: dict[str, int] = {}
    for value, count in every.sort("count", "value", descending=[True, False]).iter_rows():
        label = _label(value)
        found[label] = found.get(label, 0) + round(count * scale)
    return found


def _estimated(column: Column) -> list[str]:
    return ["n_unique"] if column.exact() is None and column.sketch.full else []


def _label(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    return str(_time(value) if isinstance(value, date) else value)[:TEXT_LIMIT]


def _time(value: date | None) -> str | None:
    return value.isoformat() if value else None


def plain(value: Any) -> int | float | None:
    """A number as JSON has it: what is beyond the range of floats cannot be said."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value if isinstance(value, int) else float(value)
