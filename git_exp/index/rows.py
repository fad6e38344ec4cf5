"""Runs as rows of the index: written from the fold of their lines, and taken out again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import msgspec

from git_exp import merge, records
from git_exp.index.packed import packed
from git_exp.query import shapes
from git_exp.run import Run, fold

_EXACT = 1 << 53
_COLUMNS = {
    "record": 6, "run": 19, "param": 4, "meta": 4, "metric": 9, "tag": 2, "note": 4, "link": 2,
}  # fmt: skip
_DELETIONS = (
    *(
        f"DELETE FROM {table} WHERE run = ? AND key IN (SELECT id FROM key WHERE kind = '{table}')"
        for table in ("param", "meta", "metric")
    ),
    *(f"DELETE FROM {table} WHERE run = ?" for table in ("tag", "note", "link")),
    *(f"DELETE FROM {table} WHERE id = ?" for table in ("run", "record")),
)
Row = Sequence[Any]


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """The note of one commit as it is to stand in the index; no run is shown of a deleted one."""

    commit: str
    paths: str = ""
    lines: bytes
    run: Run | None
    ripe: str | None = None


def unread(commit: str, paths: str) -> Noted:
    """A note that cannot be read now: it is looked for again whenever the index is asked."""
    return Noted(commit=commit, paths=paths, lines=b"", run=None, ripe="")


def noted(commit: str, paths: str, lines: bytes, *, now: int) -> Noted:
    """A note with the run that its lines tell of; `now` in microseconds since 1970."""
    run = fold(merge.lines(lines), commit=commit, now=now)
    ripe = _ripe(merge.lines(lines), now) if run.damaged else None
    # A note that somebody wrote by hand, and no run, is none of ours to show.
    shown = run if run.id and not merge.is_tombstone(lines) else None
    return Noted(commit=commit, paths=paths, lines=lines, run=shown, ripe=ripe)


class Writer:
    """Writes runs into the tables of one schema, inside a transaction of the caller's."""

    def __init__(self, connection: sqlite3.Connection, schema: str = "main") -> None:
        self._connection = connection
        self._schema = schema
        self._keys = self._known()
        last = f"SELECT coalesce(max(id), 0) FROM {schema}.record"
        self._next: int = connection.execute(last).fetchone()[0]
        # In an index that is being made nothing has to be looked for, to be replaced.
        self._made_anew = self._next == 0

    def write(self, notes: Sequence[Noted]) -> None:
        """Put these notes in, each in the place of what the index had of its commit.

        One that no table can hold, whatever anybody has put into it, hides none of the others.
        """
        self._connection.execute("SAVEPOINT some")
        try:
            self._write(notes)
        except (ValueError, OverflowError, sqlite3.DataError, sqlite3.ProgrammingError):
            self._connection.execute("ROLLBACK TO some")
            self._keys = self._known()
            half = len(notes) // 2
            if not half:
                notes = [msgspec.structs.replace(one, run=None) for one in notes]
            for some in (notes[:half], notes[half:]) if half else (notes,):
                self.write(some)
        self._connection.execute("RELEASE some")

    def _write(self, notes: Sequence[Noted]) -> None:
        rows: dict[str, list[Row]] = {table: [] for table in _COLUMNS}
        for one in notes:
            at = self._new() if self._made_anew else self.remove(one.commit)
            whole = packed(one.run) if one.run else None
            rows["record"].append((at, one.commit, one.paths, whole, one.lines, one.ripe))
            if one.run:
                rows["run"].append(_run(one.run, at))
                self._described(rows, one.run, at)
        for table, found in rows.items():
            if table not in ("record", "run"):
                # In the order of their keys rows are appended, and no page is split.
                found.sort(key=itemgetter(0, 1))
            self._insert(table, found)

    def remove(self, commit: str) -> int:
        """Take a commit's rows out, and answer the id that they had or that new ones will have."""
        asked = f"SELECT id FROM {self._schema}.record WHERE commit_id = ?"
        there = self._connection.execute(asked, (commit,)).fetchone()
        if there:
            for statement in _DELETIONS:
                self._connection.execute(statement, there)
            return int(there[0])
        return self._new()

    def _new(self) -> int:
        self._next += 1
        return self._next

    def _known(self) -> dict[str, dict[str, int]]:
        keys: dict[str, dict[str, int]] = {kind: {} for kind in ("param", "meta", "metric")}
        for kind, name, at in self._connection.execute(
            f"SELECT kind, name, id FROM {self._schema}.key"
        ):
            keys[kind][name] = at
        return keys

    def _insert(self, table: str, found: Sequence[Row]) -> None:
        places = ",".join("?" * _COLUMNS[table])
        statement = f"INSERT OR IGNORE INTO {self._schema}.{table} VALUES ({places})"
        self._connection.executemany(statement, found)

    def _described(self, rows: Mapping[str, list[Row]], run: Run, at: int) -> None:
        for key, value in run.params.items():
            rows["param"].append((self._key("param", key), at, *shapes.shape(value)))
        for key, value in shapes.meta_leaves(run.metadata).items():
            rows["meta"].append((self._key("meta", key), at, *shapes.shape(value)))
        for path, summary in run.metrics.items():
            rows["metric"].append((self._key("metric", path), at, *_summary(summary)))
        rows["tag"].extend((tag, at) for tag in run.tags)
        rows["note"].extend((at, place, one.t, one.text) for place, one in enumerate(run.notes))
        rows["link"].extend((commit, at) for commit in run.links)

    def _key(self, kind: str, name: str) -> int:
        found = self._keys[kind].get(name)
        if found is None:
            found = self._keys[kind][name] = sum(map(len, self._keys.values())) + 1
            statement = f"INSERT INTO {self._schema}.key VALUES (?,?,?)"
            self._connection.execute(statement, (found, kind, name))
        return found


