"""Runs of exprag: a file of JSON lines each, and a branch of git for those of changed worktrees."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from git_exp import errors, mask, records, spool, values
from git_exp.imports import foreign
from git_exp.imports.foreign import Broken, Code, Foreign, Found, Point, Source

LINE = 16 << 20
# Milliseconds of thirty thousand years.
_LONGEST = 1e15
_KINDS = ("kind", "event", "type")
_TIMES = ("created_at", "time", "timestamp", "wall_time", "wall_clock", "t")
_NAMES = ("experiment_name", "name")


def opened(place: Path) -> Source:
    """The runs in a folder: `.exprag`, its `runs`, or the project that `.exprag` is in.

    Raises `NotFound` where there are none.
    """
    folders = [place / ".exprag" / "runs", place / "runs", place]
    folder = next((one for one in folders if any(one.glob("*.jsonl"))), None)
    if folder is None:
        raise errors.NotFound(
            f"no runs of exprag in '{place}'", hint="name its folder .exprag, or the one above"
        )
    paths = sorted(folder.glob("*.jsonl"))
    return Source(found=_runs(paths, folder.resolve()), total=len(paths))


def _runs(paths: Sequence[Path], root: Path) -> Iterator[Found]:
    for path in paths:
        try:
            yield from _run(foreign.inside(path, root))
        except (foreign.Unreadable, OSError) as error:
            yield Broken(where=str(path), why=foreign.why(error))


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a file: its number, and the record in it or what is wrong with it."""

    number: int
    record: Mapping[str, Any] = {}
    wrong: str | None = None

    def said(self, *names: str) -> Any:
        """What stands under the first of some names that there is."""
        found = (self.record.get(name) for name in names)
        return next((one for one in found if one is not None), None)

    def flat(self) -> _Line:
        """A line whose record has what stands in its value beside the rest."""
        return _Line(number=self.number, record={**_mapping(self.said("value")), **self.record})


def _run(path: Path) -> Iterator[Found]:
    with path.open("rb") as file:
        before: list[_Line] = []
        for line in _lines(file):
            if line.said(*_KINDS) == "run_start":
                break
            before.append(line)
        else:
            raise foreign.Unreadable("no run_start in it")
    for one in before:
        yield Broken(where=f"{path}:{one.number}", why=one.wrong or "it is before the run_start")
    yield _started(path, line.flat())


def _started(path: Path, line: _Line) -> Foreign:
    said = foreign.one_line(line.said("run_id"))
    started = foreign.moment(line.said(*_TIMES))
    if said is None or started is None:
        raise foreign.Unreadable(f"no {'run_id' if said is None else 'time'} in its run_start")
    host, process = _mapping(line.said("host")), _mapping(line.said("process"))
    if _is_running(host, process, started):
        raise foreign.Unreadable(f"process {process['pid']} still runs: import it at its end")
    more = {"end": "not recorded"}
    git = _mapping(line.said("git"))
    if text := foreign.one_line(git.get("commit")):
        more["commit"] = text
    return Foreign(
        source="exprag",
        id=said,
        run_id=foreign.identified("exprag", said),
        where=str(path),
        # It has no word for the end of a run: what it has is as good as finished.
        status="finished",
        started=started,
        name=foreign.one_line(line.said(*_NAMES)),
        user=foreign.one_line(host.get("username")),
        host=_host(host),
        process=_process(process),
        code=_code(git, said),
        metadata=_described(line.said("metadata")),
        more=more,
        points=lambda: _points(path, said, line.number),
    )


def _points(path: Path, run_id: str, start: int) -> Iterator[Point | Broken]:
    try:
        with path.open("rb") as file:
            for line in _lines(file):
                if line.number > start:
                    yield _point(line, path, run_id)
    except OSError as error:
        raise foreign.Unreadable(foreign.why(error)) from error


