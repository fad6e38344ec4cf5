"""Tables of runs as agent loops write them: a line each, under a header that names the columns."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from git_exp import errors
from git_exp.imports import foreign
from git_exp.imports.foreign import Broken, Code, Foreign, Found, Point, Source

LIMIT = 64 << 20
NAME = 60
_KNOWN = {
    "commit": ("commit", "sha", "git_commit", "revision"),
    "status": ("status", "state"),
    "description": ("description", "note", "notes", "comment", "message"),
    "name": ("name", "run", "run_name", "experiment"),
    "time": ("time", "timestamp", "date", "datetime", "started", "started_at", "created_at"),
}
_FAILED = ("crash", "crashed", "fail", "failed", "error", "oom", "timeout")
_DONE = ("ok", "done", "finished", "success", "completed")
_NOTHING = ("", "-", "n/a", "na", "none", "null")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf(inity)?|nan)", re.I)


class _Table(msgspec.Struct, frozen=True, kw_only=True):
    """The lines of a file by their numbers, and what their columns are for.

    `written` is when, in microseconds since 1970.
    """

    path: Path
    written: int
    columns: Sequence[str]
    roles: Mapping[str, str]
    metrics: frozenset[str]
    rows: Sequence[tuple[int, dict[str, str]]]


def opened(path: Path) -> Source:
    """The runs in a table, tab or comma separated as its header is.

    Raises `NotFound` for what is no such table.
    """
    broken, table = _read(path)
    found = itertools.chain(broken, _runs(table))
    return Source(found=found, total=len(broken) + len(table.rows))


def _runs(table: _Table) -> Iterator[Found]:
    seen: Counter[str] = Counter()
    for order, (number, row) in enumerate(table.rows):
        said = {column: text for column, text in row.items() if text}
        # The line itself is the run's id: files are moved, and grow by lines and columns.
        content = json.dumps(said, sort_keys=True)
        seen[content] += 1
        again = f"{content}#{seen[content]}" if seen[content] > 1 else content
        plain = Foreign(
            source="tsv",
            id=f"line {number} of {table.path.name}",
            run_id=foreign.identified("tsv", again),
            where=f"{table.path}:{number}",
            status="finished",
            guess=table.written,
            order=order,
        )
        yield _run(table, said, plain)


def _read(path: Path) -> tuple[list[Broken], _Table]:
    lines = _split(path)
    header = [" ".join(one.split()) for one in next(lines, (0, []))[1]]
    columns = [one.lower() for one in header]
    roles = _roles(columns)
    if len(columns) < 2 or not {"commit", "status"} & roles.keys():
        raise errors.NotFound(
            f"'{path}' is no table of runs",
            hint="its first line names the columns, of which one is commit or status",
        )
    if twice := [one for one, count in Counter(columns).items() if count > 1 or not one]:
        raise errors.NotFound(f"'{path}' has more than one column '{twice[0]}', or one of no name")
    broken: list[Broken] = []
    rows: list[tuple[int, dict[str, str]]] = []
    for number, fields in lines:
        if len(fields) == len(columns):
            row = {name: one.strip() for name, one in zip(header, fields, strict=True)}
            rows.append((number, row))
        elif fields:
            told = f"{len(fields)} field{'s' * (len(fields) != 1)}, the header has {len(columns)}"
            broken.append(Broken(where=f"{path}:{number}", why=told))
    known = {header[columns.index(one)]: role for role, one in roles.items()}
    metrics = frozenset(one for one in header if one not in known and _is_numeric(one, rows))
    return broken, _Table(
        path=path,
        written=int(path.stat().st_mtime * 1_000_000),
        columns=header,
        roles=known,
        metrics=metrics,
        rows=rows,
    )


def _split(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The lines of a file as fields, with their numbers."""
    try:
        with path.open("rb") as file:
            data = file.read(LIMIT + 1)
    except OSError as error:
        raise errors.NotFound(f"cannot read '{path}': {foreign.why(error)}") from error
    if len(data) > LIMIT:
        raise errors.NotFound(f"'{path}' has more than {LIMIT:,} bytes", hint="split it")
    text = data.decode("utf-8-sig", "surrogateescape")
    if "\t" in text.partition("\n")[0]:
        # Loops join with tabs and quote nothing: a quotation mark is one, unless it has a match.
        for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
            fields = line.removesuffix("\r").split("\t")
            yield number, [_unquoted(one) for one in fields] if line.strip() else []
        return
    reader = csv.reader(io.StringIO(text, newline=""))
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error:
            fields = ["damaged"]
        yield reader.line_num, fields


def _unquoted(field: str) -> str:
    if len(field) > 1 and field[0] == field[-1] == '"':
        return field[1:-1].replace('""', '"')
    return field


def _roles(columns: Sequence[str]) -> dict[str, str]:
    """Which column is for what: by the first of the names for it that there is."""
    found = {
        role: next((one for one in names if one in columns), None) for role, names in _KNOWN.items()
    }
    return {role: column for role, column in found.items() if column is not None}


def _is_numeric(column: str, rows: Sequence[tuple[int, dict[str, str]]]) -> bool:
    """Whether a column is a metric: most of what stands in it are numbers."""
    said = [row[column] for _, row in rows if row[column].lower() not in _NOTHING]
    return bool(said) and 2 * sum(map(_is_number, said)) > len(said)


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def _number(text: str) -> float | int:
    return int(text) if text.lstrip("+-").isdigit() and len(text) < 19 else float(text)


def _run(table: _Table, said: Mapping[str, str], plain: Foreign) -> Foreign | Broken:
    of = {role: said[column] for column, role in table.roles.items() if column in said}
    values = {name: said[name] for name in table.columns if name in table.metrics and name in said}
    measured = {name: one for name, one in values.items() if one.lower() not in _NOTHING}
    bad = next((name for name, one in measured.items() if not _is_number(one)), None)
    started = foreign.moment(of["time"]) if "time" in of else None
    if bad is not None:
        return Broken(where=plain.where, why=f"'{measured[bad][:40]}' in '{bad}' is no number")
    if "time" in of and started is None:
        return Broken(where=plain.where, why=f"'{of['time'][:40]}' is no time")
    status, tags = _status(of.get("status"))
    value = {name: _number(one) for name, one in measured.items()}
    more = {"commit": of["commit"]} if "commit" in of else {}
    others = {
        name: one for name, one in said.items() if name not in values and name not in table.roles
    }
    return msgspec.structs.replace(
        plain,
        status=status,
        started=started,
        name=_titled(of),
        code=Code(commit=of.get("commit")),
        params=others,
        more=more,
        tags=tags,
        notes=[of["description"]] if "description" in of else [],
        points=lambda: _measured(value),
    )


def _measured(value: Mapping[str, Any]) -> Iterator[Point]:
    """The one point of a line; its time is that of the run."""
    if value:
        yield Point(t=0, value=dict(value))


def _status(word: str | None) -> tuple[str, list[str]]:
    known = (word or "").lower()
    if known in _FAILED:
        return "failed", []
    return "finished", [word] if word and known not in _DONE else []


def _titled(of: Mapping[str, str]) -> str | None:
    """The name of a run: what it is called, or else how its description begins."""
    if "name" in of:
        return of["name"]
    words = foreign.one_line(of.get("description"))
    if words is None or len(words) <= NAME:
        return words
    return f"{words[:NAME].rpartition(' ')[0] or words[:NAME]}…"
