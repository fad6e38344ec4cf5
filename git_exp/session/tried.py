"""A run as the result of an experiment: what it tried, and what came of it."""

from __future__ import annotations

from git_exp import records
from git_exp.run import Run
from git_exp.session.models import ExperimentResult, Number
from git_exp.session.state import ExperimentState

_MODEL = ("model_type", "model")


def result_of(run: Run, state: ExperimentState, *, hypothesis: str = "") -> ExperimentResult:
    """The result that a run is in a session: its params, the last of each metric, how it ended.

    A run that goes on counts as one that failed.
    """
    params = dict(run.params)
    model = next((str(params[name]) for name in _MODEL if params.get(name)), "")
    return ExperimentResult(
        experiment_name=run.name,
        iteration=state.current_iteration,
        model_type=model,
        model_params=params,
        metrics=_metrics(run),
        hypothesis=hypothesis,
        execution_time=max(0.0, (run.duration_ms or 0.0) / 1_000),
        success=run.status == "finished",
        error_message=_error(run),
        run_id=run.id,
    )


def is_recorded(run_id: str, state: ExperimentState) -> bool:
    """Whether a run is among the results already."""
    return any(one.run_id == run_id for one in state.experiments)


def _metrics(run: Run) -> dict[str, Number]:
    found = ((name, records.number(one.last)) for name, one in run.metrics.items())
    return {name: value for name, value in found if value is not None}


def _error(run: Run) -> str | None:
    if run.status == "finished":
        return None
    if run.error:
        return f"{run.error.type}: {run.error.message}"
    code = "" if run.exit_code is None else f", exit code {run.exit_code}"
    return f"{run.status}{code}"
