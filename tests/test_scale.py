"""Scales: where ticks stand on an axis and what they say."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_exp import scale
from git_exp.scale import Scale

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def words(axis: Scale, count: int) -> list[str]:
    return [tick.text for tick in scale.ticks(axis, count)]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 10, ["0", "2", "4", "6", "8", "10"]),
        (0.1, 0.9, ["0.2", "0.4", "0.6", "0.8"]),
        (-1, 1, ["-1.0", "-0.5", "0", "0.5", "1.0"]),
        (0.97, 1.01, ["0.97", "0.98", "0.99", "1.00", "1.01"]),
        (0, 50_000_000, ["0", "1e7", "2e7", "3e7", "4e7", "5e7"]),
        (0, 3e-7, ["0", "1e-7", "2e-7", "3e-7"]),
    ],
)
def test_ticks_are_round_and_tell_themselves_apart(
    low: float, high: float, expected: list[str]
) -> None:
    assert words(Scale(low, high), 5) == expected


def test_ticks_of_a_log_axis_are_1_2_5_or_powers_of_ten() -> None:
    assert words(Scale(0.03, 3, log=True), 5) == ["0.05", "0.1", "0.2", "0.5", "1", "2"]
    assert words(Scale(1e-6, 1e3, log=True), 5) == ["1e-06", "0.0001", "0.01", "1", "100"]
    assert words(Scale(2, 4, log=True), 5) == ["2.0", "2.5", "3.0", "3.5", "4.0"]


def test_a_log_axis_places_by_the_logarithm() -> None:
    assert Scale(1, 100, log=True).share(10) == 0.5
    assert Scale(0, 100).share(10) == 0.1


@pytest.mark.parametrize(("value", "log"), [(0.0, False), (3.0, False), (-3.0, False), (3.0, True)])
def test_a_single_value_stands_in_the_middle(value: float, log: bool) -> None:
    assert scale.of([value], log=log).share(value) == pytest.approx(0.5)


@given(st.lists(FINITE, min_size=1, max_size=9), st.integers(1, 20))
def test_any_values_have_a_place_and_no_tick_is_outside(values: list[float], count: int) -> None:
    axis = scale.of(values)

    assert all(0 <= axis.share(one) <= 1 for one in values)
    ticks = scale.ticks(axis, count)
    assert len(ticks) <= 3 * count + 2
    assert all(-0.01 <= axis.share(tick.at) <= 1.01 for tick in ticks)


@given(st.lists(st.floats(0, exclude_min=True, allow_infinity=False), min_size=1, max_size=9))
def test_any_positive_values_have_a_place_on_a_log_axis(values: list[float]) -> None:
    axis = scale.of(values, log=True)

    assert all(-1e-9 <= axis.share(one) <= 1 + 1e-9 for one in values)
    assert all(math.isfinite(tick.at) for tick in scale.ticks(axis, 5))


@pytest.mark.parametrize(
    ("seconds", "title", "first"),
    [
        (0.5, "elapsed (ms)", "0"),
        (90, "elapsed (s)", "0"),
        (1_200, "elapsed (min)", "0"),
        (36_000, "elapsed (h)", "0"),
        (864_000, "elapsed (d)", "0"),
    ],
)
def test_the_time_since_the_start_has_a_unit_that_fits(
    seconds: float, title: str, first: str
) -> None:
    said, ticks = scale.abscissa("elapsed", Scale(0, seconds), 5)

    assert said == title
    assert ticks[0].text == first
    assert 3 <= len(ticks) <= 7
    assert ticks[-1].at <= seconds * 1.001


def test_the_time_of_day_has_round_ticks_and_its_date() -> None:
    start = 1_767_323_045

    assert scale.abscissa("time", Scale(start, start + 7_200), 5) == (
        "time (UTC, 2026-01-02)",
        [(1_767_324_600, "03:30"), (1_767_326_400, "04:00"), (1_767_328_200, "04:30"),
         (1_767_330_000, "05:00")],
    )  # fmt: skip


def test_the_ticks_of_days_are_dates() -> None:
    title, ticks = scale.abscissa("time", Scale(1_767_323_045, 1_767_323_045 + 5 * 86_400), 5)

    assert title == "time (UTC, 2026-01-02 to 2026-01-07)"
    assert ticks[0].text == "2026-01-03"
