"""The closing lines of a run, on stderr: what it was, how it ended, what to do next."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from git_exp import query, records, table
from git_exp.cli import output

if TYPE_CHECKING:
    from git_exp.index.search import Indexed
    from git_exp.launch.recorded import Recorded
    from git_exp.run import Run

SHOWN = 5
# Of a traceback that was not passed on.
_LAST = 5


def tell(done: Recorded, *, quiet: bool = False) -> None:
    """Say how a run ended; of a failure that nobody saw, with the last lines that it wrote."""
    from git_exp import protect

    if done.outcome.error:
        output.say(done.outcome.error)
    if quiet and done.status != "finished":
        whole = done.error.traceback if done.error else None
        for line in whole.splitlines()[-_LAST:] if whole else done.last:
            output.say(line)
    if done.outcome.unread.lines:
        _tell_unread(*done.outcome.unread)
    if done.tainted:
        output.warn(f"{protect.told(done.tainted)}; it never counts as best")
    took = table.duration(done.outcome.wall_ms)
    title = f"run {query.short(done.run.run_id)} '{done.run.name}'"
    timed_out = ": its time was over" if done.outcome.timed_out else ""
    output.say(f"{title} {done.status} in {took}{timed_out}{metrics(done.metrics)}")


def weighed(store: Indexed, run_id: str, aim: tuple[str, bool] | None) -> None:
    """Say what a run is worth: against the best before it, against its parent; what to do next.

    `aim` is a metric and whether more of it is better; without one it is the only metric of the
    run. Where nothing can be compared nothing is said.
    """
    from git_exp import evidence
    from git_exp.query import Goal, Measure
    from git_exp.verdict import wording

    found = evidence.closing(store, run_id, Goal(Measure(aim[0]), aim[1]) if aim else None)
    if found is None:
        return
    output.say(wording.closing(found.verdict, found.said.goal.measure))
    metric = found.said.goal.measure.metric
    if found.parent and (parent := _parent(found.parent, found.said.a, metric)):
        output.say(parent)
    # As a name may say the other way.
    sign = "+" if found.verdict.higher else "-"
    sign = "" if query.better(Measure(metric), store).higher == found.verdict.higher else sign
    back = f"git exp restore best --metric {shlex.quote(sign + metric)}"
    if found.verdict.verdict == "improved":
        output.hints(f"keep it: git exp promote {query.short(run_id)}")
    elif found.verdict.verdict == "worse":
        output.hints(f"back to the best: {back}")
    else:
        output.hints(f"run it once more, or go back to the best: {back}")


def _parent(before: Run, run: Run, metric: str) -> str | None:
    """A run beside the one whose code it began as."""
    if metric not in before.metrics or metric not in run.metrics:
        return None
    old, new = before.metrics[metric].last, run.metrics[metric].last
    return (
        f"parent {query.short(before.id)} '{before.name}': {metric} {table.number(old)}, "
        f"now {table.number(new)}"
    )


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
