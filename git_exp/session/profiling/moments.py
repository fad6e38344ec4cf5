"""Mean, deviation and extremes of a column, gathered a batch at a time."""

from __future__ import annotations

import math
from typing import Any

import polars as pl


class Moments:
    """What is known of the finite values of one column of numbers.

    Batches are joined by the formulas of Chan, Golub and LeVeque (1979), and of Pébay (2008) for
    the third moment.
    """

    def __init__(self, key: str, *, third: bool = False) -> None:
        self.key = key
        self.third = third
        self.count = self.zeros = self.infinite = 0
        self.mean = self.m2 = self.m3 = 0.0
        self.low: Any = None
        self.high: Any = None

    def asks(self) -> list[pl.Expr]:
        column = pl.col(self.key)
        finite = column.filter(column.is_finite())
        asked = {
            "count": finite.len(),
            "infinite": column.is_infinite().sum(),
            "zeros": (finite == 0).sum(),
            "mean": finite.mean(),
            "var": finite.var(ddof=0),
            "low": finite.min(),
            "high": finite.max(),
        }
        if self.third:
            asked["skew"] = finite.cast(pl.Float64).skew()
        return [one.alias(f"{self.key}.{name}") for name, one in asked.items()]

    def take(self, found: pl.DataFrame) -> None:
        batch = {name: found.item(0, f"{self.key}.{name}") for name in
                 ("count", "infinite", "zeros", "mean", "var", "low", "high")}  # fmt: skip
        self.infinite += batch["infinite"]
        if not batch["count"]:
            return
        m2 = batch["var"] * batch["count"]
        skew = found.item(0, f"{self.key}.skew") if self.third else None
        # Where all values are one there is no skew.
        m3 = skew * math.sqrt(batch["var"]) * m2 if skew is not None and m2 else 0.0
        self._join(batch["count"], batch["mean"], m2=m2, m3=m3)
        self.zeros += batch["zeros"]
        self.low = batch["low"] if self.low is None else min(self.low, batch["low"])
        self.high = batch["high"] if self.high is None else max(self.high, batch["high"])

    @property
    def std(self) -> float | None:
        """The deviation of a sample, None of fewer than two values."""
        return math.sqrt(self.m2 / (self.count - 1)) if self.count > 1 else None

    @property
    def skewness(self) -> float | None:
        """Adjusted Fisher-Pearson, None of fewer than three values or where all are one."""
        n = self.count
        if n < 3 or not self.m2:
            return None
        plain = (self.m3 / n) / ((self.m2 / n) * math.sqrt(self.m2 / n))
        return plain * math.sqrt(n * (n - 1)) / (n - 2)

    def _join(self, count: int, mean: float, *, m2: float, m3: float) -> None:
        apart, total = mean - self.mean, self.count + count
        both = self.count * count / total
        self.m3 += m3 + apart * (
            apart * apart * both * (self.count - count) / total
            + 3 * (self.count * m2 - count * self.m2) / total
        )
        self.m2 += m2 + apart * apart * both
        self.mean = mean if not self.count else self.mean + apart * count / total
        self.count = total


class Span:
    """The first and the last time in a column."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.low: Any = None
        self.high: Any = None

    def asks(self) -> list[pl.Expr]:
        column = pl.col(self.key)
        return [column.min().alias(f"{self.key}.low"), column.max().alias(f"{self.key}.high")]

    def take(self, found: pl.DataFrame) -> None:
        low, high = (found.item(0, f"{self.key}.{name}") for name in ("low", "high"))
        if low is not None:
            self.low = low if self.low is None else min(self.low, low)
            self.high = high if self.high is None else max(self.high, high)
