"""How a session stands, in words: its task, its metric, its course."""

from __future__ import annotations

import decimal
import math

import msgspec

from git_exp import records, table
from git_exp.session import ideas, machine
from git_exp.session.models import ExperimentPhase, ExperimentResult
from git_exp.session.state import ExperimentState
from git_exp.values import Number

ENDED = "ended"
# A thousand years.
_ENDLESS = 3.2e10
_MINUTE = 60


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a session stands; times are in seconds, `go_on` is whether to make another experiment."""

    session: str
    goal: str | None
    data_path: str | None
    target_column: str | None
    task_type: str | None
    metric: str | None
    direction: str | None
    target_value: Number
    go_on: bool
    reason: str | None
    paused: bool
    phase: str
    iteration: int
    max_iterations: int
    failed: int
    without_improvement: int
    plateau_threshold: int
    elapsed: Number
    time_budget: Number
    started: str
    best: Number
    best_experiment: str | None
    best_run: str | None
    trend: str


def status(state: ExperimentState, now: float) -> str:
    """Whether it is running, paused or over, and why it is to end."""
    if state.termination_reason:
        return f"{ENDED}: {state.termination_reason}"
    why = machine.reason(state, now)
    word = "paused" if state.is_paused else "running"
    return f"{word}, to be ended: {why}" if why else word


def goes_on(state: ExperimentState, now: float, *, running: int = 0) -> tuple[bool, str]:
    """Whether another experiment is to be made, and in one line why not, or which comes next.

    So many that are `running` are experiments that are made already.
    """
    if why := machine.reason(state, now):
        said = f": {' '.join(state.stop_reason.split())}" if state.stop_reason else ""
        return False, f"{why}{said if why == machine.AGENT else ''}"
    if state.is_paused:
        return False, "The session is paused"
    count, most = state.current_iteration + running, state.config.max_iterations
    return (
        (False, machine.ITERATIONS) if count >= most else (True, f"iteration {count + 1} of {most}")
    )


def room(state: ExperimentState, now: float) -> tuple[str, str] | None:
    """The limit that a session is over for, and one that gives it as much again; None: no limit."""
    config = state.config
    match machine.reason(state, now):
        case machine.ITERATIONS:
            return "max_iterations", str(state.current_iteration + config.max_iterations)
        case machine.TIME:
            spent = machine.spent(state, now) + max(config.time_budget, _MINUTE)
            return "time_budget", str(math.ceil(spent))
        case machine.PLATEAU:
            flat = state.iterations_without_improvement
            return "plateau_threshold", str(flat + config.plateau_threshold)
        case machine.FAILURES:
            failed = state.consecutive_failures
            return "max_consecutive_failures", str(failed + config.max_consecutive_failures)
        case machine.TARGET:
            return "target_metric_value", "NUMBER"
    return None


def task(state: ExperimentState) -> str:
    """What it is about, in one line."""
    config = state.config
    return " ".join((config.goal or f"{config.target_column} of {config.data_path}").split())


def facts(state: ExperimentState, now: float) -> list[tuple[str, str]]:
    """What is known of it, as labels and text."""
    config = state.config
    count, most = state.current_iteration, config.max_iterations
    flat = state.iterations_without_improvement
    trend = f"{state.get_trend().value}, {flat} of {config.plateau_threshold} without improvement"
    found = [
        ("Task", task(state)),
        ("Constraints", config.constraints or ""),
        ("Status", status(state, now)),
        ("Stopped", " ".join((state.stop_reason or "").split())),
        ("Phase", "" if state.phase == ExperimentPhase.INITIALIZING else state.phase.value),
        ("Metric", metric(state)),
        ("Best", _best(state)),
        ("Trend", trend if state.experiments else ""),
        ("Iterations", f"{count} of {most}, {_failed(state)} failed"),
        ("Elapsed", f"{duration(machine.elapsed(state, now))} of {duration(config.time_budget)}"),
        ("Started", moment(state.start_time)),
        ("Hypothesis", _hypothesis(state)),
    ]
    return [(label, text) for label, text in found if text]


def of(state: ExperimentState, now: float, *, running: int = 0) -> Standing:
    """The same for a program; `now` in seconds since 1970."""
    config, best = state.config, best_result(state)
    goes, why = goes_on(state, now, running=running)
    return Standing(
        session=state.session_id, goal=config.goal, data_path=config.data_path,
        target_column=config.target_column, task_type=config.task_type,
        metric=config.primary_metric,
        direction=machine.direction(config) if config.primary_metric else None,
        target_value=config.target_metric_value, go_on=goes, reason=None if goes else why,
        paused=state.is_paused, phase=state.phase.value,
        iteration=state.current_iteration, max_iterations=config.max_iterations,
        failed=_failed(state), without_improvement=state.iterations_without_improvement,
        plateau_threshold=config.plateau_threshold,
        elapsed=machine.elapsed(state, now), time_budget=config.time_budget,
        started=records.stamp(round(state.start_time * 1_000_000)),
        best=state.best_metric, best_experiment=state.best_experiment,
        best_run=best.run_id if best else None, trend=state.get_trend().value,
    )  # fmt: skip


def metric(state: ExperimentState) -> str:
    """The metric, which way is better, and what is aimed at."""
    config = state.config
    if not config.primary_metric:
        return "not known yet"
    aim = config.target_metric_value
    target = "" if aim is None else f", target {number(aim)}"
    return f"{config.primary_metric}, to {machine.direction(config)}{target}"


def best_result(state: ExperimentState) -> ExperimentResult | None:
    """The result that is the best; None where none is."""
    name, value = state.best_experiment, state.best_metric
    key = state.config.primary_metric or ""
    found = (one for one in state.experiments if one.success and one.experiment_name == name)
    return next((one for one in found if one.metrics.get(key) == value), None)


def number(value: float | None) -> str:
    """A metric to six significant digits; whole numbers whole, unless they are immense."""
    if value is None:
        return "-"
    if not isinstance(value, int):
        return f"{value:.6g}"
    return str(value) if value.bit_length() <= 64 else f"{decimal.Decimal(value):.6g}"


def moment(t: float) -> str:
    """A time, in UTC."""
    try:
        stamp = records.stamp(round(t * 1_000_000))
    except (ValueError, OverflowError, OSError):
        return "-"
    return f"{stamp[:10]} {stamp[11:19]} UTC"


def duration(seconds: float) -> str:
    """A length of time as people say it."""
    if seconds > _ENDLESS:
        return "no end"
    try:
        return table.duration(seconds * 1_000)
    except (ValueError, OverflowError):
        return "-"


def _failed(state: ExperimentState) -> int:
    return sum(1 for one in state.experiments if not one.success)


def _best(state: ExperimentState) -> str:
    found = best_result(state)
    if found is None:
        return ""
    run = f", run {found.run_id[:8]}" if found.run_id else ""
    return f"{number(state.best_metric)}, {found.experiment_name}{run}"


def _hypothesis(state: ExperimentState) -> str:
    return next((one.statement for one in ideas.untried(state)), "")
