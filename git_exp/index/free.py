"""SQL of the user's own over the views of the index: it reads, and not for ever."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

from git_exp import errors, merge, records
from git_exp.index import rows, schema
from git_exp.index.rows import Noted

_OPERATIONS = 20_000
# What is longer is a mistake, or meant to fill the memory or to go on for ever: time is only looked
# at between one function and the next.
_LIMITS = {sqlite3.SQLITE_LIMIT_LENGTH: 10_000_000, sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 500}
# The views that read the tables have names that no query can know: SQLite tells of a reading by
# the name of the view that it is in, which may as well be that of somebody's WITH.
_SECRET = f"view_{os.urandom(8).hex()}_"
_READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE}
_DENIED = {"load_extension", "fts3_tokenizer", "sqlite_compileoption_used", "readfile", "writefile"}


class Answer(NamedTuple):
    """What a query gives: the names of its columns, and its rows, read one by one."""

    headings: list[str]
    rows: Iterator[Sequence[Any]]


@contextmanager
def asked(
    connection: sqlite3.Connection, text: str, live: Sequence[Noted], *, seconds: float
) -> Iterator[Answer]:
    """Run one statement on the views, inside a transaction that the caller rolls back.

    Raises `UsageError` for what is no query or reads anything else.
    """
    _overlay(connection, live)
    before = {limit: connection.setlimit(limit, most) for limit, most in _LIMITS.items()}
    until = time.monotonic() + seconds
    connection.set_authorizer(_authorized)
    connection.set_progress_handler(lambda: time.monotonic() > until, _OPERATIONS)
    try:
        with _told(seconds, until):
            cursor = connection.execute(text)
            if cursor.description is None:
                raise errors.UsageError("bad SQL: no query", hint="git exp sql 'SELECT ...'")
            headings = [column[0] for column in cursor.description]
        with closing(_rows(cursor, seconds, until)) as answer:
            yield Answer(headings, answer)
    finally:
        connection.set_progress_handler(None, 0)
        connection.set_authorizer(None)
        for limit, most in before.items():
            connection.setlimit(limit, most)


def _rows(
    cursor: sqlite3.Cursor, seconds: float, until: float
) -> Generator[Sequence[Any], None, None]:
    with _told(seconds, until):
        yield from cursor


@contextmanager
def _told(seconds: float, until: float) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code == sqlite3.SQLITE_INTERRUPT and time.monotonic() <= until:
            raise KeyboardInterrupt from error
        if code == sqlite3.SQLITE_INTERRUPT:
            why = f"the query was stopped after {seconds:g} s"
            raise errors.RepositoryError(why, hint="give it longer: --timeout SECONDS") from error
        if code == sqlite3.SQLITE_CORRUPT:
            raise
        if "user-defined function" in str(error):
            why = "bad SQL: a pattern of regexp is wrong"
            raise errors.UsageError(
                why, hint="regexp 'loss_[0-9]+': the syntax is RE2's"
            ) from error
        views = f"it can read the views {', '.join(schema.VIEWS)}"
        raise errors.UsageError(f"bad SQL: {error}", hint=views) from error


def _authorized(
    action: int, name: str | None, what: str | None, place: str | None, view: str | None
) -> int:
    """Reading the views, and through them the tables; nothing else, whatever it is called."""
    if action in _READING:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION:
        return sqlite3.SQLITE_DENY if what in _DENIED else sqlite3.SQLITE_OK
    # A table-valued function, and an expression of the query's own, are in no database; of a table
    # that a view joins and takes nothing from, the column is empty and the view is not said.
    ours = (name or "").startswith(_SECRET) or (view or "").startswith(_SECRET)
    free = name in schema.VIEWS or ours or what == "" or place is None or name == "json_each"
    if action == sqlite3.SQLITE_READ and free:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _overlay(connection: sqlite3.Connection, live: Sequence[Noted]) -> None:
    """The views; with runs of the spool in the place of what of them is sealed."""
    connection.create_function("events", 1, _events, deterministic=True)
    if live:
        for statement in schema.TABLES.split(";\n")[:-1]:
            connection.execute(statement.replace("CREATE TABLE ", "CREATE TEMP TABLE "))
        rows.Writer(connection, "temp").write(live)
    for name, (columns, source) in schema.VIEWS.items():
        select = f"SELECT {columns} FROM {source.format('main')}"
        if live:
            select += " WHERE run.commit_id NOT IN (SELECT commit_id FROM temp.record)"
            select += f" UNION ALL SELECT {columns} FROM {source.format('temp')}"
        connection.execute(f"CREATE TEMP VIEW {_SECRET}{name} AS {select}")
        connection.execute(f"CREATE TEMP VIEW {name} AS SELECT * FROM {_SECRET}{name}")


def _events(lines: bytes) -> str:
    """The lines of a note as one JSON array, without those that are damaged."""
    events = ((line, records.parse(line)) for line in merge.lines(lines))
    good = (line for line, event in events if not isinstance(event, records.Damaged))
    return f"[{b','.join(good).decode(errors='replace')}]"
