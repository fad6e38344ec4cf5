"""Metrics: the paths of numeric leaves, and their summary over a run."""

from __future__ import annotations

import math
from typing import Any

import pytest

from git_exp import metrics, records
from git_exp.metrics import Fold
from git_exp.records import Summary, Track

T = "2026-01-02T03:04:05.000000Z"


def folded(*values: Any, steps: list[Any] | None = None) -> dict[str, Summary]:
    fold = Fold()
    for at, value in enumerate(values):
        step = steps[at] if steps else None
        fold.lines([records.line(Track(t=T, value=value, step=step))[:-1]])
    return fold.summaries


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (0.5, {"value": 0.5}),
        ({"loss": 1, "acc": 0.5}, {"loss": 1, "acc": 0.5}),
        ({"metrics": {"loss": 1}}, {"loss": 1}),
        ({"metrics": {"train": {"loss": 1}}}, {"train.loss": 1}),
        ({"train": {"metrics": {"loss": 1}}}, {"train.metrics.loss": 1}),
        ({"metrics": 3}, {"metrics": 3}),
        ({"metricsloss": 3}, {"metricsloss": 3}),
        ({"a": {"b": {"c": 2**70}}}, {"a.b.c": 2**70}),
        ({"done": True, "epochs": [1, 2], "name": "x", "none": None}, {}),
        ({"step": 3, "loss": 1}, {"loss": 1}),
        ({"metrics": {"step": 3}}, {}),
        ({"train": {"step": 3}}, {"train.step": 3}),
        ({"loss": 1, "metrics": {"loss": 2}}, {"loss": 1}),
        ({"metrics": {"loss": 2}, "loss": 1}, {"loss": 2}),
        ({"a.b": 1, "a": {"b": 2}}, {"a.b": 1}),
        ({"a": {"b": 2}, "a.b": 1}, {"a.b": 2}),
        ({"loss": "Infinity"}, {"loss": math.inf}),
        ("text", {}),
        (None, {}),
        ([1, 2], {}),
        (True, {}),
    ],
    ids=range(21),
)
def test_a_metric_is_a_numeric_leaf_under_its_dotted_path(
    value: Any, found: dict[str, Any]
) -> None:
    assert list(metrics.leaves(value)) == list(found.items())


def test_leaves_come_in_the_order_of_the_keys() -> None:
    value = {"z": 1, "a": {"y": 2, "b": 3}, "m": 4}

    assert [path for path, _ in metrics.leaves(value)] == ["z", "a.y", "a.b", "m"]


def test_a_value_that_nests_without_end_is_walked() -> None:
    value: Any = 0.5
    for _ in range(50_000):
        value = {"a": value}

    assert [number for _, number in metrics.leaves(value)] == [0.5]


def test_a_summary_has_the_extremes_and_the_steps_where_they_were() -> None:
    found = folded({"loss": 2}, {"loss": 1}, {"loss": 3}, {"loss": 2.5}, steps=[1, 2, 3, 4])

    assert found == {
        "loss": Summary(last=2.5, min=1, max=3, first=2, count=4, min_step=2, max_step=3)
    }


def test_min_and_max_pass_over_nan_and_last_does_not() -> None:
    found = folded({"loss": math.nan}, {"loss": 1.0}, {"loss": math.nan}, steps=[1, 2, 3])

    loss = found["loss"]
    assert math.isnan(loss.first)
    assert math.isnan(loss.last)
    assert (loss.min, loss.max, loss.min_step, loss.max_step, loss.count) == (1.0, 1.0, 2, 2, 3)


def test_a_metric_that_was_never_a_number_has_no_extremes() -> None:
    loss = folded({"loss": math.nan}, {"loss": math.nan}, steps=[1, 2])["loss"]

    assert (loss.min, loss.max, loss.min_step, loss.max_step) == (None, None, None, None)


def test_infinities_count_and_come_back_as_floats() -> None:
    loss = folded({"loss": math.inf}, {"loss": -math.inf}, {"loss": 1})["loss"]

    assert (loss.first, loss.max, loss.min, loss.last) == (math.inf, math.inf, -math.inf, 1)


def test_integers_beyond_all_floats_count() -> None:
    huge = 10**400

    loss = folded({"loss": huge}, {"loss": -huge}, {"loss": 0.5})["loss"]

    assert (loss.min, loss.max) == (-huge, huge)


@pytest.mark.parametrize(
    ("value", "given", "counted"),
    [
        ({"step": 7, "loss": 1}, None, 7),
        ({"step": 7, "loss": 1}, 3, 3),
        ({"step": 7, "loss": 1}, 0, 0),
        ({"step": 0.5, "loss": 1}, None, 0.5),
        ({"loss": 1}, None, None),
        ({"step": "seven", "loss": 1}, None, None),
        ({"step": True, "loss": 1}, None, None),
        ({"step": {"a": 1}, "loss": 1}, None, None),
    ],
    ids=range(8),
)
def test_a_given_step_counts_before_one_in_the_value(value: Any, given: Any, counted: Any) -> None:
    summary = folded(value, steps=[given])["loss"]

    assert summary.min_step == counted


def test_a_thousand_metrics_are_kept_and_the_rest_is_counted() -> None:
    fold = Fold()
    names = [f"m{number:04d}" for number in range(1_003)]

    fold.add(Track(t=T, value=dict.fromkeys(names, 1)))
    fold.add(Track(t=T, value=dict.fromkeys(names, 2)))

    assert list(fold.summaries) == names[:1_000]
    assert fold.summaries["m0999"].last == 2
    assert fold.left_out == {"m1000", "m1001", "m1002"}


def test_lines_that_are_no_tracks_are_passed_over() -> None:
    fold = Fold()

    fold.lines([b"damaged", records.line(records.Note(t=T, text="x"))[:-1], b""])

    assert fold.summaries == {}


def test_a_summary_is_read_back_from_its_record_with_its_floats() -> None:
    summary = Summary(last="NaN", min="-Infinity", max="Infinity", first=2**70, count=4, min_step=1)

    read = metrics.read({"loss": summary})["loss"]

    assert math.isnan(read.last)
    assert (read.min, read.max, read.first) == (-math.inf, math.inf, 2**70)
    assert (read.count, read.min_step, read.max_step) == (4, 1, None)
