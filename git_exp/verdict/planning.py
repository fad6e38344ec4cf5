"""How many more replicates would settle what is not to be told apart."""

from __future__ import annotations

from collections.abc import Callable

from git_exp.verdict import judging, student
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
    gap, chance = abs(difference), judging.chance(verdict)
    have = (len(verdict.a.values), len(verdict.b.values))

    def enough(each: int) -> bool:
        counts = (max(have[0], each), max(have[1], each))
        known = noise.after(have, (counts[0] - have[0], counts[1] - have[1]))
        if power is None:
            return judging.is_clear(gap, known, counts, most=chance)
        needed = student.quantile(chance, known.df) + student.quantile(1 - power, known.df)
        return gap >= needed * known.error(*counts)

    return _least(enough)


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
