"""Rows and columns of an answer: what every screen shows of runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from git_exp import errors, query, records, values
from git_exp.run import Run

NOTHING = "-"
DIRTY = "*"
PARTIAL = "!"
# The colour of each kind of cell, and that of a status.
STYLES = {"id": "yellow", "mark": "red", "age": "dim", "param": "cyan", "best": "bold"}
STATUSES = {"failed": "red", "crashed": "red", "lost": "red", "interrupted": "yellow",
            "running": "green"}  # fmt: skip

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_TOKEN = re.compile(
    r"%(?:\((?P<long>[^()]*(?:\([^()]*\))?[^()]*)\)|x(?P<hex>[0-9a-fA-F]{2})|(?P<short>a[rI]|.)|$)",
    re.DOTALL,
)


class Column(NamedTuple):
    """A column: its heading, what kind of thing stands in it, and whether it is numbers."""

    heading: str
    kind: str
    right: bool = False


class Table(NamedTuple):
    """Rows of text below columns, not yet escaped, coloured or cut to any width."""

    columns: list[Column]
    rows: list[list[str]]


def overview(runs: Sequence[Run], now: int) -> Table:
    """What `log` shows of runs; `now` in microseconds since 1970."""
    told, paths = _told_params(runs), metric_paths(runs)
    params = {key: texts for key, texts in told.items() if len(set(texts)) > 1}
    marks = list(map(mark, runs))
    marked = any(marks)
    columns = [
        Column("ID", "id"), *([Column("", "mark")] if marked else []), Column("AGE", "age"),
        Column("NAME", "name"), Column("STATUS", "status"),
        *(Column(f"param:{key}" if key in paths else key, "param", True) for key in params),
        *(Column(path, "metric", True) for path in paths),
    ]  # fmt: skip
    cells = [
        [query.short(run.id) or NOTHING for run in runs], *([marks] if marked else []),
        [age(run.started, now) for run in runs], [run.name or NOTHING for run in runs],
        [run.status for run in runs],
        *([NOTHING if one is None else one for one in texts] for texts in params.values()),
        *([_last(run, path) for run in runs] for path in paths),
    ]  # fmt: skip
    return Table(columns, list(map(list, zip(*cells, strict=True))))


def exact(runs: Sequence[Run]) -> tuple[list[str], list[list[Any]]]:
    """Headings and rows with all that is a scalar of a run, exact; None where there is nothing."""
    params = list(dict.fromkeys(key for run in runs for key in run.params))
    paths = metric_paths(runs)
    headings = [
        *_FIELDS,
        *(f"params.{key}" for key in params),
        *(f"metrics.{path}" for path in paths),
    ]
    rows = [
        [
            *(field(run) for field in _FIELDS.values()),
            *(run.params.get(key) for key in params),
            *(query.Measure(path).of(run) for path in paths),
        ]
        for run in runs
    ]
    return headings, rows


def facts(run: Run, now: int) -> list[tuple[str, str]]:
    """What `show` says of a run above its params and metrics: labels and words."""
    git, process = run.git, run.process
    told = {
        "Name": run.name,
        "Status": _outcome(run),
        "Started": _when(run.started, now),
        "Command": _command(run),
        "Folder": process.cwd if process and process.cwd != "." else None,
        "User": run.user,
        "Host": _host(run.host),
        "Python": process.python if process else None,
        "Commit": run.commit,
        "Base": _joined(run.base, git.branch and f"on {git.branch}") if git else None,
        "Remote": git.remote if git else None,
        "Tags": ", ".join(run.tags),
        "Group": run.group,
        "Parent": run.parent_run,
        "Derived": git.derived if git else None,
        "Joined": _joined(*(f"{one.process.pid}" for one in run.joined if one.process)),
        "Commits": ", ".join(run.links),
        "Usage": ", ".join(f"{key} {number(value)}" for key, value in run.usage.items()),
        "Error": _joined(run.error.type, run.error.message, by=": ") if run.error else None,
    }
    return [(label, words) for label, words in told.items() if words]


def params(run: Run) -> list[tuple[str, str]]:
    """The params of a run, exact; `!` marks one that was given several values."""
    return [
        (f"{key} {PARTIAL}" if key in run.conflicts else key, text(value))
        for key, value in run.params.items()
    ]


def metrics(run: Run, sparklines: Mapping[str, str], ways: Mapping[str, bool]) -> Table:
    """First, best and its step, last, and the course of each; `ways`: is more of it better?"""
    columns = [
        Column("METRIC", "name"), Column("FIRST", "metric", True), Column("BEST", "best", True),
        Column("AT", "step", True), Column("LAST", "metric", True), Column("", "course"),
    ]  # fmt: skip
    higher = {path: query.higher_is_better(path, ways) for path in run.metrics}
    found = [_metric(run, path, higher=higher[path]) for path in run.metrics]
    rows = [[*row, sparklines.get(row[0], "")] for row in found]
    return Table(columns, rows)


def left_out(run: Run) -> list[tuple[str, str]]:
    """The files that a snapshot does not hold and why: those first that should be in it."""
    git = run.git
    if git is None:
        return []
    pairs = [(one.path, "submodule with changes") for one in git.submodules if one.dirty]
    for files, count in ((git.missed, git.missed_count), (git.skipped, git.skipped_count)):
        pairs += [(one.path, _why(one)) for one in files]
        if count and count > len(files):
            pairs.append((f"and {count - len(files)} more", ""))
    return pairs


def artifact(one: records.Artifact) -> str:
    """A file that a run made: its path, its size, and where it is unless it is here."""
    where = "" if one.stored else f", {one.uri or 'not stored'}"
    return f"{one.path} ({size(one.size)}{where})"


def style(text: str, kind: str) -> str:
    """The style of a cell of a kind, such as "bold red"; plain where it has none."""
    return STATUSES.get(text.strip(), "") if kind == "status" else STYLES.get(kind, "")


def oneline(run: Run) -> list[tuple[str, str]]:
    """One run in one line: pieces of text, each with its kind."""
    pieces = [(query.short(run.id), "id"), (mark(run) or " ", "mark"), (f" {run.name}", "name")]
    if run.status != "finished":
        pieces.append((f" {run.status}", "status"))
    pieces += [(f" {path}={_last(run, path)}", "metric") for path in run.metrics]
    return pieces


def differing_params(runs: Sequence[Run]) -> list[str]:
    """The params that are not the same in all runs, in the order in which they first appear."""
    return [key for key, texts in _told_params(runs).items() if len(set(texts)) > 1]


def metric_paths(runs: Sequence[Run]) -> list[str]:
    """The metrics of these runs: what most of them have comes first."""
    counts: dict[str, int] = {}
    for run in runs:
        for path in run.metrics:
            counts[path] = counts.get(path, 0) + 1
    return sorted(counts, key=lambda path: -counts[path])


def mark(run: Run) -> str:
    """`!` for a snapshot that holds less than what ran, `*` for code that no commit held."""
    if run.partial:
        return PARTIAL
    return DIRTY if run.dirty else ""


def age(t: str, now: int) -> str:
    """How long ago a time is, in git's words and with git's rounding."""
    if not records.valid_time(t):
        return NOTHING
    seconds = (now - records.micros(t)) // 1_000_000
    if seconds < 0:
        return "in the future"
    if seconds < 90:
        return _ago(seconds, "second")
    for unit, size, limit in (("minute", _MINUTE, 90), ("hour", _HOUR, 36), ("day", _DAY, 14)):
        count = (seconds + size // 2) // size
        if count < limit:
            return _ago(count, unit)
    return _long_ago((seconds + _DAY // 2) // _DAY)


def duration(milliseconds: float | None) -> str:
    """A length of time in two units at most: `830 ms`, `12.4 s`, `3 min 20 s`, `5 h 02 min`."""
    if milliseconds is None:
        return NOTHING
    if milliseconds < 1_000:
        return f"{milliseconds:.0f} ms"
    if milliseconds < 59_950:
        return f"{milliseconds / 1_000:.1f} s"
    seconds = round(milliseconds / 1_000)
    if seconds < _HOUR:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    if seconds < _DAY:
        return f"{seconds // _HOUR} h {seconds % _HOUR // 60:02d} min"
    return f"{seconds // _DAY} d {seconds % _DAY // _HOUR:02d} h"


def size(count: int | None) -> str:
    """A number of bytes, in binary units."""
    if count is None:
        return NOTHING
    amount, units = float(count), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while amount >= 1_024 and len(units) > 1:
        amount, units = amount / 1_024, units[1:]
    return f"{amount:.4g} {units[0]}"


def number(value: Any) -> str:
    """A metric to four significant digits; whole numbers whole."""
    known = records.number(value)
    if known is None:
        return NOTHING if value is None else text(value)
    if isinstance(known, int):
        return str(known)
    if 10_000 <= abs(known) < 1e15:
        return f"{known:.0f}"
    return f"{known:.4g}"


def text(value: Any) -> str:
    """A param or any other recorded value, exact: text as it is, all else as JSON."""
    plain = values.plain(value)
    return plain if isinstance(plain, str) else msgspec.json.encode(plain).decode()


def template(form: str) -> Callable[[Run, int, Callable[[str], str]], str]:
    """What `--format` asks for, ready to be filled: with a run, the time, and how to clean text.

    Raises `UsageError`, which lists the placeholders, for one that is not known.
    """
    parts: list[str | Callable[[Run, int], str]] = []
    end = 0
    for found in _TOKEN.finditer(form):
        parts += [form[end : found.start()], _placeholder(found)]
        end = found.end()
    parts.append(form[end:])

    def filled(run: Run, now: int, clean: Callable[[str], str]) -> str:
        return "".join(one if isinstance(one, str) else clean(one(run, now)) for one in parts)

    return filled


def _ago(count: int, unit: str) -> str:
    return f"{count} {unit}{'' if count == 1 else 's'} ago"


def _long_ago(days: int) -> str:
    if days < 70:
        return _ago((days + 3) // 7, "week")
    if days < 365:
        return _ago((days + 15) // 30, "month")
    if days >= 1_825:
        return _ago((days + 183) // 365, "year")
    years, months = divmod((days * 12 * 2 + 365) // (365 * 2), 12)
    if not months:
        return _ago(years, "year")
    return f"{years} year{'' if years == 1 else 's'}, {_ago(months, 'month')}"


def _why(one: records.Skipped) -> str:
    return one.reason if one.size is None else f"{one.reason}, {size(one.size)}"


def _metric(run: Run, path: str, *, higher: bool) -> list[str]:
    known = run.metrics[path]
    best, at = (known.max, known.max_step) if higher else (known.min, known.min_step)
    step = NOTHING if at is None else number(at)
    return [path, number(known.first), number(best), step, number(known.last)]


def _outcome(run: Run) -> str:
    code = f"exit code {run.exit_code}" if run.exit_code else None
    after = None if run.duration_ms is None else f"after {duration(run.duration_ms)}"
    return _joined(run.status, code, after, by=", ") or ""


def _when(t: str, now: int) -> str | None:
    return f"{t[:10]} {t[11:19]} UTC, {age(t, now)}" if records.valid_time(t) else None


def _host(host: records.Host | None) -> str | None:
    if host is None:
        return None
    count = f"{host.cpu_count} CPUs" if host.cpu_count else None
    return _joined(host.name, host.os, count, size(host.memory) if host.memory else None, by=", ")


def _joined(*words: str | None, by: str = " ") -> str | None:
    return by.join(word for word in words if word) or None


def _last(run: Run, path: str) -> str:
    return number(run.metrics[path].last) if path in run.metrics else NOTHING


def _told_params(runs: Sequence[Run]) -> dict[str, list[str | None]]:
    """What each run says of each param that one of them has."""
    keys = dict.fromkeys(key for run in runs for key in run.params)
    return {
        key: [text(run.params[key]) if key in run.params else None for run in runs] for key in keys
    }


def _exactly(value: Any) -> str:
    """A value for a script: empty where there is none."""
    return "" if value is None else text(value)


def _command(run: Run) -> str | None:
    import shlex

    return shlex.join(run.process.argv) if run.process else None


_FIELDS: dict[str, Callable[[Run], Any]] = {
    "id": lambda run: run.id,
    "name": lambda run: run.name,
    "status": lambda run: run.status,
    "started": lambda run: run.started,
    "ended": lambda run: run.ended,
    "duration_ms": lambda run: run.duration_ms,
    "exit_code": lambda run: run.exit_code,
    "commit": lambda run: run.commit,
    "base": lambda run: run.base,
    "branch": lambda run: run.git.branch if run.git else None,
    "dirty": lambda run: run.git.dirty if run.git else None,
    "capture": lambda run: run.git.capture if run.git else None,
    "parent": lambda run: run.parent_run,
    "group": lambda run: run.group,
    "tags": lambda run: run.tags or None,
    "user": lambda run: run.user,
    "host": lambda run: run.host.name if run.host else None,
    "command": _command,
}


def _timeless(field: Callable[[Run], Any]) -> Callable[[Run, int], Any]:
    return lambda run, _: field(run)


_PLACES: dict[str, Callable[[Run, int], Any]] = {
    **{name: _timeless(field) for name, field in _FIELDS.items()},
    "tags": lambda run, _: ",".join(run.tags),
    "short": lambda run, _: query.short(run.id),
    "age": lambda run, now: age(run.started, now),
    "duration": lambda run, _: "" if run.duration_ms is None else duration(run.duration_ms),
    "mark": lambda run, _: mark(run),
    "error": lambda run, _: run.error and run.error.type,
}
_LETTERS = {
    "H": "id", "h": "short", "n": "name", "s": "status", "c": "commit", "b": "base",
    "t": "tags", "aI": "started", "ar": "age", "d": "duration",
}  # fmt: skip
PLACEHOLDERS = [
    *(f"%{letter}" for letter in _LETTERS), "%%", "%xNN",
    *(f"%({name})" for name in _PLACES), "%(metric:NAME)", "%(param:NAME)",
]  # fmt: skip


def _placeholder(found: re.Match[str]) -> str | Callable[[Run, int], str]:
    if found["hex"]:
        return chr(int(found["hex"], 16))
    if found["short"] == "%":
        return "%"
    name = _LETTERS.get(found["short"], "") if found["short"] else found["long"] or ""
    kind, _, key = name.partition(":")
    if kind == "metric" and key:
        wanted = query.measure(key)
        return lambda run, _: _exactly(wanted.of(run))
    if kind == "param" and key:
        return lambda run, _: _exactly(run.params.get(key))
    if name not in _PLACES:
        known = ", ".join(PLACEHOLDERS)
        raise errors.UsageError(f"unknown placeholder '{found[0]}' in --format", hint=known)
    place = _PLACES[name]
    return lambda run, now: _exactly(place(run, now))
