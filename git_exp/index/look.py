"""One state of the index, asked: sealed runs by SQL, those of the spool folded on the spot."""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from git_exp import merge, query
from git_exp.git import diff
from git_exp.index.packed import unpacked
from git_exp.query import Goal
from git_exp.run import Run, fold

if TYPE_CHECKING:
    from git_exp.index.rows import Noted
    from git_exp.query.fields import Catalogue, Condition, Key
    from git_exp.query.sql import Clause
    from git_exp.store import Spooled, Store

_CHUNK = 1_000
_FEW = 50
# No time is after that, as text.
_AFTER_ALL = "~"
_NEWEST = "r.started DESC, r.run_id DESC"
_KEY = "key = (SELECT id FROM key WHERE kind = 'metric' AND name = ?)"
# The tainted are few: to list them once is quicker than to ask for the tag of each run.
_COUNTS = "r.status = 'finished' AND r.id NOT IN (SELECT run FROM tag WHERE tag = ?)"
# Asked of one run after the other, so that a limit is reached long before the last of them.
_HAS_METRIC = f"EXISTS (SELECT 1 FROM metric WHERE {_KEY} AND run = r.id)"
_OF_ANY_TWICE = "EXISTS (SELECT 1 FROM run o WHERE o.tree = r.tree AND o.id <> r.id)"
_HAS_ROWS = "EXISTS (SELECT 1 FROM {0} WHERE {0}.key = key.id)"


class Sort(msgspec.Struct, frozen=True, kw_only=True):
    """What runs are sorted by; what has none of it comes last either way."""

    by: Key
    descending: bool = False


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """A selection whose words are resolved: what fits all conditions, in an order."""

    conditions: Sequence[Condition] = ()
    sort: Sequence[Sort] = ()
    limit: int | None = None
    paths: Sequence[str] = ()


class Chosen(NamedTuple):
    """A run, and of how many it was chosen."""

    run: Run | None
    among: int


