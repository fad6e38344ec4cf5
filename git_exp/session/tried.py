"""A run as the result of an experiment: what it tried, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from git_exp import records
from git_exp.query import TAINTED
from git_exp.run import Run
from git_exp.session import events
from git_exp.session.events import Event
from git_exp.session.history import Happening
from git_exp.session.models import ExperimentResult, Number
from git_exp.session.state import ExperimentState
from git_exp.verdict import replicates

if TYPE_CHECKING:
    from git_exp.index.search import Indexed

_MODEL = ("model_type", "model")


def result_of(run: Run, state: ExperimentState, *, hypothesis: str = "") -> ExperimentResult:
    """The result that a run is in a session: its params, the last of each metric, how it ended.

    Its iteration counts from 1. A run that goes on counts as one that failed.
    """
    params = dict(run.params)
    model = next((str(params[name]) for name in _MODEL if params.get(name)), "")
    return ExperimentResult(
        experiment_name=run.name,
        iteration=state.current_iteration + 1,
        model_type=model,
        model_params=params,
        metrics=_metrics(run),
        hypothesis=hypothesis,
        execution_time=max(0.0, (run.duration_ms or 0.0) / 1_000),
        success=run.status == "finished" and TAINTED not in run.tags,
        error_message=_error(run),
        run_id=run.id,
    )


def happening(
    store: Indexed, run: Run, *, hypothesis: str = "", reasoning: str = "", by: str | None = None
) -> Happening:
    """The result of a run as it happens to a session: once, however often it is told."""

    def happens(state: ExperimentState, now: float) -> Event | None:
        if is_recorded(run.id, state):
            return None
        found = result_of(run, state, hypothesis=hypothesis)
        before = _replicated(store, run, state)
        told = found.but(reasoning=reasoning, replicate_of=before)
        return events.Result(t=now, by=by, result=told)

    return happens


class Heard:
    """Something that happens, and what it was in the end."""

    def __init__(self, happening: Happening) -> None:
        self._happening = happening
        self.event: Event | None = None

    def __call__(self, state: ExperimentState, now: float) -> Event | None:
        self.event = self._happening(state, now)
        return self.event


def unrecorded(runs: Iterable[Run], state: ExperimentState) -> list[Run]:
    """Those of a session's runs that are over and no result yet, the oldest first.

    Whoever was killed in the middle has left them.
    """
    known = {one.run_id for one in state.experiments}
    left = [one for one in runs if one.status != "running" and one.id not in known]
    return sorted(left, key=lambda one: (one.started, one.id))


def is_recorded(run_id: str, state: ExperimentState) -> bool:
    """Whether a run is among the results already."""
    return any(one.run_id == run_id for one in state.experiments)


def _replicated(store: Indexed, run: Run, state: ExperimentState) -> str | None:
    """The first success of a session that a run is a replicate of."""
    known = {one.run_id for one in state.experiments if one.success}
    tree = run.git.tree if run.git else None
    if not known or tree is None:
        return None
    key = replicates.key(run)
    same = [one.id for one in store.of_tree(tree) if one.id in known and replicates.key(one) == key]
    # The newest is the first of them.
    return same[-1] if same else None


def _metrics(run: Run) -> dict[str, Number]:
    found = ((name, records.number(one.last)) for name, one in run.metrics.items())
    # One that has diverged is no result of that metric, as no such run is the best.
    return {name: value for name, value in found if value is not None and math.isfinite(value)}


def _error(run: Run) -> str | None:
    if run.status == "finished":
        return f"tagged {TAINTED}" if TAINTED in run.tags else None
    if run.error:
        return f"{run.error.type}: {run.error.message}"
    code = "" if run.exit_code is None else f", exit code {run.exit_code}"
    return f"{run.status}{code}"
