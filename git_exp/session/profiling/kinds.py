"""What a column is made of, and how its text becomes that."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec
import polars as pl

from git_exp.session.profiling.source import HEAD_ROWS, Source

# Of a column of numbers, truths or dates; text may well mean Namibia by NA.
MISSING = (
    "", "#N/A", "#NA", "<NA>", "N/A", "n/a", "NA", "NULL", "Null", "null", "NaN", "-NaN", "nan",
    "-nan", "None", "?",
)  # fmt: skip
BATCH_ROWS = 50_000
BATCH_CELLS = 1 << 20
BATCH_BYTES = 32 << 20
_DATE = "%Y-%m-%d"
_FORMATS = (
    _DATE, f"{_DATE} %H:%M:%S%.f", f"{_DATE}T%H:%M:%S%.f", f"{_DATE}T%H:%M:%S%.f%#z",
    f"{_DATE} %H:%M",
)  # fmt: skip
_DTYPES: dict[str, pl.DataType] = {
    "bool": pl.Boolean(), "int64": pl.Int64(), "float64": pl.Float64(),
}  # fmt: skip


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """The type of a column, by its name in pandas."""

    name: str
    # Read as text, and made of that here after spaces and words for nothing are gone.
    cleaned: bool = False
    # How text says a time, which no reader of polars is told.
    format: str = ""
    # Nothing in the first rows says what it is.
    empty: bool = False
    # Nested or binary: only its gaps can be counted.
    opaque: bool = False


TEXT = Kind(name="object")
EMPTY = Kind(name="object", cleaned=True, empty=True)
_TRUTH, _WHOLE, _REAL = (Kind(name=name) for name in _DTYPES)
_TIMES = tuple(Kind(name="datetime64", format=one) for one in _FORMATS)
_ALL = (_TRUTH, _WHOLE, _REAL, *_TIMES)
# What a column may be that is not what its first rows say; "object" if those say nothing.
_WIDER = {"bool": (_TRUTH,), "int64": (_WHOLE, _REAL), "float64": (_REAL,), "datetime64": _TIMES}
Kinds = dict[str, Kind]


def first(source: Source) -> Kinds:
    """The kinds of all columns by the first rows, or as Parquet declares them."""
    schema = source.schema()
    if source.form == "parquet":
        return {name: _declared(dtype) for name, dtype in schema.items()}
    if source.form == "csv":
        return _settled(source, dict.fromkeys(schema, _ALL), rows=HEAD_ROWS)
    kinds = {name: _declared(dtype) for name, dtype in schema.items()}
    kinds = {name: TEXT if kind.opaque else kind for name, kind in kinds.items()}
    texts = {name: _TIMES for name, kind in kinds.items() if kind == TEXT}
    return {**kinds, **_settled(source, texts, rows=HEAD_ROWS)}


def whole(source: Source, kinds: Kinds, only: Collection[str] | None = None) -> Kinds:
    """The kinds that hold for every row, where they were wrong about the first ones."""
    doubtful = {
        name: _WIDER.get(kind.name, _ALL if source.form == "csv" else _ALL[:3])
        for name, kind in kinds.items()
        if (kind != TEXT if only is None else name in only)
    }
    return {**kinds, **_settled(source, doubtful)}


def scanned(source: Source, kinds: Kinds) -> Iterator[pl.DataFrame]:
    """The table in batches, every column as its kind, under the names of `key`; NaN is null."""
    types = {name: _read_as(kind) for name, kind in kinds.items()}
    frame = source.scan(types).select(
        _made(source, name, kind).alias(key(at)) for at, (name, kind) in enumerate(kinds.items())
    )
    return batches(frame, source, len(kinds))


def batches(frame: pl.LazyFrame, source: Source, columns: int) -> Iterator[pl.DataFrame]:
    """A table a piece at a time; each is some MB, however many or long its columns are."""
    rows = min(BATCH_ROWS, BATCH_CELLS // columns, BATCH_BYTES // source.row_bytes)
    yield from frame.collect_batches(chunk_size=max(1, rows), engine="streaming")


def key(at: int) -> str:
    """The name of a column in a scanned table, where all names must differ."""
    return f"c{at}"


def _read_as(kind: Kind) -> pl.DataType:
    return pl.String() if kind.cleaned or kind.format else _DTYPES.get(kind.name, pl.String())


def _declared(dtype: pl.DataType) -> Kind:
    """The kind of a column that says itself what it is."""
    if dtype == pl.Null:
        return EMPTY
    if dtype == pl.Boolean:
        return _TRUTH
    if dtype.is_integer() and dtype not in (pl.Int128, pl.UInt128):
        return _WHOLE
    if dtype.is_numeric():
        return _REAL
    if dtype in (pl.Date, pl.Datetime):
        return Kind(name="datetime64")
    named = dtype in (pl.String, pl.Categorical, pl.Enum)
    return TEXT if named else Kind(name="object", opaque=True)


def _settled(
    source: Source, wanted: Mapping[str, Sequence[Kind]], rows: int | None = None
) -> Kinds:
    """Of the kinds that each column may have, the first that takes all of its values."""
    if not wanted:
        return {}
    # The text of JSON does not say whether it was quoted.
    native = source.form == "csv"
    frame = source.scan(dict.fromkeys(wanted, pl.String()), rows)
    asked = [
        each
        for at, (name, kinds) in enumerate(wanted.items())
        for each in _asked(name, str(at), kinds)
    ]
    found: Counter[str] = Counter()
    # The streaming engine would take minutes to plan as many questions as 1,000 columns have.
    for batch in batches(frame, source, len(wanted)):
        found.update(batch.select(asked).row(0, named=True))
    return {
        name: _chosen(found, str(at), kinds, native=native)
        for at, (name, kinds) in enumerate(wanted.items())
    }


def _asked(name: str, at: str, kinds: Sequence[Kind]) -> list[pl.Expr]:
    """How many values a column has, and how many of them, as they are or cleaned, fit a kind."""
    column, clean = _column(name), _cleaned(_column(name))
    asked = [column.count().alias(f"{at}.as is"), clean.count().alias(at)]
    for number, kind in enumerate(kinds):
        asked.append(_cast(clean, kind).count().alias(f"{at}.{number}"))
        asked.append(_cast(column, kind).count().alias(f"{at}.{number}.as is"))
    return asked


def _chosen(found: Counter[str], at: str, kinds: Sequence[Kind], *, native: bool) -> Kind:
    if found[at] == 0:
        return EMPTY
    for number, kind in enumerate(kinds):
        if found[f"{at}.{number}"] < found[at]:
            continue
        as_is = found[f"{at}.{number}.as is"] == found[f"{at}.as is"]
        return (
            kind
            if as_is and (native or kind.format)
            else msgspec.structs.replace(kind, cleaned=True)
        )
    return TEXT


def _column(name: str) -> pl.Expr:
    """The column of this name, though it be `*` or look like a pattern."""
    pattern = name == "*" or (name.startswith("^") and name.endswith("$"))
    return pl.col(f"^{re.escape(name)}$" if pattern else name)


def _cleaned(column: pl.Expr) -> pl.Expr:
    text = column.str.strip_chars()
    return pl.when(~text.is_in(MISSING)).then(text)


def _cast(text: pl.Expr, kind: Kind, *, strict: bool = False) -> pl.Expr:
    """Text as a kind: null where it does not fit, or if `strict`, an error."""
    if kind.format == _DATE:
        return text.str.to_date(kind.format, strict=strict)
    if kind.format:
        return text.str.to_datetime(kind.format, strict=strict, time_unit="us")
    if kind.name == "bool":
        lower, words = text.str.to_lowercase(), {"true": True, "false": False}
        if strict:
            return lower.replace_strict({**words, None: None}, return_dtype=pl.Boolean)
        return lower.replace_strict(words, default=None, return_dtype=pl.Boolean)
    return text.cast(_DTYPES[kind.name], strict=strict)


def _made(source: Source, name: str, kind: Kind) -> pl.Expr:
    column = _column(name)
    if kind.cleaned and source.form != "parquet":
        column = _cleaned(column)
    if (kind.cleaned and not kind.empty) or kind.format:
        column = _cast(column, kind, strict=True)
    if kind.name == "float64":
        return column.cast(pl.Float64).fill_nan(None)
    if kind.name == "object" and not kind.opaque:
        column = column.cast(pl.String)
        # A program that quotes every field quotes what is not there, too.
        return pl.when(column != "").then(column) if source.form == "csv" else column
    return column
