"""Tables of runs for other tools: Arrow, pandas, Parquet, CSV and JSON Lines."""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, BinaryIO

from git_exp import errors, points, records, table, values
from git_exp.points import Point
from git_exp.run import Run

KINDS = ("parquet", "csv", "jsonl")
SERIES = ("run_id", "t", "elapsed_ms", "step", "metric", "value", "rank")
GROUP = 100_000

Row = tuple[Any, ...]
Tracked = Callable[[Run], Iterable[Point]]
_INT64 = range(-(2**63), 2**63)
# All columns of runs but these are text.
_FIXED = {"started": "time", "ended": "time", "duration_ms": "float", "exit_code": "int",
          "dirty": "bool", "tags": "texts"}  # fmt: skip


def to_arrow(runs: Sequence[Run], series: Tracked | None = None) -> Any:
    """Runs as a `pyarrow.Table`, one row each; with `series`, one row for each of their points.

    The columns of runs are those of `log --csv`. Times are UTC, to the microsecond; durations are
    milliseconds. A metric is a float64 whatever it was: integers above 2**53 are rounded, those
    beyond the range of floats infinite. A param is bool, int64 or float64 if all of its values are
    and none would be changed by it, else text. Points have the columns of `SERIES`, a step as
    float64. Raises `UsageError` where `pyarrow` is not installed.
    """
    arrow = _arrow()
    if series is None:
        return _table(runs)
    groups = list(_groups(rows(runs, series)))
    return arrow.Table.from_batches(groups, schema=_series_schema())


def to_pandas(runs: Sequence[Run], series: Tracked | None = None) -> Any:
    """What `to_arrow` gives, as a `pandas.DataFrame`; integers with gaps become floats there."""
    found = to_arrow(runs, series)
    try:
        import pandas  # noqa: F401
    except ImportError:
        raise _missing("pandas") from None

    return found.to_pandas()


def write(file: BinaryIO, kind: str, runs: Iterable[Run], *, series: Tracked | None = None) -> int:
    """Write runs, or with `series` their points, as one of `KINDS`; the number of rows.

    Points are written as they are read, in constant memory.
    """
    if series is not None:
        return _WRITERS[kind](file, SERIES, rows(runs, series))
    if kind == "jsonl":
        return sum(1 for run in runs if file.write(_json(run)))
    listed = list(runs)
    if kind == "parquet":
        _parquet_module().write_table(_table(listed), file, row_group_size=GROUP)
    else:
        _csv(file, *table.exact(listed))
    return len(listed)


def rows(runs: Iterable[Run], series: Tracked) -> Iterator[Row]:
    """A row of `SERIES` for each point of these runs."""
    for run in runs:
        for one in series(run):
            yield (run.id, one.t, one.elapsed_ms, one.step, one.metric, one.value, one.rank)


def _csv(file: BinaryIO, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    text = io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(headings)
    count = 0
    for row in rows:
        writer.writerow([_cell(one) for one in row])
        count += 1
    text.detach()
    return count


def _jsonl(file: BinaryIO, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    count = 0
    for row in rows:
        file.write(_json(dict(zip(headings, row, strict=True))))
        count += 1
    return count


def _parquet(file: BinaryIO, headings: Sequence[str], rows: Iterable[Row]) -> int:
    """Points in row groups; the headings are those of the schema."""
    count = 0
    with _parquet_module().ParquetWriter(file, _series_schema()) as writer:
        for group in _groups(rows):
            writer.write_batch(group)
            count += group.num_rows
    return count


_WRITERS: dict[str, Callable[[BinaryIO, Sequence[str], Iterable[Row]], int]] = {
    "parquet": _parquet,
    "csv": _csv,
    "jsonl": _jsonl,
}


def _cell(value: Any) -> Any:
    """A field of CSV, as `log --csv` has it: numbers exact, nothing for None, lists as JSON."""
    if isinstance(value, float) and not math.isfinite(value):
        return values.plain(value)
    return table.text(value) if isinstance(value, dict | list | tuple) else value


def _json(value: Any) -> bytes:
    line = records.encode(value)
    # Only a line with null in it may have lost a NaN or an infinity.
    return (records.encode(values.plain(value)) if b"null" in line else line) + b"\n"


def _table(runs: Sequence[Run]) -> Any:
    arrow = _arrow()
    headings, found = table.exact(runs)
    columns = list(zip(*found, strict=True)) if found else [()] * len(headings)
    arrays = [_column(name, column) for name, column in zip(headings, columns, strict=True)]
    return arrow.table(arrays, names=[_text(name) for name in headings])


def _column(name: str, column: Sequence[Any]) -> Any:
    if name.startswith("metrics."):
        kind = "float"
    elif name.startswith("params."):
        kind = _kind([one for one in column if one is not None])
    else:
        kind = _FIXED.get(name, "text")
    read = _READ[kind]
    read_all = [None if one is None else read(one) for one in column]
    return _arrow().array(read_all, type=_type(kind))


def _kind(given: Sequence[Any]) -> str:
    """The type that holds all of a param's values and changes none."""
    if given and all(isinstance(one, bool) for one in given):
        return "bool"
    numbers = [records.number(one) for one in given]
    known = [one for one in numbers if one is not None]
    if not known or len(known) < len(numbers):
        return "text"
    whole = [one for one in known if isinstance(one, int)]
    if len(whole) == len(known):
        return "int" if all(one in _INT64 for one in whole) else "text"
    return "float" if all(points.number(one) == one for one in whole) else "text"


def _groups(rows: Iterable[Row]) -> Iterator[Any]:
    arrow, schema = _arrow(), _series_schema()
    waiting = iter(rows)
    while group := list(itertools.islice(waiting, GROUP)):
        run_ids, ts, elapsed, steps, metrics, found, ranks = zip(*group, strict=True)
        columns = [
            run_ids, [records.micros(t) for t in ts], elapsed, list(map(_float, steps)),
            list(map(_text, metrics)), list(map(points.number, found)), ranks,
        ]  # fmt: skip
        yield arrow.record_batch(list(map(arrow.array, columns, schema.types)), schema=schema)


def _series_schema() -> Any:
    kinds = ("text", "time", "float", "float", "text", "float", "int")
    return _arrow().schema(list(zip(SERIES, map(_type, kinds), strict=True)))


def _type(kind: str) -> Any:
    arrow = _arrow()
    return {
        "text": arrow.string(), "texts": arrow.list_(arrow.string()), "bool": arrow.bool_(),
        "int": arrow.int64(), "float": arrow.float64(), "time": arrow.timestamp("us", tz="UTC"),
    }[kind]  # fmt: skip


def _float(value: Any) -> float | None:
    known = records.number(value)
    return None if known is None else points.number(known)


def _time(value: str) -> int | None:
    return records.micros(value) if records.valid_time(value) else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and value in _INT64 else None


def _text(value: Any) -> str:
    return table.text(value).encode(errors="backslashreplace").decode()


_READ: dict[str, Callable[[Any], Any]] = {
    "text": _text, "texts": lambda value: list(map(_text, value)), "bool": bool,
    "int": _whole, "float": _float, "time": _time,
}  # fmt: skip


def _arrow() -> Any:
    try:
        import pyarrow
    except ImportError:
        raise _missing("pyarrow") from None

    return pyarrow


def _parquet_module() -> Any:
    _arrow()
    from pyarrow import parquet

    return parquet


def _missing(library: str) -> errors.UsageError:
    return errors.UsageError(
        f"tables of this kind need {library}", hint="pip install 'git-exp[data]'"
    )
