"""The verdict on two runs, from the runs that are at hand."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence

import msgspec

from git_exp.points import number
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
    first, second = map(replicates.key, pair)
    a, b = (replicates.sample(groups.get(key, []), goal.measure) for key in (first, second))
    if first == second:
        return judging.same(*_single(pair, goal), goal.higher)
    others = (groups[key] for key in groups if key not in (first, second))
    # One run alone tells no noise.
    more = [replicates.sample(group, goal.measure) for group in others if len(group) > 1]
    found = noise.between(a, b, more)
    once = _once(tries, groups, goal, candidate=pair[0])
    looks = _looks([groups.get(key, []) for key in (first, second)])
    return judging.judged(a, b, found, higher=goal.higher, tries=once._replace(looks=looks))


def by_steps(
    pair: tuple[Run, Run], goal: Goal, *, series: tuple[list[float], list[float]],
    tries: Tries = ONCE,
) -> Verdict:  # fmt: skip
    """The verdict on two runs by themselves, from the noise between the steps of each."""
    a, b = _single(pair, goal)
    if replicates.key(pair[0]) == replicates.key(pair[1]):
        return judging.same(a, b, goal.higher)
    found = judging.judged(a, b, noise.within(*series), higher=goal.higher, tries=tries)
    return msgspec.structs.replace(found, method="steps") if found.method == "none" else found


def closing(pair: tuple[Run, Run], runs: Iterable[Run], goal: Goal, *, tries: Tries = ONCE) -> str:
    """The verdict in one short line, for who has just seen the candidate run."""
    return wording.closing(among(pair, runs, goal, tries=tries), goal.measure)


def _looks(sides: Sequence[Sequence[Run]]) -> int:
    """How often two may have been compared: when both were there, and after each run since.

    Replicates of a baseline that were made before there was a candidate are no look at the two.
    """
    begun = [sorted(run.started for run in side) for side in sides]
    if not all(begun):
        return 1
    both = max(times[0] for times in begun)
    return 1 + max(sum(one > both for one in times) for times in begun)


def _once(
    tries: Tries, groups: Mapping[Hashable, Sequence[Run]], goal: Goal, *, candidate: Run
) -> Tries:
    """Of how many a side was chosen, with replicates counted once: luck is that of a group.

    A baseline was chosen from what began before the candidate, and never from its replicates.
    """
    if tries == ONCE:
        return tries
    own = replicates.key(candidate)
    a, b = tries.a, tries.b
    for key, found in groups.items():
        # Most have one run, and take nothing off.
        if len(found) == 1 and key != own:
            continue
        numbered = [run for run in found if _has_number(run, goal)]
        earlier = sum(run.started < candidate.started for run in numbered)
        a -= max(len(numbered) - 1, 0)
        b -= earlier if key == own else max(earlier - 1, 0)
    return Tries(a=max(a, 1), b=max(b, 1))


def _has_number(run: Run, goal: Goal) -> bool:
    value = goal.measure.of(run)
    return value is not None and math.isfinite(number(value))


def _single(pair: tuple[Run, Run], goal: Goal) -> tuple[Sample, Sample]:
    a, b = (replicates.sample([run], goal.measure) for run in pair)
    return a, b
