"""A profile of a file: its kinds by the first rows, one pass, and another where those misled."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from git_exp import errors
from git_exp.session.profile import DataProfile
from git_exp.session.profiling import kinds as of
from git_exp.session.profiling import source as files
from git_exp.session.profiling import stats, target
from git_exp.session.profiling.kinds import Kinds
from git_exp.session.profiling.source import Source
from git_exp.session.profiling.stats import Stats
from git_exp.session.profiling.tally import Column, Tally, counted

EXCERPT = 120
LISTED = 10
_CALLED = {"int64": "whole numbers", "float64": "numbers", "bool": "truths",
           "datetime64": "dates", "object": "text"}  # fmt: skip
# A damaged file can make polars panic, which is no Exception.
_FAILURES = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)


def profile(path: Path, column: str | None, target_type: str | None) -> DataProfile:
    """The profile of a file, with `target_type` for its target column unless that is None."""
    try:
        with files.opened(path) as source:
            try:
                return _profile(source, column, target_type)
            except _FAILURES as error:
                if source.form == "parquet" or source.path != path or files.is_utf8(path):
                    raise _refused(path, error, source) from None
        with files.opened(path, files.WESTERN) as source:
            try:
                return _profile(source, column, target_type)
            except _FAILURES as error:
                raise _refused(path, error, source) from None
    except _FAILURES as error:
        raise _refused(path, error) from None


def _refused(path: Path, error: BaseException, source: Source | None = None) -> errors.UsageError:
    """The refusal of a file that polars cannot read; it does not say which line of JSON is none."""
    if source and source.form == "jsonl" and (at := files.no_object(source)):
        return errors.UsageError(
            f"cannot read '{path}': line {at} is no JSON object", hint='{"column": value, ...}'
        )
    return errors.UsageError(
        f"cannot read '{path}': {_why(error)}", hint=f"is it whole? {files.ANOTHER}"
    )


def _profile(source: Source, column: str | None, target_type: str | None) -> DataProfile:
    kinds = of.first(source)
    names = _names(source, list(kinds))
    if not names:
        raise errors.UsageError("cannot profile a table without columns", hint=files.ANOTHER)
    wanted = _target(names, column)
    kinds, tally, notes = _counted(source, kinds, wanted)
    notes = [*source.notes, *_renamed(names), *notes, *_opaque(kinds)]
    notes += [] if tally.rows else ["it has no rows"]
    shown = {names[name]: one for name, one in tally.columns.items()}
    found: Stats = {}
    kind = None
    if column is not None:
        kind = target_type or target.kind(shown[column])
        found = (target.classes if kind == "categorical" else target.spread)(shown[column], tally)
        notes += _doubts(column, shown[column], kind)
    return _described(shown, tally, {
        "target_column": column, "target_type": kind, "target_stats": found, "notes": notes,
    })  # fmt: skip


def _counted(source: Source, kinds: Kinds, wanted: str | None) -> tuple[Kinds, Tally, list[str]]:
    """The tally of a file, read again where its first rows have misled."""
    try:
        tally = counted(source, kinds, wanted)
    except pl.exceptions.PolarsError:
        if source.form == "parquet":
            raise
        settled = of.whole(source, kinds)
        if settled == kinds:
            raise
        return settled, counted(source, settled, wanted), _misled(source, kinds, settled)
    late = [
        name
        for name, one in tally.columns.items()
        if one.kind.empty and one.missing < tally.rows and source.form != "parquet"
    ]
    settled = of.whole(source, kinds, late) if late else kinds
    if settled == kinds:
        return kinds, tally, []
    return settled, counted(source, settled, wanted), []


def _described(shown: dict[str, Column], tally: Tally, rest: dict[str, object]) -> DataProfile:
    rows = tally.rows
    missing = {name: one.missing for name, one in shown.items()}
    numbers = [name for name, one in shown.items() if one.moments]
    words = [name for name, one in shown.items() if one.is_categorical]
    fields = {
        "n_rows": rows,
        "n_columns": len(shown),
        "columns": list(shown),
        "column_types": {name: one.kind.name for name, one in shown.items()},
        "numeric_columns": numbers,
        "categorical_columns": words,
        "missing_values": missing,
        "missing_percentages": {
            name: 100 * count / rows if rows else 0.0 for name, count in missing.items()
        },
        "numeric_stats": {name: stats.numeric(shown[name], tally.sample) for name in numbers},
        "categorical_stats": {
            name: stats.categorical(shown[name], tally.sample, rows) for name in words
        },
        "datetime_stats": {name: stats.times(one) for name, one in shown.items() if one.span},
    }
    return DataProfile(**fields, **rest)  # type: ignore[arg-type]


def _names(source: Source, keys: list[str]) -> dict[str, str]:
    """What columns are called: those of CSV that have no name, or another's, as pandas does."""
    if source.form != "csv":
        return {key: key for key in keys}
    named: dict[str, str] = {}
    for at, key in enumerate(keys):
        first, repeated, number = key.rpartition("_duplicated_")
        again = bool(repeated) and first in named and number.isdecimal()
        plain = f"{named[first]}.{int(number) + 1}" if again else key
        if not (first if again else key):
            plain = f"Unnamed: {at}"
        named[key] = key if plain in keys else plain
    return named


def _target(names: dict[str, str], column: str | None) -> str | None:
    """The target by its name in the file."""
    if column is None:
        return None
    for key, name in names.items():
        if name == column:
            return key
    listed = [_excerpt(name) for name in names.values()][:LISTED]
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    raise errors.NotFound(
        f"no column '{_excerpt(column)}'", hint=f"there are {', '.join(listed)}{more}"
    )


def _renamed(names: dict[str, str]) -> list[str]:
    return [
        f"column {at} has {'no name' if name.startswith('Unnamed: ') else 'the name of another'}"
        f": it is called '{_excerpt(name)}'"
        for at, (key, name) in enumerate(names.items(), start=1)
        if key != name
    ]


def _misled(source: Source, before: Kinds, after: Kinds) -> list[str]:
    names = _names(source, list(before))
    return [
        f"column '{_excerpt(names[name])}' begins as {_CALLED[before[name].name]} and has other "
        f"values further on: it is read as {_CALLED[kind.name]}"
        for name, kind in after.items()
        if kind.name != before[name].name and not before[name].empty
    ]


def _opaque(kinds: Kinds) -> list[str]:
    return [
        f"column '{_excerpt(name)}' is nested or binary: only its missing values are counted"
        for name, kind in kinds.items()
        if kind.opaque
    ]


def _doubts(name: str, column: Column, kind: str) -> list[str]:
    """What makes a target a doubtful one."""
    if column.kind.opaque:
        return [f"target '{_excerpt(name)}' is neither numbers nor text"]
    if kind == "numeric" and column.moments is None:
        return [f"target '{_excerpt(name)}' is to be numeric and is no column of numbers"]
    if kind == "categorical" and target.kind(column) == "numeric":
        count = stats.unique(column)
        return [f"target '{_excerpt(name)}' is to be classes and has {count:,} different numbers"]
    return []


def _why(error: BaseException) -> str:
    """What polars says, without the advice and with little of the file."""
    text = str(error)
    if "more fields than defined" in text:
        return "a line has more fields than the header"
    if isinstance(error, pl.exceptions.NoDataError):
        return "there is nothing in it"
    lines = text.strip().splitlines()
    return _excerpt(lines[0]) if lines else type(error).__name__


def _excerpt(text: str) -> str:
    shown = "".join(one if one.isprintable() else "?" for one in text[:EXCERPT])
    return shown + "..." if len(text) > EXCERPT else shown
