"""The index file: opened, thrown away when it is damaged, in memory where none can be written."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from git_exp import errors
from git_exp.git import notes, refs
from git_exp.git.repo import Repo
from git_exp.index import schema, state

NAME = "index.db"
PATIENCE = 10.0
# In KiB, while an index is made: less, and its pages go to disk and come back.
_CACHE = 64 << 10
# While one is asked: the rows of ten thousand runs are read but once. SQLite has 2 MiB else.
_ASKED = 16 << 10
# A note and its run fill three quarters of a smaller page, and the rest stays empty.
_PAGE = 16 << 10
Progress = Callable[[int, int], None]
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def up_to_date(repo: Repo, progress: Progress | None = None) -> sqlite3.Connection:
    """The index of a repository as its notes are now.

    Where the file cannot be used, nor made anew, it is one in memory.
    """
    failure: sqlite3.Error | None = None
    for connection, filed in _tries(repo):
        if filed and failure and _code(failure) in _BUSY:
            # Somebody holds it for longer than anyone would wait.
            connection.close()
            continue
        try:
            bring(connection, repo, progress)
            _share(connection)
        except sqlite3.DatabaseError as error:
            connection.close()
            if is_damage(error):
                discard(repo)
            failure = error
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise errors.RepositoryError(f"cannot make an index: {failure}")


def bring(connection: sqlite3.Connection, repo: Repo, progress: Progress | None = None) -> None:
    """Bring an open index up to the notes as they are now; `progress` hears done of how many."""
    if state.is_fresh(connection, repo):
        return
    from git_exp.index import catch_up

    made = state.version(connection)
    if made != schema.VERSION:
        # Nobody depends on it yet: what a power cut leaves half written is made again.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(f"PRAGMA cache_size = {-_CACHE}")
        connection.execute(f"PRAGMA page_size = {_PAGE}")
    catch_up.bring(connection, repo, progress)
    place = connection.execute("PRAGMA database_list").fetchone()[2]
    if made != schema.VERSION and place:
        with open(place, "rb") as file:
            os.fsync(file.fileno())


def is_damage(error: sqlite3.Error) -> bool:
    """Whether an error says that the file is not what git exp has written."""
    return _code(error) in _DAMAGE or "no such " in str(error)


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def discard(repo: Repo) -> None:
    """Remove the index file with all that SQLite keeps beside it: it is derived."""
    for suffix in ("", "-journal", "-wal", "-shm"):
        with suppress(OSError):
            (repo.home / f"{NAME}{suffix}").unlink()


def _tries(repo: Repo) -> Iterator[tuple[sqlite3.Connection, bool]]:
    """Connections in the order of what is best; the file twice, for the first may be damaged."""
    place = repo.home / NAME
    for _ in range(2):
        if not place.exists() and not any(refs.resolve(repo, ref) for ref in notes.REFS):
            break
        with suppress(OSError, sqlite3.OperationalError):
            yield _file(place), True
    yield _connected(":memory:"), False


def _file(place: Path) -> sqlite3.Connection:
    if os.access(place if place.exists() else place.parent.parent, os.W_OK):
        place.parent.mkdir(exist_ok=True)
        return _connected(str(place))
    # Its journal cannot be made here: only a file that nobody is at can be read as it is.
    wal = place.with_name(f"{NAME}-wal")
    still = "" if wal.exists() and wal.stat().st_size else "&immutable=1"
    return _connected(f"{place.as_uri()}?mode=ro{still}", uri=True)


def _connected(name: str, *, uri: bool = False) -> sqlite3.Connection:
    # Who asks takes turns: `Indexed` has a lock.
    connection = sqlite3.connect(
        name, timeout=PATIENCE, isolation_level=None, uri=uri, check_same_thread=False
    )
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA cache_size = {-_ASKED}")
    connection.create_function("regexp", 2, _matches, deterministic=True)
    return connection


def _matches(pattern: str, text: str | None) -> bool:
    from git_exp.query import patterns

    return patterns.matches(pattern, text)


def _share(connection: sqlite3.Connection) -> None:
    """Readers and a writer at once, and no wait for the disk at each commit.

    A power cut may then lose the newest of it, which the notes still have.
    """
    # Another process may be at it: then the next one does this.
    with suppress(sqlite3.OperationalError):
        if connection.execute("PRAGMA journal_mode").fetchone()[0] == "delete":
            connection.execute("PRAGMA busy_timeout = 0")
            connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA busy_timeout = {int(PATIENCE * 1_000)}")
    connection.execute("PRAGMA synchronous = NORMAL")
