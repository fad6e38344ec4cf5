"""How many more replicates would settle what is not to be told apart."""

from __future__ import annotations

from collections.abc import Callable

from git_exp.verdict import judging, noise, student
from git_exp.verdict.judging import Verdict

# More replicates than that of each are not worth counting.
MOST = 1_000
POWER = 0.8


def applies(verdict: Verdict) -> bool:
    """Whether more runs would tell something: the noise is known, and does not explain nothing."""
    noise = verdict.noise
    return bool(
        noise
        and noise.method in ("pooled", "welch")
        and verdict.interval
        and verdict.difference
        and verdict.interval[0] <= 0 <= verdict.interval[1]
    )


def fewest(verdict: Verdict, *, power: float | None = None) -> int | None:
    """How many runs of each it takes, if the difference and the noise stay what they are.

    They make the interval so narrow that it leaves out 0; with a power, a true difference of this
    size is found with that probability: the quantiles of error and power are added, as Snedecor
    and Cochran do, Statistical Methods (8th edition, 1989), 6.14. None is more than a thousand.
    """
    noise, difference = verdict.noise, verdict.difference
    assert noise
    assert difference
    gap, now, looks = abs(difference), judging.chance(verdict), verdict.tries.looks
    have = (len(verdict.a.values), len(verdict.b.values))

    def enough(each: int) -> bool:
        counts = (max(have[0], each), max(have[1], each))
        more = (counts[0] - have[0], counts[1] - have[1])
        known = noise.after(have, more)
        chance = now * judging.chances(looks) / judging.chances(looks + max(more))
        if power is None:
            return judging.is_clear(gap, known, counts, most=chance)
        needed = student.quantile(chance, known.df) + student.quantile(1 - power, known.df)
        return gap >= needed * known.error(*counts)

    return _least(enough)


def lacking(verdict: Verdict) -> tuple[int, int]:
    """How many more runs of the candidate and of the baseline to make, all before the next look.

    None of either where more would tell nothing. One replicate would hardly tell the noise: its t
    is 13; nor would many of one side, where the other has one run.
    """
    have = (len(verdict.a.values), len(verdict.b.values))
    if verdict.method == "none" and all(have):
        return _to_agree(*have) if verdict.a.df or verdict.b.df else (2, 0)
    if verdict.verdict != "indistinguishable" or not applies(verdict):
        return 0, 0
    runs = fewest(verdict) or MOST
    return max(runs - have[0], 0), max(runs - have[1], 0)


def _to_agree(a: int, b: int) -> tuple[int, int]:
    """How many more runs of each it takes to see that those of each always agree."""
    first, second = max(2 - a, 0), max(2 - b, 0)
    rest = max(noise.AGREED - (a + first - 1) - (b + second - 1), 0)
    return (first + rest, second) if a + first <= 2 else (first, second + rest)


def _least(enough: Callable[[int], bool]) -> int | None:
    """The least count that is enough, where every greater one is too."""
    if not enough(MOST):
        return None
    low, high = 1, 2
    while not enough(high):
        low, high = high, min(2 * high, MOST)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
