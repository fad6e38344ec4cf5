"""The rules of a session: which way is better, what is an improvement, how a series goes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

from git_exp import directions
from git_exp.session.models import Direction, MetricComparison, Number, TaskType, TrendPattern

# What a session without a metric of its own takes, the first that a result has.
USUAL: Mapping[TaskType, Sequence[str]] = {
    TaskType.REGRESSION: ("rmse", "mae", "mse", "r2"),
    TaskType.CLASSIFICATION: ("f1", "accuracy", "roc_auc", "log_loss"),
}


def direction_of(metric: str) -> tuple[Direction, bool]:
    """Which way a metric is better, and whether its name says so: one that is unknown maximises."""
    higher = directions.higher(metric)
    return ("minimize" if higher is False else "maximize"), higher is not None


def usual_metric(task: TaskType | None, metrics: Mapping[str, Number]) -> str | None:
    """The metric that becomes the primary one where none was named; None where none is usual.

    A session of a goal takes any that the two tasks do.
    """
    names = USUAL[task] if task else [name for usual in USUAL.values() for name in usual]
    return next((name for name in names if name in metrics), None)


def is_better(new: Number, old: Number | None, direction: Direction) -> bool:
    """Whether a value beats another, by however little. NaN beats nothing."""
    # An integer may be of any size: no float is made of it.
    if new != new or old is None:
        return new == new
    return new < old if direction == "minimize" else new > old


def improves(new: Number, reference: Number | None, direction: Direction, *, by: float) -> bool:
    """Whether a value is better than a reference by more than a fraction of that.

    Numbers count as they are written: 0.804 is not more than 0.5 % above 0.8, though the nearest
    floats are. Of a reference of 0 any gain is more than any fraction.
    """
    if reference is None or not is_better(new, reference, direction):
        return is_better(new, reference, direction)
    if math.inf in (abs(new), abs(reference), by):
        return by != math.inf
    gain = abs(_written(new) - _written(reference))
    return gain > _written(by) * abs(_written(reference))


def reaches(value: Number, target: Number, direction: Direction) -> bool:
    """Whether a target is met."""
    return value <= target if direction == "minimize" else value >= target


def trend(values: Sequence[Number], direction: Direction, *, by: float) -> TrendPattern:
    """How the last three values went: steps within the threshold are none."""
    if len(values) < 3:
        return TrendPattern.INITIAL
    first, second, third = values[-3:]
    steps = {_step(first, second, direction, by=by), _step(second, third, direction, by=by)} - {0}
    if not steps:
        return TrendPattern.PLATEAU
    if len(steps) == 2:
        return TrendPattern.FLUCTUATING
    return TrendPattern.IMPROVING if steps == {1} else TrendPattern.DEGRADING


def compared(
    metric: str,
    value: Number,
    *,
    baseline: Number | None,
    best: Number | None,
    direction: Direction,
) -> MetricComparison:
    """A value beside the first one and the best of those before it."""
    new = is_better(value, best, direction)
    return MetricComparison(
        metric_name=metric,
        current_value=value,
        baseline_value=baseline,
        best_value=value if new else best,
        change_from_baseline_pct=percent(value, baseline),
        is_improvement=baseline is not None and is_better(value, baseline, direction),
        is_new_best=new,
    )


def percent(value: Number, of: Number | None) -> float | None:
    """The signed change from a value, in percent of its size; None where there is no telling."""
    if not of:
        return None
    try:
        found = (value - of) / abs(of) * 100
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def _step(old: Number, new: Number, direction: Direction, *, by: float) -> int:
    other: Direction = "maximize" if direction == "minimize" else "minimize"
    return improves(new, old, direction, by=by) - improves(new, old, other, by=by)


def _written(value: Number) -> Fraction:
    return Fraction(repr(value) if isinstance(value, float) else value)
