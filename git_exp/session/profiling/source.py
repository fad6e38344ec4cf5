"""A file with a table in it: its form, encoding and separator, and how polars scans it."""

from __future__ import annotations

import codecs
import glob
import gzip
import io
import json
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

import msgspec
import polars as pl

from git_exp import errors

HEAD_ROWS = 2_000
HEAD_BYTES = 1 << 20
CHUNK = 1 << 22
FORMS = {
    ".csv": "csv", ".tsv": "csv", ".tab": "csv", ".parquet": "parquet", ".pq": "parquet",
    ".jsonl": "jsonl", ".ndjson": "jsonl",
}  # fmt: skip
ANOTHER = "give a table: " + ", ".join(FORMS)
_TABS = (".tsv", ".tab")
# The longer mark first: that of UTF-32 begins like that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
WESTERN = "cp1252"
# The last is no encoding: text whose lines end as on an old Mac.
_UTF8 = ("utf-8", "utf-8-sig", "cr")


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A file that polars can read: the user's, or its copy in UTF-8."""

    path: Path
    form: str
    separator: str = ","
    # About how large a row is in the file.
    row_bytes: int = 1
    notes: tuple[str, ...] = ()

    def scan(self, types: Mapping[str, pl.DataType], rows: int | None = None) -> pl.LazyFrame:
        """The table; of JSON Lines only these columns, of CSV all, as text where these say nothing.

        Parquet has its own types, and is never asked for a number of rows.
        """
        if self.form == "parquet":
            return pl.scan_parquet(self.path, glob=False)
        if self.form == "jsonl":
            return pl.scan_ndjson(self._literal, schema=dict(types), n_rows=rows)
        return pl.scan_csv(
            self.path,
            separator=self.separator,
            schema_overrides=dict(types),
            infer_schema=False,
            n_rows=rows,
            glob=False,
        )

    def schema(self) -> dict[str, pl.DataType]:
        """The columns and types that the file's first rows have, or Parquet declares."""
        if self.form == "jsonl":
            frame = pl.scan_ndjson(self._literal, infer_schema_length=HEAD_ROWS)
        else:
            frame = self.scan({})
        return dict(frame.collect_schema())

    @property
    def _literal(self) -> str:
        """The path for the one reader of polars that always takes it for a pattern."""
        return glob.escape(str(self.path))


@contextmanager
def opened(path: Path, encoding: str | None = None) -> Iterator[Source]:
    """The file as a source while this lasts; one that is no UTF-8 is copied, a piece at a time.

    Raises `NotFound` where no file is, `UsageError` for what can be no table.
    """
    suffix = _suffix(path)
    _check(path)
    form = FORMS[suffix]
    if form == "parquet":
        yield Source(path=path, form=form, row_bytes=_row_bytes(path))
        return
    head = _head(path)
    if not head:
        raise errors.UsageError(f"cannot read '{path}': it is empty", hint=ANOTHER)
    encoding = encoding or _encoding(path, head)
    if form == "jsonl" and encoding == "utf-8" and head.startswith(codecs.BOM_UTF8):
        # In CSV polars skips the mark itself.
        encoding = "utf-8-sig"
    with _recoded(path, encoding) as readable:
        separator = "\t" if suffix in _TABS else _separator(_head(readable))
        notes = () if encoding in _UTF8 else (f"the file is read as {encoding}",)
        row_bytes = len(head) // (head.count(b"\n") or 1)
        yield Source(
            path=readable, form=form, separator=separator, row_bytes=row_bytes or 1, notes=notes
        )


def is_utf8(path: Path) -> bool:
    """Whether all of a text file is UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with _binary(path) as file:
            while piece := file.read(CHUNK):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def no_object(source: Source) -> int | None:
    """The number of the first line of JSON Lines that is no JSON object, from 1; None: no telling.

    A file that cannot be read to its end tells nothing.
    """
    with suppress(OSError, EOFError), _binary(source.path) as file:
        for at, line in enumerate(file, start=1):
            if line.strip() and not _is_object(line):
                return at
    return None


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _row_bytes(path: Path) -> int:
    """What a row of Parquet takes in memory, by the first ones."""
    head = pl.scan_parquet(path, glob=False).head(100).collect(engine="streaming")
    return max(1, int(head.estimated_size()) // max(1, head.height))


def _suffix(path: Path) -> str:
    name = path.name.lower()
    suffix = Path(name.removesuffix(".gz")).suffix
    known = FORMS.get(suffix)
    if known is None or (known == "parquet" and name.endswith(".gz")):
        raise errors.UsageError(
            f"cannot tell what kind of table '{path}' is",
            hint=f"its name should end with one of {', '.join(FORMS)}; .gz may follow on text",
        )
    return suffix


def _check(path: Path) -> None:
    if not path.exists():
        raise errors.NotFound(f"no file '{path}'", hint=f"look: ls {shlex.quote(str(path.parent))}")
    if not path.is_file():
        what = "a folder" if path.is_dir() else "no regular file"
        raise errors.UsageError(f"cannot read '{path}': it is {what}", hint=ANOTHER)
    if path.stat().st_size == 0:
        raise errors.UsageError(f"cannot read '{path}': it is empty", hint=ANOTHER)


def _binary(path: Path) -> BinaryIO:
    packed = path.name.lower().endswith(".gz")
    return cast(BinaryIO, gzip.open(path)) if packed else path.open("rb")


def _head(path: Path) -> bytes:
    try:
        with _binary(path) as file:
            return file.read(HEAD_BYTES)
    except (OSError, EOFError) as error:
        raise errors.UsageError(
            f"cannot read '{path}': {errors.said(error)}", hint=f"is it whole? {ANOTHER}"
        ) from None


def _encoding(path: Path, head: bytes) -> str:
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    if b"\0" in head:
        raise errors.UsageError(
            f"cannot read '{path}': it has NUL bytes, so it is no text",
            hint="if it is UTF-16, give it a byte order mark or make it UTF-8",
        )
    try:
        # A character may be cut by the end of the head.
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return WESTERN
    return "cr" if b"\r" in head and b"\n" not in head else "utf-8"


@contextmanager
def _recoded(path: Path, encoding: str) -> Iterator[Path]:
    """The file itself, or while this lasts a copy in UTF-8 whose lines end as polars knows."""
    if encoding == "utf-8":
        yield path
        return
    name, newline = ("utf-8", None) if encoding == "cr" else (encoding, "")
    with tempfile.TemporaryDirectory(prefix="git-exp-profile-") as folder:
        copy = Path(folder) / f"copy{_suffix(path)}"
        try:
            with _binary(path) as file, copy.open("w", encoding="utf-8", newline="") as target:
                # Bytes without a meaning in cp1252 are shown as such, and no reason to give up.
                text = io.TextIOWrapper(file, name, errors="replace", newline=newline)
                while piece := text.read(CHUNK):
                    target.write(piece)
        except (OSError, EOFError) as error:
            raise errors.UsageError(
                f"cannot read '{path}': {errors.said(error)}", hint=f"is it whole? {ANOTHER}"
            ) from None
        yield copy


def _separator(head: bytes) -> str:
    """A comma, unless the header has none and has one of the others."""
    header = head.lstrip(b"\r\n").partition(b"\n")[0]
    if b"," in header:
        return ","
    return max(";\t|", key=lambda one: header.count(one.encode())) if _splits(header) else ","


def _splits(header: bytes) -> bool:
    return any(one in header for one in (b";", b"\t", b"|"))
