"""The closing lines of a run, on stderr: what it was, how it ended, what to do next."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from git_exp import query, records, table
from git_exp.cli import output

if TYPE_CHECKING:
    from git_exp.launch.recorded import Recorded
    from git_exp.run import Run

SHOWN = 5
# Of a traceback that was not passed on.
_LAST = 5


def tell(done: Recorded, *, quiet: bool = False) -> None:
    """Say how a run ended; of a crash that nobody saw, with the last lines of its traceback."""
    from git_exp import protect

    if done.outcome.error:
        output.say(done.outcome.error)
    if quiet and done.error and done.error.traceback:
        for line in done.error.traceback.splitlines()[-_LAST:]:
            output.say(line)
    if done.outcome.unread.lines:
        _tell_unread(*done.outcome.unread)
    if done.tainted:
        output.warn(f"{protect.told(done.tainted)}; it never counts as best")
    took = table.duration(done.outcome.wall_ms)
    title = f"run {query.short(done.run.run_id)} '{done.run.name}'"
    timed_out = ": its time was over" if done.outcome.timed_out else ""
    output.say(f"{title} {done.status} in {took}{timed_out}{metrics(done.metrics)}")


def again(run: Run, key: str) -> None:
    """Say that a run answers to its key once more."""
    age = table.age(run.started, time.time_ns() // 1_000)
    title = f"run {query.short(run.id)} '{run.name}' of {age}"
    output.say(f"key '{key}' is done: {title} {run.status}{metrics(run.metrics)}")


def metrics(found: Mapping[str, records.Summary]) -> str:
    """The first metrics of a run, to come after a word."""
    numbers = list(found.items())[:SHOWN]
    shown = ", ".join(f"{path}={table.number(summary.last)}" for path, summary in numbers)
    return f": {shown}" if shown else ""


def _tell_unread(lines: int, first: str) -> None:
    what = "1 METRIC line" if lines == 1 else f"{lines} METRIC lines"
    which = "" if lines == 1 else ", the first"
    output.warn(f"{what} could not be read whole{which}: {first}")
