"""The chart of a metric: its lines placed, smoothed, thinned, and told of."""

from __future__ import annotations

import math
import sys
import tracemalloc
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from git_exp import chart, records
from git_exp.chart import Dot, Form, Line, Smoother, Thinned
from git_exp.points import Point
from git_exp.records import Summary
from git_exp.run import Run

START = 1_767_323_045_000_000
RUN = Run(id="11111111-0000-4000-8000-000000000000", commit="c", name="base")


def a_point(at: int, value: float, **given: Any) -> Point:
    usual: dict[str, Any] = {"step": None, "rank": 0, **given}
    return Point("loss", value, records.stamp(START + at * 1_000_000), at * 1e3, **usual)


def drawn(points: Iterable[Point], **form: Any) -> Line:
    return chart.line(RUN, points, Form(metric="loss", **form))


def test_a_line_stands_over_steps_or_over_the_order_of_what_has_none() -> None:
    points = [a_point(0, 3, step=10), a_point(1, 2, step=20.5), a_point(2, 1), a_point(3, 0)]

    line = drawn([*points[:2], *points[2:]])

    assert (line.run, line.name, line.count) == (RUN.id, "base", 4)
    assert line.dots == [Dot(2, 1), Dot(3, 0), Dot(10, 3), Dot(20.5, 2)]


@pytest.mark.parametrize("step", ["five", True, [1], float("inf"), 2**2000])
def test_a_step_that_is_no_finite_number_counts_as_none(step: Any) -> None:
    assert drawn([a_point(0, 3), a_point(1, 2, step=step)]).dots == [Dot(0, 3), Dot(1, 2)]


def test_a_line_stands_over_the_time_or_the_time_since_the_start_in_seconds() -> None:
    points = [a_point(0, 3, step=8), a_point(2, 1, step=9)]

    assert drawn(points, x="elapsed").dots == [Dot(0, 3), Dot(2, 1)]
    assert drawn(points, x="time").dots == [Dot(START / 1e6, 3), Dot(START / 1e6 + 2, 1)]


def test_nan_is_a_gap_and_infinities_are_left_out_and_counted() -> None:
    line = drawn([a_point(at, y) for at, y in enumerate([1, math.nan, -math.inf, 2**2000, 2])])

    assert line.dots == [Dot(0, 1), Dot(1, None), Dot(4, 2)]
    assert (line.count, line.infinite) == (5, 2)
    assert chart.remarks(line) == ["2 infinite values left out"]


def test_what_a_log_axis_cannot_show_is_left_out_and_counted() -> None:
    line = drawn([a_point(at, y) for at, y in enumerate([1, 0, -1, 2])], log=True)

    assert line.dots == [Dot(0, 1), Dot(3, 2)]
    assert chart.remarks(line) == ["2 values of 0 or less left out: the axis is log"]


def test_of_several_ranks_the_lowest_is_drawn_and_that_is_said() -> None:
    line = drawn([a_point(0, 9, rank=2), a_point(0, 1, rank=1), a_point(1, 8, rank=2)])

    assert line.dots == [Dot(0, 1)]
    assert chart.remarks(line) == ["drawn from the lowest of its 2 ranks"]


def test_a_metric_that_was_never_tracked_makes_an_empty_line() -> None:
    assert drawn([]).empty
    assert drawn([a_point(0, math.nan)]).empty
    assert not drawn([a_point(0, 1)]).empty


# -- smoothing ---------------------------------------------------------------------------------


def test_smoothing_is_tensorboards() -> None:
    smoother = Smoother(0.6)

    found = [smoother.add(value) for value in (1.0, 2.0, 4.0)]

    # last = last * w + (1 - w) * next, divided by 1 - w ** n.
    assert found == pytest.approx([0.4 / 0.4, 1.04 / 0.64, 2.224 / 0.784])


@given(st.floats(0, 0.999), st.floats(allow_nan=False, allow_infinity=False))
def test_a_constant_stays_what_it_is(weight: float, value: float) -> None:
    smoother = Smoother(weight)

    assert [smoother.add(value) for _ in range(5)] == [value] * 5


