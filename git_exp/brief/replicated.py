"""Runs that are replicates of each other: however many there are, they are one step."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from git_exp.brief.course import Course
from git_exp.differing import Differing, between
from git_exp.index.digest import Digest, Mark
from git_exp.run import Run
from git_exp.verdict import replicates

# Among so many of the last records those are looked for that are replicates.
_RECORDS = 200


class Keys:
    """What the replicates of each run share; only of those that are asked for is it read."""

    def __init__(self, digest: Digest) -> None:
        self._digest = digest
        self._known: dict[int, Hashable] = {}

    def of(self, marks: Iterable[Mark]) -> list[Hashable]:
        """The keys of some runs, in their order."""
        ats = [one.at for one in marks]
        new = [at for at in dict.fromkeys(ats) if at not in self._known]
        runs = self._digest.runs(new) if new else []
        self._known |= zip(new, map(replicates.key, runs), strict=True)
        return [self._known[at] for at in ats]

    def same(self, one: Mark, other: Mark) -> bool:
        """Whether two runs are replicates of each other."""
        first, second = self.of([one, other])
        return first == second

    def before(self, course: Course, mark: Mark) -> Mark | None:
        """The best of what had ended when a run began, but for its replicates."""
        earlier = [one for one in course.records if one.ended <= mark.started]
        nearest = reversed(earlier[-_RECORDS:])
        return next((one for one in nearest if not self.same(one, mark)), None)


def differing(one: Run, other: Run) -> list[Differing]:
    """The params in which two runs differ, but for seeds: another one is no other experiment."""
    every = between(one.params, other.params)
    return [param for param in every if not replicates.is_seed(param.name)]


class Stage(NamedTuple):
    """The best of the records that are replicates, how many these are, and what it gained."""

    mark: Mark
    replicates: int
    gain: float | None


class Stages(NamedTuple):
    """The records as stages, and of the last one the run that reached it first."""

    every: list[Stage]
    reached: Mark


def stages(course: Course, keys: Keys) -> Stages:
    """The records, replicates as one. Of very many, those long ago stand each for itself."""
    records = course.records
    old, new = records[:-_RECORDS], records[-_RECORDS:]
    groups: dict[Hashable, list[Mark]] = {one.at: [one] for one in old}
    own = keys.of(new)
    for key, one in zip(own, new, strict=True):
        # Where other code was the best between them, the group stands where it was so last.
        groups[key] = [*groups.pop(key, []), one]
    last = [some[-1] for some in groups.values()]
    gains = [None, *(one.value - old.value for old, one in pairwise(last))]
    found = map(Stage, last, map(len, groups.values()), gains)
    return Stages(list(found), _reached(new, own))


def _reached(marks: Sequence[Mark], keys: Sequence[Hashable]) -> Mark:
    """Where the last row of replicates began."""
    at = len(marks) - 1
    while at and keys[at - 1] == keys[-1]:
        at -= 1
    return marks[at]