def number(value: Any) -> float | None:
    """A number as the index holds it: a float of SQLite's, which writes NaN as NULL by itself."""
    if type(value) is float or value is None:
        return value
    if type(value) is int and -_EXACT < value < _EXACT:
        return float(value)
    return shapes.shape(records.number(value))[0]


def _run(run: Run, at: int) -> Row:
    git = run.git
    code = (git.branch, git.base, git.tree, git.dirty) if git else (None,) * 4
    return (
        at, run.commit, run.id, run.name, run.status, run.started, run.ended, run.duration_ms,
        _whole(run.exit_code), *code,
        run.user, run.host.name if run.host else None, run.group, *_command(run), run.parent_run,
    )  # fmt: skip


def _command(run: Run) -> tuple[str | None, str | None]:
    """The command line of a run as JSON, and the folder that it ran in."""
    process = run.process
    return (command(process.argv), process.cwd or ".") if process else (None, None)


def command(argv: Sequence[str]) -> str:
    """A command line as the index has it."""
    return records.encode(list(argv)).decode()


def _whole(value: int | None) -> int | None:
    """An integer of SQLite's, which has 64 bits."""
    return value if value is not None and -(1 << 63) <= value < 1 << 63 else None


def _summary(summary: records.Summary) -> Row:
    last, least, most, first = summary.last, summary.min, summary.max, summary.first
    if not (type(last) is type(least) is type(most) is type(first) is float):
        last, least, most, first = map(number, (last, least, most, first))
    steps = number(summary.min_step), number(summary.max_step)
    return (last, least, most, first, _whole(summary.count), *steps)


def _ripe(lines: Iterable[bytes], now: int) -> str | None:
    """When the earliest line from the future may count: it is then folded again."""
    ahead = records.stamp(now + records.DAY)
    times = (line[6:33].decode("ascii", "replace") for line in lines)
    future = [t for t in times if records.valid_time(t) and t > ahead]
    return records.stamp(records.micros(min(future)) - records.DAY) if future else None
