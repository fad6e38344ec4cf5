"""The verdict on two runs, from the runs that are at hand."""

from __future__ import annotations

from collections.abc import Iterable

from git_exp.query import Goal
from git_exp.run import Run
from git_exp.verdict import judging, noise, replicates, wording
from git_exp.verdict.judging import ONCE, Tries, Verdict
from git_exp.verdict.replicates import Sample


def among(
    pair: tuple[Run, Run], runs: Iterable[Run], goal: Goal, *, tries: Tries = ONCE
) -> Verdict:
    """The verdict on a candidate and its baseline, whose replicates and noise are among runs."""
    every = {one.id: one for one in (*pair, *runs)}
    groups = replicates.grouped(every.values())
    samples = {key: replicates.sample(found, goal.measure) for key, found in groups.items()}
    first, second = map(replicates.key, pair)
    a, b = (samples.pop(key, Sample(values=())) for key in (first, second))
    if first == second:
        return judging.same(*_single(pair, goal), goal.higher)
    found = noise.between(a, b, list(samples.values()))
    return judging.judged(a, b, found, higher=goal.higher, tries=tries)


def by_steps(
    pair: tuple[Run, Run], goal: Goal, *, series: tuple[list[float], list[float]],
    tries: Tries = ONCE,
) -> Verdict:  # fmt: skip
    """The verdict on two runs by themselves, from the noise between the steps of each."""
    a, b = _single(pair, goal)
    if replicates.key(pair[0]) == replicates.key(pair[1]):
        return judging.same(a, b, goal.higher)
    return judging.judged(a, b, noise.within(*series), higher=goal.higher, tries=tries)


def closing(pair: tuple[Run, Run], runs: Iterable[Run], goal: Goal, *, tries: Tries = ONCE) -> str:
    """The verdict in one short line, for who has just seen the candidate run."""
    return wording.closing(among(pair, runs, goal, tries=tries), goal.measure)


def _single(pair: tuple[Run, Run], goal: Goal) -> tuple[Sample, Sample]:
    a, b = (replicates.sample([run], goal.measure) for run in pair)
    return a, b
