"""A long course in few points: which of them stay."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_exp.agent.thinned import Thinned
from git_exp.points import Point

VALUES = st.lists(
    st.one_of(st.floats(), st.integers(), st.just(math.nan), st.just(1.0)), min_size=1, max_size=120
)


def thinned(values: list[float], limit: int) -> list[Point]:
    course = Thinned(limit)
    for at, value in enumerate(values):
        course.add(Point("m", value, "", 0.0, at, 0))
    assert course.count == len(values)
    return course.kept()


@settings(max_examples=40)
@given(VALUES, st.integers(4, 40))
def test_first_last_lowest_and_highest_stay_in_their_order(values: list[float], limit: int) -> None:
    kept = thinned(values, limit)

    steps = [one.step for one in kept]
    assert len(kept) <= limit
    assert steps == sorted(set(steps))
    assert (steps[0], steps[-1]) == (0, len(values) - 1)
    known = [value for value in values if value == value]
    there = [one.value for one in kept if one.value == one.value]
    if known:
        assert (min(there), max(there)) == (min(known), max(known))


@pytest.mark.parametrize("count", [1, 3, 4])
def test_few_are_all_kept(count: int) -> None:
    assert [one.step for one in thinned([math.nan] * count, 4)] == list(range(count))


def test_every_stretch_is_there() -> None:
    kept = thinned([float(n % 7) for n in range(20_000)], 100)

    steps = [one.step for one in kept]
    assert len(kept) >= 40
    assert max(b - a for a, b in itertools.pairwise(steps)) <= 20_000 / 20