class Look:
    """One state of the index, and the runs of the spool as they are by the way."""

    def __init__(
        self, store: Store, connection: sqlite3.Connection, spooled: Mapping[str, Spooled]
    ) -> None:
        self._store = store
        self._connection = connection
        self._now = time.time_ns() // 1_000
        self._spooled = spooled
        self.live = self._live() if spooled else []

    def select(self, wanted: Bound) -> list[Run]:
        """The runs that fit, in the order asked for."""
        ids = self._selected(wanted)
        found = self._runs(self._touching(ids, wanted) if wanted.paths else ids)
        more = self.fitting(wanted)
        if more:
            found = _ordered([*found, *more], wanted.sort)
        return found[: wanted.limit]

    def _selected(self, wanted: Bound) -> list[int]:
        limit = None if wanted.paths else wanted.limit
        if not wanted.conditions and not wanted.sort:
            return self._ids("1", limit=limit)
        from git_exp.query import sql

        clauses = [sql.where(one) for one in wanted.conditions]
        return self._ids(
            " AND ".join(f"({one.text})" for one in clauses) or "1",
            [value for one in clauses for value in one.values],
            order=[sql.order(one.by, descending=one.descending) for one in wanted.sort],
            limit=limit,
        )

    def fitting(self, wanted: Bound) -> list[Run]:
        """The runs of the spool that fit."""
        if not self.live:
            return []
        from git_exp.query import predicate

        tests = [predicate.predicate(one) for one in wanted.conditions]
        found = [run for run in self.live if all(fits(run) for fits in tests)]
        if wanted.paths:
            commits = [run.commit for run in found]
            there = diff.touching(self._store.repo, commits, wanted.paths)
            found = [run for run in found if run.commit in there]
        return found

    def listed(
        self, where: str, values: Sequence[Any], *, live: Callable[[Run], bool]
    ) -> list[Run]:
        """The runs that fit a condition, said in SQL and in Python, newest first."""
        found = self._runs(self._ids(where, values))
        return newest([*found, *filter(live, self.live)])

    def one(self, where: str, value: str, *, live: Callable[[Run], bool]) -> Run | None:
        """The newest of the runs that fit a condition."""
        found = self._runs(self._ids(where, [value], limit=1))
        return next(iter(newest([*found, *filter(live, self.live)])), None)

    def get(self, run_id: str) -> Run | None:
        """One run by its whole id."""
        return self.one("r.run_id = ?", run_id, live=lambda run: run.id == run_id)

    def matching(self, name: str) -> list[Run]:
        run_id, commit = query.beginnings(name)
        ids = self._ids("r.name = ?", [name], limit=1)
        if run_id:
            ids += self._ids("r.run_id >= ? AND r.run_id < ?", _range(run_id))
        if commit:
            span = _range(commit)
            links = "r.id IN (SELECT run FROM link WHERE commit_id >= ? AND commit_id < ?)"
            ids += self._ids("r.commit_id >= ? AND r.commit_id < ?", span)
            ids += self._ids(links, span)
        found = self._runs(list(dict.fromkeys(ids)))
        return list(query.among(name, newest([*found, *self.live])))

    def best(self, wanted: Goal) -> Run | None:
        return query.best(newest([*self._runs(self._ranked(wanted, limit=1)), *self.live]), wanted)

    def baseline(
        self, wanted: Goal, *, fits: Callable[[Run], bool], before: str | None = None
    ) -> Chosen:
        """The best of the runs that fit, started before a time, and of how many it was chosen."""
        first = self._first(wanted, fits, before)
        earlier = (run for run in self.live if before is None or run.started < before)
        numbered = [run for run in earlier if query.best([run], wanted)]
        live = [run for run in numbered if fits(run)]
        count = self._numbered(wanted, before) + len(numbered)
        return Chosen(query.best(newest([*first, *live]), wanted), count)

    def _first(self, wanted: Goal, fits: Callable[[Run], bool], before: str | None) -> list[Run]:
        """The best sealed run that fits; nearly always it is among the first."""
        for ranked in (self._foremost, self._ranked):
            ids = ranked(wanted, before=before)
            fitting = (run for at in ids for run in self._runs([at]) if fits(run))
            if found := list(itertools.islice(fitting, 1)):
                return found
        return []

    def _foremost(self, wanted: Goal, *, before: str | None) -> list[int]:
        """The first of those that are ranked, found by their numbers alone; none where few are."""
        source, values = self._with_number(wanted, before)
        column = wanted.measure.aggregate
        way, sign = ("DESC", ">=") if wanted.higher else ("ASC", "<=")
        least = (
            f"SELECT {column} FROM metric WHERE {_KEY} AND abs({column}) < 9e999"
            f" ORDER BY {column} {way} LIMIT 1 OFFSET {_FEW}"
        )
        order = f"m.{column} {way}, r.started, r.run_id"
        asked = f"SELECT r.id {source} AND m.{column} {sign} ({least}) ORDER BY {order} LIMIT ?"
        found = self._connection.execute(asked, [*values, wanted.measure.metric, _FEW])
        return [at for (at,) in found]

    def _numbered(self, wanted: Goal, before: str | None) -> int:
        """How many sealed runs have a number for a measure."""
        source, values = self._with_number(wanted, before)
        return int(self._connection.execute(f"SELECT count(*) {source}", values).fetchone()[0])

    def measured(
        self, metric: str, trees: Collection[str] = (), *, limit: int, replicates: int = 0
    ) -> list[Run]:
        """The newest finished, untainted runs that have a metric, of any code that ran twice.

        Where they are as many as the limit, so many replicates too of each of some trees.
        """
        found = f"{_HAS_METRIC} AND {_COUNTS}"
        ids = self._ids(f"{found} AND {_OF_ANY_TWICE}", [metric, query.TAINTED], limit=limit)
        # Fewer than that are all there are.
        for tree in trees if len(ids) >= limit else ():
            values = [metric, query.TAINTED, tree]
            ids += self._ids(f"{found} AND {self._of_tree(tree)}", values, limit=replicates)
        live = [run for run in self.live if metric in run.metrics and run.git]
        # Whether they are our own does not matter to who compares their numbers.
        return newest([*self._read(list(dict.fromkeys(ids))), *live])

    def _of_tree(self, tree: str) -> str:
        """Those of a tree; of many it is quicker to go through all that are newest, till enough."""
        asked = "SELECT count(*), (SELECT max(id) FROM run) FROM run WHERE tree = ?"
        count, every = self._connection.execute(asked, [tree]).fetchone()
        return "+r.tree = ?" if count * count > _FEW * (every or 0) else "r.tree = ?"

    def _ranked(
        self, wanted: Goal, *, before: str | None = None, limit: int | None = None
    ) -> list[int]:
        """The finished, untainted runs that have a number for a measure, the best first."""
        source, values = self._with_number(wanted, before)
        way = "DESC" if wanted.higher else "ASC"
        order = f"m.{wanted.measure.aggregate} {way}, r.started, r.run_id"
        asked = f"SELECT r.id {source} ORDER BY {order} LIMIT ?"
        found = self._connection.execute(asked, [*values, -1 if limit is None else limit])
        return [at for (at,) in found]

    def _with_number(self, wanted: Goal, before: str | None) -> tuple[str, list[str]]:
        """From where they come, in SQL: one metric's rows, which are fewer than all runs."""
        hidden = ", ".join("?" * len(self._spooled))
        source = (
            "FROM metric m CROSS JOIN run r ON r.id = m.run"
            f" WHERE m.{_KEY} AND abs(m.{wanted.measure.aggregate}) < 9e999 AND {_COUNTS}"
            f" AND r.started < ? AND r.commit_id NOT IN ({hidden})"
        )
        metric = wanted.measure.metric
        return source, [metric, query.TAINTED, before or _AFTER_ALL, *self._spooled]

    def rows(self, asked: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """The rows that a query of the tables gives; runs of the spool may be among them too."""
        return self._connection.execute(asked, values)

    def hidden(self) -> set[int]:
        """The places of runs that are in the spool too."""
        asked = "SELECT id FROM record WHERE commit_id = ?"
        every = (self._connection.execute(asked, (commit,)) for commit in self._spooled)
        return {at for found in every for (at,) in found}

    def runs(self, ids: Sequence[int]) -> list[Run]:
        """Whole runs by their places, in that order."""
        return self._runs(ids)

    def noted(self) -> list[Noted]:
        """The runs of the spool as the index would hold them."""
        from git_exp.index.rows import Noted

        lines = {run.commit: b"\n".join(self._store.lines(run)) + b"\n" for run in self.live}
        return [Noted(commit=run.commit, lines=lines[run.commit], run=run) for run in self.live]

    def catalogue(self) -> Catalogue:
        """What an expression can name."""
        from git_exp.query.fields import Catalogue

        return Catalogue(
            params=frozenset(self.keys("param")),
            metrics=frozenset(self.keys("metric")),
            meta=frozenset(self.keys("meta")),
        )

    def keys(self, kind: str) -> list[str]:
        """The params, metrics or paths of metadata that some run has."""
        asked = (
            f"SELECT name FROM key WHERE kind = '{kind}' AND {_HAS_ROWS.format(kind)}"
            f" ORDER BY (SELECT max(run) FROM {kind} WHERE key = key.id) DESC, id"
        )
        return self.names(asked, lambda run: _keys(run, kind))

    def names(self, asked: str, of: Callable[[Run], Sequence[str]]) -> list[str]:
        """Names that a query answers, after those of the runs in the spool."""
        found = [name for (name,) in self._connection.execute(asked)]
        return list(dict.fromkeys([*(name for run in self.live for name in of(run)), *found]))

    def _ids(
        self,
        where: str,
        values: Sequence[Any] = (),
        *,
        order: Sequence[Clause] = (),
        limit: int | None = None,
    ) -> list[int]:
        # What is in the spool too is folded with it, and not found here.
        hidden = ", ".join("?" * len(self._spooled))
        but = f" AND r.commit_id NOT IN ({hidden})" if hidden else ""
        asked = (
            f"SELECT r.id FROM run r WHERE ({where}){but}"
            f" ORDER BY {', '.join([*(one.text for one in order), _NEWEST])} LIMIT ?"
        )
        bound = [*values, *self._spooled, *(value for one in order for value in one.values)]
        found = self._connection.execute(asked, [*bound, -1 if limit is None else limit])
        return [at for (at,) in found]

    def _touching(self, ids: Sequence[int], wanted: Bound) -> list[int]:
        """Of some runs, as many as are wanted whose code differs from their base in its paths."""
        # Where nothing is dirty, nothing differs.
        dirty = "SELECT id, commit_id FROM run WHERE dirty"
        commits: dict[int, str] = dict(self._connection.execute(dirty))
        waiting = iter([at for at in ids if at in commits])
        found: list[int] = []
        while chunk := list(itertools.islice(waiting, _CHUNK)):
            asked = [commits[at] for at in chunk]
            there = diff.touching(self._store.repo, asked, wanted.paths)
            found += [at for at in chunk if commits[at] in there]
            if wanted.limit is not None and len(found) >= wanted.limit:
                return found[: wanted.limit]
        return found

    def _runs(self, ids: Sequence[int]) -> list[Run]:
        return self._store.opened(self._read(ids))

    def _read(self, ids: Sequence[int]) -> list[Run]:
        """Runs as they are kept, of no store yet."""
        found: list[Run] = []
        for start in range(0, len(ids), _CHUNK):
            some = ids[start : start + _CHUNK]
            listed = ",".join(map(str, some))
            asked = f"SELECT id, packed FROM record WHERE id IN ({listed})"
            packed: dict[int, bytes | None] = dict(self._connection.execute(asked))
            found += [unpacked(packed[at]) or self._folded(at) for at in some]
        return found

    def _folded(self, at: int) -> Run:
        asked = "SELECT commit_id, lines FROM record WHERE id = ?"
        commit, lines = self._connection.execute(asked, (at,)).fetchone()
        return fold(merge.lines(lines), commit=commit, now=self._now)

    def _live(self) -> list[Run]:
        """The runs in the spool, with what of them is sealed already."""
        found = []
        for commit, spooled in self._spooled.items():
            asked = "SELECT lines FROM record WHERE commit_id = ?"
            sealed = self._connection.execute(asked, (commit,)).fetchone()
            run = self._store.unsealed(commit, sealed[0] if sealed else b"", spooled)
            if run:
                found.append(run)
        return self._store.opened(found)


def newest(runs: Sequence[Run]) -> list[Run]:
    """Runs in the order of a list: the newest first."""
    return sorted(runs, key=lambda run: (run.started, run.id), reverse=True)


def _ordered(runs: Sequence[Run], sort: Sequence[Sort]) -> list[Run]:
    from git_exp.query import predicate

    found = newest(runs)
    for one in reversed(sort):
        found.sort(key=predicate.order(one.by, descending=one.descending))
    return found


def _range(start: str) -> tuple[str, str]:
    """From a beginning in hex digits up to what no longer begins so."""
    return start, f"{start}g"


def _keys(run: Run, kind: str) -> Sequence[str]:
    from git_exp.query import shapes

    named = {"param": run.params, "metric": run.metrics}
    return list(named[kind] if kind in named else shapes.meta_leaves(run.metadata))
