"""Rows at random: all of a small table, of a large one as many as memory allows."""

from __future__ import annotations

import polars as pl

ROWS = 1 << 16
CELLS = 1 << 21
TEXT_LIMIT = 100


class Sample:
    """Every row whose number has a hash below a bound, which halves as the table grows."""

    def __init__(self, numbers: list[str], texts: list[str]) -> None:
        self._numbers = [pl.col(key) for key in numbers]
        # Copied, since a slice keeps all of the text it is of in memory.
        self._texts = [
            pl.concat_str(pl.col(key).str.slice(0, TEXT_LIMIT), pl.lit("")) for key in texts
        ]
        self._rows = min(ROWS, CELLS // max(1, len(numbers) + len(texts)))
        self._kept: pl.DataFrame | None = None
        self._halvings = 0
        self._seen = 0

    @property
    def whole(self) -> bool:
        """Whether it is all rows there are."""
        return self._halvings == 0

    def scale(self, rows: int) -> float:
        """How many rows of the table one of these stands for."""
        return rows / self._kept.height if self._kept is not None and self._kept.height else 1.0

    def add(self, batch: pl.DataFrame) -> None:
        row = pl.int_range(self._seen, self._seen + batch.height, dtype=pl.UInt64).hash()
        self._seen += batch.height
        chosen = self._bounded(batch.select(*self._numbers, *self._texts, row.alias("row")))
        self._kept = chosen if self._kept is None else self._kept.vstack(chosen)
        while self._kept.height > 2 * self._rows:
            self._halvings += 1
            self._kept = self._bounded(self._kept).rechunk()

    def column(self, key: str) -> pl.Series:
        """The values of a column in these rows, without those that are missing."""
        if self._kept is None:
            return pl.Series([], dtype=pl.Float64)
        return self._kept[key].drop_nulls()

    def _bounded(self, frame: pl.DataFrame) -> pl.DataFrame:
        if not self._halvings:
            return frame
        return frame.filter(pl.col("row") < 2 ** (64 - self._halvings))
