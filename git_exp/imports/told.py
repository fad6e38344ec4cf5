"""The records of a run of another tool: its journal line by line, as if it had run here."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

import msgspec

from git_exp import errors, metrics, records, starting, values
from git_exp.imports import foreign
from git_exp.imports.foreign import Broken, Foreign
from git_exp.run import Run

Report = Callable[[Broken], None]
Kept = Iterable[records.Artifact | Broken]


class Clock:
    """Times of records: those of the source, each later than the one before."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.last = start

    def at(self, micros: int) -> str:
        """The time of the next record, which happened then."""
        self.last = max(micros, self.last + 1)
        return records.stamp(self.last)

    def next(self) -> str:
        """The time of a record of which is only known that it comes next."""
        return self.at(self.last + 1)


def horizon() -> int:
    """The latest time that a record can have: what is after it is damage to all who read it."""
    return time.time_ns() // 1000 + records.DAY


def start(run: Foreign, began: int, git: records.Git, *, more: dict[str, Any]) -> records.RunStart:
    """The first record of a run; raises `Unencodable` for what no record can hold."""
    known = {"from": run.source, "id": run.id, **run.more, **more}
    tags = [line for one in run.tags if (line := foreign.one_line(one))]
    made = records.RunStart(
        t=records.stamp(began),
        v=records.VERSION,
        run_id=run.run_id,
        name=foreign.named(run.name, run.run_id),
        metadata=values.plain({**run.metadata, "imported": known}, ("metadata",)),
        params=starting.params(run.params),
        tags=list(dict.fromkeys(tags)),
        group=foreign.one_line(run.group),
        parent_run=run.parent,
        process=run.process,
        host=run.host,
        user=foreign.one_line(run.user),
        git=git,
    )
    records.line(made)
    return made


def journal(
    run: Foreign, first: records.RunStart, kept: Kept, *, report: Report
) -> Iterator[bytes]:
    """Every line of a run's journal; what is broken among its points and files is reported."""
    clock = Clock(records.micros(first.t))
    yield _writer(run, first.git.commit if first.git else "", clock)
    yield records.line(first)
    fold = metrics.Fold()
    yield from _series(run, clock, fold, report=report)
    for artifact in kept:
        if isinstance(artifact, Broken):
            report(artifact)
        else:
            yield records.line(msgspec.structs.replace(artifact, t=clock.next()))
    for text in run.notes:
        yield records.line(records.Note(t=clock.next(), text=values.quoted(text)))
    yield records.line(_end(run, clock, fold))


def rest(
    run: Foreign, here: Run, kept: Kept, *, series: Collection[bytes], report: Report
) -> Iterator[bytes]:
    """The lines of a journal that tells what came of a run since it is here: at last its end.

    `series` are the lines of its series that are here, without line feeds.
    """
    start = records.RunStart(t=here.started, v=records.VERSION, run_id=run.run_id, git=here.git)
    files = {(one.path, one.size, one.sha256) for one in here.artifacts}
    notes = {one.text for one in here.notes}
    new = msgspec.structs.replace(
        run, notes=[text for text in run.notes if values.quoted(text) not in notes]
    )
    unknown = (
        one
        for one in kept
        if isinstance(one, Broken) or (one.path, one.size, one.sha256) not in files
    )
    for line in journal(new, start, unknown, report=report):
        if not records.is_kind(line, b"run_start") and line[:-1] not in series:
            yield line


def _writer(run: Foreign, commit: str, clock: Clock) -> bytes:
    writer = starting.writer(run.run_id, commit, owner=True, rank=0)
    return records.line(msgspec.structs.replace(writer, t=records.stamp(clock.start)))


def _series(run: Foreign, clock: Clock, fold: metrics.Fold, *, report: Report) -> Iterator[bytes]:
    latest = horizon()
    for point in run.points():
        if isinstance(point, Broken) or point.t > latest:
            ahead = Broken(where=run.where, why="a value of the future")
            report(point if isinstance(point, Broken) else ahead)
            continue
        elapsed = point.elapsed_ms
        track = records.Track(
            t=clock.at(point.t),
            elapsed_ms=max(0.0, (point.t - clock.start) / 1000 if elapsed is None else elapsed),
            step=point.step,
            value=point.value,
            note=None if point.note is None else values.quoted(point.note),
        )
        try:
            line = records.line(track)
        except errors.Unencodable as error:
            report(Broken(where=run.where, why=error.message))
            continue
        fold.add(track)
        yield line


def _end(run: Foreign, clock: Clock, fold: metrics.Fold) -> records.RunEnd:
    ended = None if run.ended is None or run.ended > horizon() else run.ended
    lasted = None
    if ended is not None and run.started is not None:
        lasted = max(0, ended - run.started) / 1000
    return records.RunEnd(
        t=clock.next() if ended is None else clock.at(ended),
        status=run.status,
        duration_ms=lasted,
        metrics=fold.summaries,
        metrics_left_out=len(fold.left_out),
    )