def _point(line: _Line, path: Path, run_id: str) -> Point | Broken:
    t = foreign.moment(line.said(*_TIMES))
    kind = line.said(*_KINDS)
    if line.wrong is not None:
        why = line.wrong
    elif kind != "track":
        why = f"a record that is no track: {foreign.one_line(kind)}"
    elif line.record.get("run_id", run_id) != run_id:
        why = "it is of another run"
    elif t is None:
        why = "it has no time"
    else:
        note, elapsed = line.record.get("note"), records.number(line.record.get("elapsed_ms"))
        return Point(
            t=t,
            value=line.record.get("value"),
            note=note if isinstance(note, str) else None,
            elapsed_ms=None if elapsed is None or abs(elapsed) > _LONGEST else float(elapsed),
        )
    return Broken(where=f"{path}:{line.number}", why=why)


def _lines(file: BinaryIO) -> Iterator[_Line]:
    number = 0
    while raw := file.readline(LINE):
        number += 1
        if len(raw) == LINE and not raw.endswith(b"\n"):
            while len(raw) == LINE and not raw.endswith(b"\n"):
                raw = file.readline(LINE)
            yield _Line(number=number, wrong=f"it has more than {LINE:,} bytes")
        elif raw.strip():
            yield _parsed(number, raw)


def _parsed(number: int, raw: bytes) -> _Line:
    try:
        # Unlike ours this reads NaN, which other writers of such files leave there.
        record = json.loads(raw)
    except (ValueError, RecursionError):
        return _Line(number=number, wrong="it is no JSON")
    if not isinstance(record, dict):
        return _Line(number=number, wrong="it is no JSON object")
    return _Line(number=number, record=record)


def _code(git: Mapping[str, Any], run_id: str) -> Code:
    dirty = git.get("dirty")
    status = git.get("status")
    lines = status.splitlines() if isinstance(status, str) else status
    branch = foreign.one_line(git.get("branch"))
    snapshot = dirty is True and values.is_run_id(run_id)
    return Code(
        commit=foreign.one_line(git.get("commit")),
        # Of a changed worktree it names the branch that it made, not the user's.
        branch=None if branch == f"run/{run_id}" else branch,
        exact=dirty is False or snapshot,
        snapshot=f"exprag: snapshot run {run_id}" if snapshot else None,
        tip=f"refs/heads/run/{run_id}" if snapshot else None,
        status=[str(one) for one in lines] if isinstance(lines, list) else [],
    )


def _described(metadata: Any) -> Mapping[str, Any]:
    if isinstance(metadata, dict):
        return metadata
    return {} if metadata is None else {"metadata": metadata}


def _host(said: Mapping[str, Any]) -> records.Host | None:
    name = foreign.one_line(said.get("hostname", said.get("name")))
    if name is None:
        return None
    system, cpus = foreign.one_line(said.get("os")), _count(said.get("cpu_count"))
    return records.Host(name=name, os=system, cpu_count=cpus)


def _process(said: Mapping[str, Any]) -> records.Process | None:
    pid, argv = _count(said.get("pid")), said.get("argv")
    if pid is None:
        return None
    words = [values.quoted(str(one)) for one in argv] if isinstance(argv, list) else []
    return records.Process(pid=pid, argv=mask.argv(words))


def _is_running(host: Mapping[str, Any], process: Mapping[str, Any], started: int) -> bool:
    """Whether the process that writes a run is still there: the rest of it would not be taken."""
    pid = _count(process.get("pid"))
    if pid is None or host.get("hostname") != platform.node():
        return False
    ticks = spool.born(pid)
    if not ticks.isdigit():
        return False
    boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    # A pid that was given again is of a process that is younger than the run.
    return boot + int(ticks) / os.sysconf("SC_CLK_TCK") < started / 1e6 + 1


def _count(said: Any) -> int | None:
    return said if isinstance(said, int) and 0 < said < 1 << 31 else None


def _mapping(said: Any) -> Mapping[str, Any]:
    return said if isinstance(said, dict) else {}
