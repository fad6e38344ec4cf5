"""The noise between runs that should be the same: how far numbers differ by chance alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import msgspec

from git_exp.verdict import student
from git_exp.verdict.replicates import Sample

# From so many replicates of each on, the two tell their own noise; and so many times numbers that
# never differ must have agreed.
OWN = 4
AGREED = 4
# Noisier than the rest are two whose variance is so much greater that chance does it so rarely.
_NOISIER = 0.05
# Groups count whose level is at most so many times that of what is compared, or one in so many.
_NEAR = 2.0
_FEWEST = 8


class Noise(msgspec.Struct, frozen=True, kw_only=True):
    """The standard deviation of one run on each side, and how well it is known.

    `method` is pooled, welch, steps or deterministic; `groups` is of how many groups of replicates.
    `told_by` is both, of what is pooled: `others` where neither side has replicates that differ,
    `own` where these are noisier than all others.
    """

    method: str
    a: float = 0.0
    b: float = 0.0
    df: float = 0.0
    groups: int = 0
    told_by: str = "both"

    def error(self, a: int, b: int) -> float:
        """The standard error of the difference of two means of so many runs."""
        return math.hypot(self.a / math.sqrt(a), self.b / math.sqrt(b))

    def after(self, have: tuple[int, int], more: tuple[int, int]) -> Noise:
        """The same noise, known from more runs of each."""
        if self.method != "welch":
            return msgspec.structs.replace(self, df=self.df + more[0] + more[1])
        counts = (have[0] + more[0], have[1] + more[1])
        return msgspec.structs.replace(self, df=_welch(self.a, self.b, counts))


def between(a: Sample, b: Sample, others: Sequence[Sample] = ()) -> Noise | None:
    """The noise between replicates; None where there are none that tell it.

    The rule asks for counts and levels, never how far apart the two are: to choose by that would
    raise the false positives. Where both have four replicates, each tells its own noise: Welch,
    Biometrika 34 (1947). With fewer, the variance is pooled over these two and over all other
    groups that are at about their level; unless that of the two is greater by an F test, which can
    only widen the interval. Groups whose numbers all agree are no part of that, since what made
    them is without noise, or its numbers are coarse.
    """
    if not (a.values and b.values):
        return None
    low, high = _levels(a, b)
    near = [one for one in others if one.df and low <= abs(one.mean) <= high]
    if _never_differs(a, b, near):
        return Noise(method="deterministic", groups=2)
    if min(len(a.values), len(b.values)) >= OWN:
        return _own(a, b)
    own, rest = ([one for one in some if not one.agrees] for some in ((a, b), near))
    if own and rest and _is_noisier(own, rest):
        return _pooled(own, "own")
    return _pooled([*own, *rest], "both" if own else "others") if own or rest else None


def within(a: Sequence[float], b: Sequence[float]) -> Noise | None:
    """The noise from one step to the next in the later half of two series; None of short ones.

    Half the mean square of successive differences, which a slow trend hardly changes: von
    Neumann, Kent, Bellinson and Hart, Annals of Mathematical Statistics 12 (1941); its variance
    gives the degrees of freedom. Where steps resemble the ones before, it is too small.
    """
    later = [one[len(one) // 2 :] for one in (a, b)]
    if min(map(len, later)) < _FEWEST:
        return None
    first, second = (_successive(one) for one in later)
    if not first and not second:
        return None
    counts = [len(one) - 1 for one in later]
    dfs = [2 * count**2 / (3 * count - 1) for count in counts]
    return Noise(method="steps", a=first, b=second, df=_satterthwaite((first, second), dfs))


def _pooled(groups: Sequence[Sample], told_by: str) -> Noise:
    sd, df = _spread(groups)
    return Noise(method="pooled", a=sd, b=sd, df=df, groups=len(groups), told_by=told_by)


def _spread(groups: Sequence[Sample]) -> tuple[float, int]:
    """The standard deviation within groups, and its degrees of freedom."""
    df = sum(one.df for one in groups)
    return math.hypot(*map(_norm, groups)) / math.sqrt(df), df


def _is_noisier(own: Sequence[Sample], rest: Sequence[Sample]) -> bool:
    """Whether the variance within some groups is greater than chance makes it: Fisher's F test."""
    (first, df), (second, others) = map(_spread, (own, rest))
    return first > second and student.tail_of_f((first / second) ** 2, df, others) < _NOISIER


def _own(a: Sample, b: Sample) -> Noise:
    first, second = (_norm(one) / math.sqrt(one.df) for one in (a, b))
    df = _welch(first, second, (len(a.values), len(b.values)))
    return Noise(method="welch", a=first, b=second, df=df, groups=2)


def _welch(a: float, b: float, counts: tuple[int, int]) -> float:
    errors = [sd / math.sqrt(count) for sd, count in zip((a, b), counts, strict=True)]
    return _satterthwaite(errors, [count - 1 for count in counts])


def _satterthwaite(errors: Sequence[float], dfs: Sequence[float]) -> float:
    """The degrees of freedom of a sum of variances: Satterthwaite, Biometrics Bulletin 2 (1946)."""
    whole = math.hypot(*errors)
    shares = [(error / whole) ** 2 for error in errors]
    return 1 / sum(share**2 / df for share, df in zip(shares, dfs, strict=True))


def _never_differs(a: Sample, b: Sample, near: Sequence[Sample]) -> bool:
    """Whether each side agrees with itself, and often enough not to be a coarse number's chance."""
    if not (a.df and b.df and a.agrees and b.agrees):
        return False
    steady = all(one.agrees for one in near)
    agreed = a.df + b.df + (sum(one.df for one in near) if steady else 0)
    return agreed >= AGREED


def _levels(a: Sample, b: Sample) -> tuple[float, float]:
    """From where to where a group is at the level of two: ten times as large is as much noisier."""
    low, high = sorted((abs(a.mean), abs(b.mean)))
    return low / _NEAR, high * _NEAR


def _norm(one: Sample) -> float:
    mean = one.mean
    return math.hypot(*(value - mean for value in one.values))


def _successive(values: Sequence[float]) -> float:
    steps = (after - before for before, after in pairwise(values))
    return math.hypot(*steps) / math.sqrt(2 * (len(values) - 1))
