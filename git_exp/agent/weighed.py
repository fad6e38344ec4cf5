"""What the tool for verdicts answers."""

from __future__ import annotations

from msgspec import Struct

from git_exp.agent.answers import Answer
from git_exp.evidence import Asked
from git_exp.run import Run
from git_exp.values import Number
from git_exp.verdict import Sample, planning, wording
from git_exp.verdict import Verdict as Judged


class Weighed(Struct, frozen=True, kw_only=True):
    """One side of a verdict: a run, and the values of it and its replicates."""

    run: str
    name: str
    value: Number
    values: list[Number]


class Verdict(Answer, frozen=True, kw_only=True):
    """Whether a run is better than another; `interval` is that of the difference.

    `verdict` is improved, worse or indistinguishable; `confidence` is the level of the interval,
    0.95 or more; `runs_to_settle` are more runs of each.
    """

    verdict: str
    said: str
    metric: str
    higher_is_better: bool
    candidate: Weighed
    baseline: Weighed
    difference: Number
    interval: list[Number] | None
    confidence: float
    method: str
    runs_to_settle: int | None
    notes: list[str]


def verdict(said: Asked, found: Judged) -> Verdict:
    """A verdict as a tool answers it."""
    applies = planning.applies(found)
    return Verdict(
        verdict=found.verdict,
        said=wording.headline(found, said.goal.measure),
        metric=said.goal.measure.metric,
        higher_is_better=found.higher,
        candidate=_weighed(said.a, found.a),
        baseline=_weighed(said.b, found.b),
        difference=found.difference,
        interval=list(found.interval) if found.interval else None,
        confidence=found.confidence,
        method=wording.method(found),
        runs_to_settle=planning.fewest(found) if applies else None,
        notes=list(wording.notes(found, said.a, said.b, goal=said.goal).values()),
    )


def _weighed(run: Run, sample: Sample) -> Weighed:
    value = sample.mean if sample.values else None
    return Weighed(run=run.id, name=run.name, value=value, values=list(sample.values))
