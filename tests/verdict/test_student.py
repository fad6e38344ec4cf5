"""Student's t distribution, beside scipy's."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_exp.verdict import student

DFS = (1, 1.5, 2, 3, 4.7, 10, 29, 100, 1_000, 50_000)
# From the tables that textbooks print.
PRINTED = {(0.025, 1): 12.706, (0.025, 4): 2.776, (0.025, 10): 2.228, (0.005, 30): 2.750}


@pytest.mark.parametrize("df", DFS)
def test_tails_and_quantiles_are_those_of_scipy(df: float) -> None:
    theirs = pytest.importorskip("scipy.stats").t

    for t in (0, 1e-9, 0.3, 1, 2.5, 10, 200, 1e6):
        assert student.tail(t, df) == pytest.approx(theirs.sf(t, df), rel=1e-9, abs=1e-300)
        assert student.density(t, df) == pytest.approx(theirs.pdf(t, df), rel=1e-9, abs=1e-300)
    for probability in (0.49, 0.2, 0.025, 0.005, 2.5e-6):
        ours = student.quantile(probability, df)
        assert ours == pytest.approx(theirs.isf(probability, df), rel=1e-9)


@pytest.mark.parametrize(("above", "below"), [(1, 1), (1, 20), (4, 7), (30, 2), (100, 1_000)])
def test_tails_of_f_are_those_of_scipy(above: int, below: int) -> None:
    theirs = pytest.importorskip("scipy.stats").f

    for ratio in (0.3, 1, 2.5, 10, 1e4):
        ours = student.tail_of_f(ratio, above, below)
        assert ours == pytest.approx(theirs.sf(ratio, above, below), rel=1e-9, abs=1e-300)
    assert student.tail_of_f(float("inf"), above, below) == 0


@pytest.mark.parametrize(("asked", "printed"), PRINTED.items())
def test_quantiles_are_those_of_the_printed_tables(
    asked: tuple[float, float], printed: float
) -> None:
    assert student.quantile(*asked) == pytest.approx(printed, abs=6e-4)


@given(st.floats(1e-9, 0.5), st.floats(1, 1e5))
def test_a_quantile_has_the_tail_that_was_asked_for(probability: float, df: float) -> None:
    assert student.tail(student.quantile(probability, df), df) == pytest.approx(probability)


def test_the_middle_and_the_end_have_their_tails() -> None:
    assert student.tail(0, 3) == 0.5
    assert student.tail(math.inf, 3) == 0
    assert student.quantile(0.5, 3) == pytest.approx(0, abs=1e-12)
