"""How far the index has come: the notes commit that it knows, and what is due to be read again."""

from __future__ import annotations

import sqlite3
import time

from git_exp import records
from git_exp.git import notes, refs
from git_exp.git.repo import Repo
from git_exp.index import schema


def is_fresh(connection: sqlite3.Connection, repo: Repo) -> bool:
    """Whether the index says what the notes say now."""
    if version(connection) != schema.VERSION:
        return False
    if any(tip(connection, ref) != refs.resolve(repo, ref) for ref in notes.REFS):
        return False
    due = connection.execute("SELECT 1 FROM record WHERE ripe <= ? LIMIT 1", (now(),))
    return due.fetchone() is None


def version(connection: sqlite3.Connection) -> int:
    """The number of the tables that are there, 0 where there are none."""
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return found


def tip(connection: sqlite3.Connection, ref: str) -> str | None:
    """The commit of a notes ref that the index was last brought up to."""
    found = connection.execute("SELECT value FROM state WHERE name = ?", (ref,)).fetchone()
    return found[0] if found else None


def micros() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1_000


def now() -> str:
    """The time as records have it."""
    return records.stamp(micros())
