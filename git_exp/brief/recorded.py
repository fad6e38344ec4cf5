"""What a session was told without a run: its results as runs that no repository has."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from git_exp import errors, points, records
from git_exp.records import Summary
from git_exp.run import NoteText, Run

if TYPE_CHECKING:
    from git_exp.session.history import Session
    from git_exp.session.models import ExperimentResult


def runs(session: Session) -> list[Run]:
    """The successes that nobody made a run for; each has an id that is none of a run's."""
    results = [one for one in session.state.experiments if one.run_id is None]
    if not results:
        # To read all lines once more takes its time.
        return []
    # A line of a day to come is damage, and comes last.
    told = zip(results, _times(session), strict=False)
    return [
        _run(f"{session.id} {at}", one, t) for at, (one, t) in enumerate(told, 1) if one.success
    ]


def _times(session: Session) -> Iterator[float]:
    """When each result without a run was told, in seconds since 1970."""
    from git_exp.session import events, files

    for line in session.lines:
        # What is damaged is no part of the state either.
        with suppress(errors.BadField):
            event = files.parse(line)
            if isinstance(event, events.Result) and event.result.run_id is None:
                yield event.t


def _run(name: str, result: ExperimentResult, t: float) -> Run:
    took = min(result.execution_time, t)
    started = records.stamp(round((t - took) * 1_000_000))
    said = result.hypothesis
    return Run(
        id=name,
        commit="",
        name=result.experiment_name,
        status="finished",
        started=started,
        ended=records.stamp(round(t * 1_000_000)),
        params={str(key): value for key, value in result.model_params.items()},
        metrics=_metrics(result),
        notes=[NoteText(t=started, text=said)] if said else [],
    )


def _metrics(result: ExperimentResult) -> dict[str, Summary]:
    finite = {
        name: value for name, value in result.metrics.items() if math.isfinite(points.number(value))
    }
    return {
        name: Summary(last=value, min=value, max=value, first=value, count=1)
        for name, value in finite.items()
    }
