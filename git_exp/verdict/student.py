"""Student's t distribution and Fisher's F: the probability of a tail, and the value that has it."""

from __future__ import annotations

import math
from functools import lru_cache

_ROUNDS = 10_000
_EXACT = 1e-15
_TINY = 1e-300


def tail(t: float, df: float) -> float:
    """The probability that a value of Student's distribution is over `t`, which is not negative.

    It is half the regularized incomplete beta function at df / (df + t^2) with the parameters
    df / 2 and 1 / 2: Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 26.7.1.
    """
    square = t * t
    if math.isinf(square):
        return 0.0
    return _beta(df / (df + square), square / (df + square), df / 2, b=0.5) / 2


def tail_of_f(ratio: float, above: float, below: float) -> float:
    """The probability that a ratio of two variances of so many degrees of freedom is greater.

    Abramowitz and Stegun (1964), 26.6.2.
    """
    whole = below + above * ratio
    if math.isinf(whole):
        return 0.0
    return _beta(below / whole, above * ratio / whole, below / 2, b=above / 2)


def density(t: float, df: float) -> float:
    """The density of Student's distribution: Abramowitz and Stegun (1964), 26.7.2."""
    size = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - math.log(df * math.pi) / 2
    return math.exp(size - (df + 1) / 2 * math.log1p(t * t / df))


@lru_cache(maxsize=1_024)
def quantile(probability: float, df: float) -> float:
    """The value whose upper tail has a probability, which is at most a half.

    Newton's steps, which come from the left of a convex curve; one that leaves the bracket is
    replaced by its middle.
    """
    low, high = 0.0, 1.0
    while tail(high, df) > probability:
        low, high = high, 2 * high
    found = low
    for _ in range(100):
        over = tail(found, df) - probability
        low, high = (found, high) if over > 0 else (low, found)
        slope = density(found, df)
        step = found + over / slope if slope else math.inf
        nearer = step if low < step < high else (low + high) / 2
        if abs(nearer - found) <= _EXACT * nearer:
            break
        found = nearer
    return found


def _beta(x: float, rest: float, a: float, *, b: float) -> float:
    """The regularized incomplete beta function with the parameters a and b; x + rest is 1."""
    if x <= 0 or rest <= 0:
        return 0.0 if x <= 0 else 1.0
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    front = math.exp(a * math.log(x) + b * math.log(rest) - log_beta)
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1 - front * _fraction(rest, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete beta function, by Lentz's method.

    NIST Digital Library of Mathematical Functions, 8.17.22; Press and others, Numerical Recipes
    (3rd edition, 2007), 6.4.
    """
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    found = d
    for m in range(1, _ROUNDS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for part in (even, odd):
            c, d = _away(1 + part / c), 1 / _away(1 + part * d)
            found *= c * d
        if abs(c * d - 1) < _EXACT:
            break
    return found


def _away(value: float) -> float:
    """A number that can be divided by."""
    return value if abs(value) > _TINY else _TINY
