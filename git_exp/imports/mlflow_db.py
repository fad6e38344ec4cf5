"""The database of MLflow: SQLite, read and never written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from git_exp import errors, values
from git_exp.imports import foreign, mlflow, mlruns
from git_exp.imports.foreign import Broken, Deleted, File, Found, Source
from git_exp.imports.mlflow import Recorded, Sample

_TABLES = {"experiments", "runs", "params", "metrics", "tags"}
_RUNS = """
    SELECT r.run_uuid, r.name, r.user_id, r.status, r.start_time, r.end_time, r.artifact_uri,
        e.name, 'deleted' IN (r.lifecycle_stage, coalesce(e.lifecycle_stage, ''))
    FROM runs r LEFT JOIN experiments e ON e.experiment_id = r.experiment_id
    ORDER BY r.start_time, r.run_uuid
"""
_SAMPLES = """
    SELECT timestamp, step, key, value, is_nan FROM metrics WHERE run_uuid = ?
    ORDER BY timestamp, step, key, value
"""


def opened(path: Path) -> Source:
    """Every run in the database; raises `NotFound` where it is none of MLflow's."""
    try:
        with closing(_connected(path)) as connection:
            rows = connection.execute(_RUNS).fetchall()
    except sqlite3.DatabaseError as error:
        raise errors.NotFound(
            f"cannot read '{path}': {foreign.why(error)}", hint="is it a database of MLflow?"
        ) from error
    return Source(found=_runs(path, rows), total=len(rows))


def _runs(path: Path, rows: Sequence[tuple[Any, ...]]) -> Iterator[Found]:
    with closing(_connected(path)) as connection:
        for row in rows:
            yield _run(connection, path, row)


def _connected(path: Path) -> sqlite3.Connection:
    # Where nobody is writing, nothing is to be put beside it either.
    still = "" if path.with_name(f"{path.name}-wal").exists() else "&immutable=1"
    connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro{still}", uri=True)
    connection.text_factory = _decoded
    connection.execute("PRAGMA trusted_schema = OFF")
    there = {
        name
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    }
    if missing := sorted(_TABLES - there):
        raise sqlite3.DatabaseError(f"it has no table '{missing[0]}'")
    return connection


def _run(connection: sqlite3.Connection, path: Path, row: tuple[Any, ...]) -> Found:
    run_id, name, user, status, started, ended, uri, experiment, deleted = row
    where = f"{path}: run {foreign.one_line(run_id)}"
    if deleted:
        return Deleted(id=str(run_id))
    try:
        return mlflow.run(
            Recorded(
                id=str(run_id),
                where=where,
                status=str(status),
                started=started,
                ended=ended,
                name=foreign.one_line(name),
                user=foreign.one_line(user),
                experiment=foreign.one_line(experiment),
                params=_texts(connection, "params", run_id),
                tags=_texts(connection, "tags", run_id),
                samples=lambda: _samples(path, run_id),
                files=lambda: _files(path, uri),
                more={"artifacts": foreign.one_line(uri, foreign.TEXT)},
            )
        )
    except (foreign.Unreadable, sqlite3.DatabaseError) as error:
        return Broken(where=where, why=foreign.why(error))


def _texts(connection: sqlite3.Connection, table: str, run_id: str) -> Mapping[str, str]:
    asked = f"SELECT key, value FROM {table} WHERE run_uuid = ? ORDER BY key"  # noqa: S608
    found = connection.execute(asked, (run_id,))
    return {str(key): "" if value is None else str(value) for key, value in found}


def _samples(path: Path, run_id: str) -> Iterator[Sample | Broken]:
    try:
        # Of its own: the run may be looked at when all others have been named.
        with closing(_connected(path)) as connection:
            for row in connection.execute(_SAMPLES, (run_id,)):
                yield _sample(row) or Broken(
                    where=f"run {run_id}", why=f"a bad value of '{row[2]}'"
                )
    except sqlite3.DatabaseError as error:
        raise foreign.Unreadable(foreign.why(error)) from error


def _sample(row: tuple[Any, ...]) -> Sample | None:
    ms, step, key, value, is_nan = row
    try:
        number = float("nan") if is_nan else mlflow.number(value)
        return Sample(ms=int(ms), step=int(step), key=values.quoted(str(key)), value=number)
    except (TypeError, ValueError, OverflowError):
        return None


def _files(path: Path, uri: str | None) -> Iterator[File | Broken]:
    """The artifacts of a run, where they are beside the database; others stay what they are."""
    parts = urlsplit(str(uri or ""))
    if parts.scheme not in ("", "file") or not parts.path:
        return
    root = path.resolve().parent
    folder = Path(unquote(parts.path) if parts.scheme else parts.path)
    folder = folder if folder.is_absolute() else root / folder
    if folder.resolve().is_relative_to(root):
        yield from mlruns.files(folder, root)


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