@example(0.0, [1e303, -sys.float_info.max])
@given(st.floats(0, 0.999), st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_smoothed_values_are_finite(weight: float, values: list[float]) -> None:
    smoother = Smoother(weight)

    assert all(math.isfinite(smoother.add(value)) for value in values)


def test_nan_and_infinities_do_not_touch_what_is_smoothed() -> None:
    plain = drawn([a_point(0, 1), a_point(2, 3)], smooth=0.5).dots
    broken = drawn(
        [a_point(0, 1, step=0), a_point(1, math.nan, step=7), a_point(1, math.inf), a_point(2, 3)],
        smooth=0.5,
    ).dots

    assert [dot.y for dot in broken if dot.y is not None] == [dot.y for dot in plain]


# -- thinning ----------------------------------------------------------------------------------


def thinned(values: Iterable[float | None], limit: int = chart.LIMIT) -> list[Dot]:
    made = Thinned(limit)
    for at, value in enumerate(values):
        made.add(Dot(at, value))
    return made.dots()


def test_a_line_that_is_short_enough_is_whole() -> None:
    values = [at % 7 if at % 5 else None for at in range(900)]

    assert thinned(values) == [Dot(at, value) for at, value in enumerate(values)]


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=500))
def test_a_thinned_line_keeps_its_ends_and_its_peaks_and_invents_nothing(values: list[int]) -> None:
    dots = thinned(values, limit=20)

    assert len(dots) <= 20
    assert (dots[0], dots[-1]) == (Dot(0, values[0]), Dot(len(values) - 1, values[-1]))
    assert {min(values), max(values)} <= {dot.y for dot in dots}
    assert all(dot.y == values[int(dot.x)] for dot in dots)
    assert [dot.x for dot in dots] == sorted({dot.x for dot in dots})


def test_a_peak_of_one_point_in_many_is_kept() -> None:
    dots = thinned(float(at == 77_777) for at in range(100_000))

    assert len(dots) <= chart.LIMIT
    assert Dot(77_777, 1.0) in dots


def test_a_long_gap_is_kept_where_a_thinned_line_has_no_value() -> None:
    dots = thinned(None if 4_000 < at < 6_000 else 1.0 for at in range(10_000))

    gaps = [dot.x for dot in dots if dot.y is None]
    assert 4_000 < gaps[0] < gaps[-1] < 6_000


@pytest.mark.slow
def test_what_a_line_needs_does_not_grow_with_its_points() -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        drawn(a_point(at, at % 17) for at in range(count))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(40_000) < 1.3 * peak(4_000)


# -- words -------------------------------------------------------------------------------------


def test_labels_are_long_enough_to_tell_runs_apart() -> None:
    lines = [
        Line(run=f"aaaaaaaa-{end}", name=name, dots=[]) for end, name in (("1", "x"), ("2", ""))
    ]

    assert chart.labels(lines) == ["aaaaaaaa-1 x", "aaaaaaaa-2"]
    assert chart.labels(lines[:1]) == ["aaaaaaaa x"]


def test_the_title_says_what_was_done_to_the_values() -> None:
    assert chart.title(Form(metric="loss")) == "loss"
    assert chart.title(Form(metric="a", smooth=0.9, log=True)) == "a, smoothed 0.9, log scale"


def test_runs_that_have_a_metric_are_found_once_each() -> None:
    has = Run(id="1", commit="c", metrics={"loss": Summary(last=1)})

    assert chart.having([has, Run(id="2", commit="c"), has], "loss") == [has]


def test_a_line_falls_into_pieces_at_its_gaps() -> None:
    dots = [Dot(0, None), Dot(1, 1), Dot(2, 2), Dot(3, None), Dot(4, None), Dot(5, 5)]

    assert chart.segments(dots) == [[(1, 1), (2, 2)], [(5, 5)]]


def test_the_lines_of_all_metrics_are_those_of_each() -> None:
    run = Run(id="a", commit="")
    tracked = [
        Point(metric, float(at), "2026-01-02T03:04:05.000000Z", 0.0, at, rank)
        for at in range(3)
        for metric in ("loss", "acc")
        for rank in (1, 0)
    ]

    found = chart.every(run, tracked)

    assert found == {
        metric: chart.line(
            run, [one for one in tracked if one.metric == metric], Form(metric=metric)
        )
        for metric in ("loss", "acc")
    }
