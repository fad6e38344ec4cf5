"""How many different values a column has, and how often each: exact up to a limit."""

from __future__ import annotations

import polars as pl

# Of more different texts than this, or larger ones, the counts are a sample's.
COUNTED = 20_000
COUNTED_BYTES = 8 << 20
SKETCH = 2_048
_HASHES = 2**64


class Counts:
    """Every value of a column with its count, until they are too many."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.overflowed = False
        self._parts: list[pl.DataFrame] = []

    def asks(self) -> list[pl.Expr]:
        column = pl.col(self.key).drop_nulls()
        counts = column.value_counts(name="count").implode()
        return [counts.alias(f"{self.key}.counts")]

    def take(self, found: pl.DataFrame) -> None:
        part = found.item(0, f"{self.key}.counts").struct.unnest()
        self._parts.append(part.rename({self.key: "value"}))
        if sum(len(one) for one in self._parts) > COUNTED or self._size() > COUNTED_BYTES:
            merged = self.merged()
            self.overflowed = len(merged) > COUNTED or self._size() > COUNTED_BYTES

    def merged(self) -> pl.DataFrame:
        """Columns `value` and `count`, in no order."""
        if not self._parts:
            return pl.DataFrame(schema={"value": pl.String, "count": pl.UInt64})
        every = pl.concat(self._parts).group_by("value").agg(pl.col("count").sum())
        self._parts = [every]
        return every

    def _size(self) -> float:
        return sum(one.estimated_size() for one in self._parts)


class Sketch:
    """An estimate of the number of different values by the least of their hashes.

    Bar-Yossef et al. (2002): of n hashes that are spread evenly, the k-th least stands at about
    k/n. Exact below `SKETCH` values.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self._least = pl.Series([], dtype=pl.UInt64)

    def asks(self) -> list[pl.Expr]:
        hashes = pl.col(self.key).drop_nulls().hash()
        if self.full:
            hashes = hashes.filter(hashes < self._least[-1])
        least = hashes.unique().bottom_k(SKETCH).implode()
        return [least.alias(f"{self.key}.hashes")]

    def take(self, found: pl.DataFrame) -> None:
        self._join(found.item(0, f"{self.key}.hashes"))

    def begin(self, values: pl.Series) -> None:
        """Start with values that have been seen before."""
        self._join(values.hash())

    @property
    def full(self) -> bool:
        """Whether `number` is an estimate."""
        return len(self._least) == SKETCH

    @property
    def number(self) -> int:
        if not self.full:
            return len(self._least)
        return round((SKETCH - 1) * _HASHES / int(self._least[-1]))

    def _join(self, hashes: pl.Series) -> None:
        if len(hashes):
            self._least = pl.concat([self._least, hashes]).unique().sort().head(SKETCH)
