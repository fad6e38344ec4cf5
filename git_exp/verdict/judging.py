"""The verdict on a candidate and its baseline: improved, worse or indistinguishable."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import msgspec

from git_exp.verdict import student
from git_exp.verdict.noise import Noise
from git_exp.verdict.replicates import Sample

CONFIDENCE = 0.95

Word = Literal["improved", "worse", "indistinguishable"]


class Tries(NamedTuple):
    """Of how many runs each side was chosen because it is the best; 1 where it was just named.

    `looks` is how often the two may have been compared: once, and again with each replicate more.
    """

    a: int = 1
    b: int = 1
    looks: int = 1


ONCE = Tries()


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What can be said, and from what. `difference` is a - b, whichever way is better.

    Where nothing tells the noise there is no interval. `method` is that of the noise, or none,
    diverged or replicates.
    """

    verdict: Word
    higher: bool
    a: Sample
    b: Sample
    method: str
    tries: Tries = ONCE
    difference: float | None = None
    interval: tuple[float, float] | None = None
    noise: Noise | None = None

    @property
    def percent(self) -> float | None:
        """The difference in percent of the baseline; None where that is 0 or has no number."""
        if self.difference is None or not self.b.mean:
            return None
        found = self.difference / abs(self.b.mean) * 100
        return found if math.isfinite(found) else None

    @property
    def confidence(self) -> float:
        """The probability with which such an interval has the true difference in it."""
        is_t = self.interval and self.method != "deterministic"
        return 1 - sum(_tails(self)) if is_t else CONFIDENCE


def judged(
    a: Sample, b: Sample, noise: Noise | None, *, higher: bool, tries: Tries = ONCE
) -> Verdict:
    """The verdict on two groups: a two-sided t interval of the difference of their means, at 95 %.

    Where a side was chosen as the best of k, its number is too good by luck. What would follow
    from that luck alone is claimed only at a k-th of the error probability (Bonferroni), which
    makes the interval wider on that side. It is so on both sides where there were several looks:
    who makes replicates until the verdict pleases has as many chances (Armitage, McPherson and
    Rowe, Journal of the Royal Statistical Society A 132 (1969)). Looks that follow each other
    closely see nearly the same: those count that have twice as many replicates as the one before.
    """
    if not (a.values and b.values):
        return _diverged(a, b, higher)
    difference = a.mean - b.mean
    verdict = Verdict(
        verdict="indistinguishable", higher=higher, a=a, b=b, method="none", tries=tries,
        difference=difference, noise=noise,
    )  # fmt: skip
    if noise is None:
        return verdict
    verdict = msgspec.structs.replace(verdict, method=noise.method)
    counts = (len(a.values), len(b.values))
    error = noise.error(*counts)
    if not math.isfinite(difference) or not math.isfinite(error):
        return verdict
    if noise.method == "deterministic":
        word = _word(verdict, clear=difference != 0)
        return msgspec.structs.replace(verdict, verdict=word, interval=(difference, difference))
    clear = is_clear(abs(difference), noise, counts, most=chance(verdict))
    return msgspec.structs.replace(
        verdict,
        verdict=_word(verdict, clear=clear),
        interval=_interval(verdict, noise, error),
    )


def same(a: Sample, b: Sample, higher: bool) -> Verdict:
    """The verdict on runs that are replicates of each other: whatever differs is noise."""
    difference = a.mean - b.mean if a.values and b.values else None
    return Verdict(
        verdict="indistinguishable", higher=higher, a=a, b=b, method="replicates",
        difference=difference,
    )  # fmt: skip


def _diverged(a: Sample, b: Sample, higher: bool) -> Verdict:
    """One that has no finite number is worse than one that has no other."""
    word: Word = "indistinguishable"
    if not a.values and b.values and not b.diverged:
        word = "worse"
    elif not b.values and a.values and not a.diverged:
        word = "improved"
    return Verdict(verdict=word, higher=higher, a=a, b=b, method="diverged")


def is_ahead(verdict: Verdict) -> bool:
    """Whether the candidate is ahead, by however little."""
    if verdict.difference is None:
        return verdict.verdict == "improved"
    return verdict.difference > 0 if verdict.higher else verdict.difference < 0


def _word(verdict: Verdict, *, clear: bool) -> Word:
    """A side of which some runs have diverged is never called better for those that have not."""
    better = is_ahead(verdict)
    if not clear or (verdict.a if better else verdict.b).diverged:
        return "indistinguishable"
    return "improved" if better else "worse"


def chance(verdict: Verdict) -> float:
    """The probability that a tail may have, on the side of who is ahead."""
    tries = verdict.tries
    return _allowed((tries.a if is_ahead(verdict) else tries.b) * chances(tries.looks))


def chances(looks: int) -> float:
    """How many looks count of so many: each doubling is one more."""
    return 1 + math.log2(looks)


def _allowed(tries: float) -> float:
    return (1 - CONFIDENCE) / 2 / tries


def is_clear(gap: float, noise: Noise, counts: tuple[int, int], *, most: float) -> bool:
    """Whether so large a difference of means of so many runs is less likely than that by chance."""
    error = noise.error(*counts)
    return gap > 0 and (error == 0 or student.tail(gap / error, noise.df) < most)


def _interval(verdict: Verdict, noise: Noise, error: float) -> tuple[float, float]:
    assert verdict.difference is not None
    low, high = (error * student.quantile(one, noise.df) for one in _tails(verdict))
    return verdict.difference - low, verdict.difference + high


def _tails(verdict: Verdict) -> tuple[float, float]:
    """The probabilities of error below and above the interval."""
    a, b, looks = verdict.tries
    low, high = (a, b) if verdict.higher else (b, a)
    return _allowed(low * chances(looks)), _allowed(high * chances(looks))
