"""Everything that is counted of a table, in one pass."""

from __future__ import annotations

import polars as pl

from git_exp.session.profiling import kinds as of
from git_exp.session.profiling.distinct import Counts, Sketch
from git_exp.session.profiling.kinds import Kinds
from git_exp.session.profiling.moments import Moments, Span
from git_exp.session.profiling.sample import Sample
from git_exp.session.profiling.source import Source


class Column:
    """What is counted of one column; what does not apply to its kind is None."""

    def __init__(self, key: str, kind: of.Kind, *, target: bool) -> None:
        self.key, self.kind = key, kind
        self.missing = 0
        number = kind.name in ("int64", "float64")
        self.is_categorical = kind.name in ("bool", "object") and not kind.opaque
        self.moments = Moments(key, third=target) if number else None
        self.span = Span(key) if kind.name == "datetime64" else None
        self.counts = Counts(key) if self.is_categorical or target else None
        self.sketch = Sketch(key)
        self._sketching = self.counts is None

    def asks(self) -> list[pl.Expr]:
        missing = pl.col(self.key).null_count().alias(f"{self.key}.missing")
        return [missing, *(each for one in self._counting() for each in one.asks())]

    def take(self, found: pl.DataFrame) -> None:
        self.missing += found.item(0, f"{self.key}.missing")
        for one in self._counting():
            one.take(found)
        if self.counts and self.counts.overflowed and not self._sketching:
            self.sketch.begin(self.counts.merged()["value"])
            self._sketching = True

    def exact(self) -> pl.DataFrame | None:
        """Every value with its count, None where they are too many to count."""
        return self.counts.merged() if self.counts and not self._sketching else None

    def _counting(self) -> list[Moments | Span | Counts | Sketch]:
        """Values are counted as long as they are few, then estimated."""
        values = self.sketch if self._sketching else self.counts
        found = (self.moments, self.span, None if self.kind.opaque else values)
        return [one for one in found if one]


class Tally:
    """The columns of a table, by their names there, and a sample of its rows."""

    def __init__(self, kinds: Kinds, target: str | None) -> None:
        self.rows = 0
        self.columns = {
            name: Column(of.key(at), kind, target=name == target)
            for at, (name, kind) in enumerate(kinds.items())
        }
        every = self.columns.values()
        self.sample = Sample(
            [one.key for one in every if one.moments],
            [one.key for one in every if one.kind.name == "object" and not one.kind.opaque],
        )

    def add(self, batch: pl.DataFrame) -> None:
        self.rows += batch.height
        every = self.columns.values()
        found = batch.select(each for one in every for each in one.asks())
        for one in every:
            one.take(found)
        self.sample.add(batch)


def counted(source: Source, kinds: Kinds, target: str | None) -> Tally:
    """Count all of a table; raises what polars does for a value that is not of its kind."""
    tally = Tally(kinds, target)
    for batch in of.scanned(source, kinds):
        tally.add(batch)
    return tally
