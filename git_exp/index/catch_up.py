"""The index brought up to the notes as they are: cost follows what changed since the last look."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from itertools import islice

from git_exp import merge
from git_exp.git import cat, notes, refs, steps
from git_exp.git.repo import Repo
from git_exp.index import rows, schema, state
from git_exp.index.database import Progress
from git_exp.index.rows import Noted, noted

CHUNK = 1_000
BYTES = 16 << 20
_FEW = 10


def bring(connection: sqlite3.Connection, repo: Repo, progress: Progress | None) -> None:
    """Make a connection's index that of the notes ref as it stands now."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        _create(connection)
        _follow(connection, repo, progress)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _create(connection: sqlite3.Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == schema.VERSION:
        return
    kept = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    for (name,) in kept:
        quoted = name.replace('"', '""')
        connection.execute(f'DROP TABLE "{quoted}"')
    for statement in schema.TABLES.split(";\n")[:-1]:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {schema.VERSION}")


def _follow(connection: sqlite3.Connection, repo: Repo, progress: Progress | None) -> None:
    # Another process may have brought it further while this one waited for its turn.
    old = {ref: state.tip(connection, ref) for ref in notes.REFS}
    new = {ref: refs.resolve(repo, ref) for ref in notes.REFS}
    if old != new:
        for ref, changes in _steps(connection, repo, old=old, new=new).items():
            _apply(connection, repo, changes, tip=new[ref], progress=progress)
        connection.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", new.items())
    for statement in schema.INDICES.split(";\n")[:-1]:
        connection.execute(statement)
    _refold(connection, repo, new[notes.REF])


def _steps(
    connection: sqlite3.Connection,
    repo: Repo,
    *,
    old: Mapping[str, str | None],
    new: Mapping[str, str | None],
) -> dict[str, notes.Changes]:
    """What to read, by the ref of the notes; where one has to be read whole, all are."""
    steps = {
        ref: notes.changes(repo, old[ref], new[ref]) for ref in notes.REFS if old[ref] != new[ref]
    }
    if not any(changes.whole for changes in steps.values()):
        return steps
    for table in (*schema.FILLED, "record", "key"):
        connection.execute(f"DELETE FROM {table}")
    return {ref: notes.changes(repo, None, new[ref]) for ref in notes.REFS}


def _apply(
    connection: sqlite3.Connection,
    repo: Repo,
    changes: notes.Changes,
    *,
    tip: str | None,
    progress: Progress | None,
) -> None:
    places = _places(connection, changes)
    writer = rows.Writer(connection)
    for commit in [commit for commit, blobs in places.items() if not blobs]:
        writer.remove(commit)
        del places[commit]
    done, found = 0, _noted(repo, places, tip)
    while chunk := _chunk(found):
        writer.write(chunk)
        done += len(chunk)
        if progress:
            progress(done, len(places))


def _chunk(found: Iterator[Noted]) -> list[Noted]:
    """The next few notes, and no more of large ones than memory is sure to have."""
    chunk: list[Noted] = []
    size = 0
    for one in found:
        chunk.append(one)
        size += len(one.lines)
        if len(chunk) >= CHUNK or size >= BYTES:
            break
    return chunk


def _places(
    connection: sqlite3.Connection, changes: notes.Changes
) -> dict[str, dict[str, str | None]]:
    """For each commit whose note changed, where that is now: path to blob, None if not known.

    In a mixed fan-out a note is in several places, and what changed may be one of them.
    """
    places: dict[str, dict[str, str | None]] = {}
    for path in (*changes.there, *changes.gone):
        commit = path.replace("/", "")
        if commit not in places:
            before = () if changes.whole else _paths(connection, commit)
            places[commit] = dict.fromkeys(before)
    for path, blob in changes.there.items():
        places[path.replace("/", "")][path] = blob
    for path in changes.gone:
        places[path.replace("/", "")].pop(path, None)
    return places


def _paths(connection: sqlite3.Connection, commit: str) -> list[str]:
    asked = connection.execute("SELECT paths FROM record WHERE commit_id = ?", (commit,))
    found = asked.fetchone()
    return found[0].split() if found else []


def _noted(
    repo: Repo, places: Mapping[str, Mapping[str, str | None]], tip: str | None
) -> Iterator[Noted]:
    """The notes as they are now; of those in several places the union, as git joins them."""
    names = [blob or f"{tip}:{path}" for where in places.values() for path, blob in where.items()]
    texts, now = _texts(repo, names), state.micros()
    for commit, where in places.items():
        # One that cannot be read is for fsck to tell; it hides none of the others.
        read = [text for text in islice(texts, len(where)) if text is not None]
        if len(read) > 1:
            read = [merge.union(*map(merge.lines, read))]
        if read:
            yield noted(commit, " ".join(where), read[0], now=now)
        else:
            yield rows.unread(commit, " ".join(where))


def _texts(repo: Repo, names: list[str]) -> Iterator[bytes | None]:
    if len(names) > _FEW or not repo.is_open or any(":" in one for one in names):
        return cat.blobs(repo, names)
    return (steps.blob(repo, one) for one in names)


def _refold(connection: sqlite3.Connection, repo: Repo, tip: str | None) -> None:
    """Fold again what held a line from the future that is none any more, or could not be read."""
    asked = "SELECT commit_id, paths, lines FROM record WHERE ripe <= ?"
    due = connection.execute(asked, (state.now(),)).fetchall()
    lost = {commit: dict.fromkeys(paths.split()) for commit, paths, lines in due if not lines}
    found = [noted(*one, now=state.micros()) for one in due if one[2]]
    found += [one for one in _noted(repo, lost, tip) if one.run or one.lines] if lost else []
    if found:
        rows.Writer(connection).write(found)
