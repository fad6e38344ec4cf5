"""What the table shows: the runs that fit, in an order, and the columns they have."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from git_exp import columns
from git_exp.columns import Wanted
from git_exp.index.following import Following
from git_exp.index.search import Indexed
from git_exp.query import predicate
from git_exp.run import Run
from git_exp.table import Column


class Order(NamedTuple):
    """A column that the rows are sorted by."""

    column: Wanted
    descending: bool = False


class Asked(NamedTuple):
    """What the user wants to see: an expression that runs fit, and an order of theirs."""

    where: str | None = None
    order: Order | None = None


class Rows(NamedTuple):
    """The runs that were asked for, and their columns."""

    runs: Sequence[Run] = ()
    wanted: Sequence[Wanted] = ()
    columns: Sequence[Column] = ()


def of(runs: Sequence[Run], order: Order | None = None) -> Rows:
    """The rows of some runs, which are newest first."""
    wanted = columns.usual(runs)
    return Rows(sorted_by(runs, order), wanted, columns.headed(wanted))


def sorted_by(runs: Sequence[Run], order: Order | None) -> Sequence[Run]:
    """Runs by what a column shows; those that have none of it come last."""
    if order is None:
        return runs
    key = columns.sort_key(order.column)
    return sorted(runs, key=predicate.order(key, descending=order.descending))


class Source:
    """Where the rows come from; it is asked by one thread at a time."""

    def __init__(self, store: Indexed) -> None:
        self._store = store
        self._asked: Asked | None = None
        self._following = Following(store)
        self._runs: Sequence[Run] = ()
        self.took = 0.0

    def look(self, asked: Asked) -> Rows | None:
        """The rows as they are now; None if they are those of the last look.

        Raises what `Indexed.select` does; the last rows then stay what they were.
        """
        begun = time.monotonic()
        following = self._following
        if self._asked is None or asked.where != self._asked.where:
            following = Following(self._store, asked.where)
        found = following.look()
        if found is None and asked == self._asked:
            return None
        self._runs = self._runs if found is None else found
        self._asked, self._following = asked, following
        made = of(self._runs, asked.order)
        self.took = time.monotonic() - begun
        return made
