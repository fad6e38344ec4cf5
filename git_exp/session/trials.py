"""The results of a session in their order: each beside the best before it, and what that means."""

from __future__ import annotations

import enum
from typing import NamedTuple

from git_exp.session import machine, rules
from git_exp.session.models import Direction, ExperimentResult, Number
from git_exp.session.state import ExperimentState


class Verdict(enum.Enum):
    """What a result means: a gain beats the reference by more than the threshold."""

    BASELINE = "baseline"
    GAIN = "gain"
    SMALL = "best within the threshold"
    NONE = "no gain"
    WORSE = "worse by more than the threshold"
    UNMEASURED = "without the metric"
    FAILED = "failed"


BESTS = (Verdict.BASELINE, Verdict.GAIN, Verdict.SMALL)


class Trial(NamedTuple):
    """One result, the `at`-th; `best` and `reference` are those before it."""

    at: int
    result: ExperimentResult
    value: Number | None
    best: Number | None
    reference: Number | None
    verdict: Verdict

    @property
    def is_best(self) -> bool:
        """Whether nothing before it was better."""
        return self.verdict in BESTS


def walked(state: ExperimentState) -> list[Trial]:
    """All that was tried, in one walk."""
    found: list[Trial] = []
    best = reference = None
    for at, result in enumerate(state.experiments, 1):
        metric = state.config.primary_metric or ""
        value = result.metrics.get(metric) if result.success else None
        verdict = _verdict(state, value, (best, reference)) if result.success else Verdict.FAILED
        trial = Trial(at, result, value, best, reference, verdict)
        found.append(trial)
        best = value if trial.is_best else best
        reference = value if verdict in (Verdict.BASELINE, Verdict.GAIN) else reference
    return found


def best(trials: list[Trial]) -> Trial | None:
    """The best of all; None where none has a value."""
    return next((one for one in reversed(trials) if one.is_best), None)


def _verdict(
    state: ExperimentState, value: Number | None, before: tuple[Number | None, Number | None]
) -> Verdict:
    best, reference = before
    way, by = machine.direction(state.config), state.config.improvement_threshold
    other: Direction = "maximize" if way == "minimize" else "minimize"
    if value is None or value != value:
        return Verdict.UNMEASURED
    if best is None:
        return Verdict.BASELINE
    if rules.improves(value, reference, way, by=by):
        return Verdict.GAIN
    if rules.is_better(value, best, way):
        return Verdict.SMALL
    is_worse = rules.improves(value, best, other, by=by)
    return Verdict.WORSE if is_worse else Verdict.NONE
