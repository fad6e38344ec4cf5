"""Curves: the course of a metric in constant memory, and its sparkline."""

from __future__ import annotations

import math

from git_exp import curve, records
from git_exp.curve import Curve


def a_track(value: object, rank: int = 0) -> bytes:
    event = records.Track(t=records.stamp(0), value=value, rank=rank)
    return records.line(event).rstrip(b"\n")


def test_few_values_are_points_as_they_are() -> None:
    made = Curve()
    for value in (1.0, 2.0, 4.0):
        made.add(value)

    assert made.points(20) == [1.0, 2.0, 4.0]


def test_many_values_become_means_and_no_more_memory() -> None:
    made = Curve(width=4)
    for value in range(100_000):
        made.add(float(value))

    points = made.points(4)

    assert len(made._sums) <= 8
    assert len(points) == 4
    assert points == sorted(point for point in points if point is not None)


def test_a_course_that_is_not_finite_leaves_a_gap() -> None:
    made = Curve()
    for value in (1.0, math.nan, math.inf, 2.0):
        made.add(value)

    assert made.points(20) == [1.0, None, None, 2.0]


def test_no_values_are_no_points() -> None:
    assert Curve().points(20) == []


def test_a_sparkline_rises_from_the_lowest_block_to_the_highest() -> None:
    assert curve.sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert curve.sparkline([2, None, 1]) == "█ ▁"


def test_a_constant_course_is_half_high_and_an_empty_one_is_nothing() -> None:
    assert curve.sparkline([3, 3, 3]) == "▄▄▄"
    assert curve.sparkline([None, None]) == ""
    assert curve.sparkline([]) == ""


def test_huge_values_are_drawn_too() -> None:
    assert curve.sparkline([-1e308, 0, 1e308]) == "▁▅█"
    assert curve.read([a_track(2**2000), a_track(1.0)])["value"].points(9) == [None, 1.0]


def test_two_huge_values_in_one_mean_are_a_gap() -> None:
    made = Curve(width=1)
    for value in (1e308, 1e308, 1.0):
        made.add(value)

    assert made.points(2) == [None, 1.0]


def test_curves_are_read_from_track_lines_and_other_lines_are_passed_over() -> None:
    note = records.line(records.Note(t=records.stamp(0), text="x")).rstrip(b"\n")
    lines = [a_track({"loss": 2, "step": 0}), b"torn", note, a_track({"loss": 1, "on": True})]

    curves = curve.read(lines)

    assert {path: one.points(9) for path, one in curves.items()} == {"loss": [2.0, 1.0]}


def test_of_several_ranks_the_lowest_one_is_drawn() -> None:
    lines = [a_track({"a": 5, "b": 7}, rank=1), a_track({"a": 1}), a_track({"a": 2})]

    curves = curve.read(lines)

    assert {path: one.points(9) for path, one in curves.items()} == {"a": [1.0, 2.0], "b": [7.0]}
