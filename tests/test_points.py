"""Points: one metric's numbers with their step, time and rank."""

from __future__ import annotations

import math
from typing import Any

import pytest

from git_exp import points, records
from git_exp.points import Point

T = records.stamp(7)


def a_line(value: Any, **given: Any) -> bytes:
    return records.line(records.Track(t=T, elapsed_ms=2.5, value=value, **given)).rstrip(b"\n")


def test_points_are_all_the_numbers_in_their_order() -> None:
    found = points.read([a_line({"loss": 2, "acc": 0.5}, step=3), a_line(7, rank=1)])

    assert list(found) == [
        Point("loss", 2, T, 2.5, 3, 0),
        Point("acc", 0.5, T, 2.5, 3, 0),
        Point("value", 7, T, 2.5, None, 1),
    ]


def test_one_metric_may_be_asked_for() -> None:
    found = points.read([a_line({"loss": 2, "val": {"loss": 3}})], "val.loss")

    assert [one.value for one in found] == [3]


def test_a_step_inside_the_value_stands_for_one_that_was_not_given() -> None:
    lines = [a_line({"loss": 1, "step": 5}), a_line({"loss": 1, "step": 5}, step=9)]

    assert [one.step for one in points.read(lines)] == [5, 9]


def test_other_lines_and_damaged_ones_are_passed_over() -> None:
    note = records.line(records.Note(t=T, text="x")).rstrip(b"\n")

    assert list(points.read([b"torn", note])) == []


def test_special_numbers_come_back_as_floats() -> None:
    (nan, infinite) = points.read([a_line(math.nan), a_line(-math.inf)])

    assert math.isnan(nan.value)
    assert infinite.value == -math.inf


@pytest.mark.parametrize(
    ("value", "expected"), [(3, 3.0), (2**2000, math.inf), (-(2**2000), -math.inf)]
)
def test_an_integer_beyond_the_floats_is_infinite(value: int, expected: float) -> None:
    assert points.number(value) == expected
