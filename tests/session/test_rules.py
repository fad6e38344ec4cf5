"""The rules of a session, one table each."""

from __future__ import annotations

import math

import pytest

from git_exp import directions
from git_exp.session import TaskType, TrendPattern, rules
from git_exp.session.models import Direction

INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("metric", "direction", "known"),
    [
        ("rmse", "minimize", True),
        ("val_loss", "minimize", True),
        ("valLoss", "minimize", True),
        ("val/log_loss", "minimize", True),
        ("test.MAE", "minimize", True),
        ("error_rate", "minimize", True),
        ("perplexity", "minimize", True),
        ("WER", "minimize", True),
        ("cer@10", "minimize", True),
        ("neg_rmse", "maximize", True),
        ("neg_log_loss", "maximize", True),
        ("test_neg_mean_squared_error", "maximize", True),
        ("eval/neg_rmse", "maximize", True),
        ("loss1", "minimize", True),
        ("bleu4", "maximize", True),
        ("mAP", "maximize", True),
        *((name, "minimize", True) for name in sorted(directions.LOWER)),
        *((name, "maximize", True) for name in sorted(directions.HIGHER)),
        ("accuracy", "maximize", True),
        ("roc_auc", "maximize", True),
        ("f1", "maximize", True),
        ("f1_macro", "maximize", True),
        ("r2", "maximize", True),
        # Whole words: none of these has an error, a loss or a mae in it.
        ("terror", "maximize", False),
        ("glossary", "maximize", False),
        ("maestro", "maximize", False),
        ("", "maximize", False),
        ("tokens", "maximize", False),
    ],
)
def test_the_direction_of_a_metric_is_told_by_whole_words(
    metric: str, direction: str, known: bool
) -> None:
    assert rules.direction_of(metric) == (direction, known)


def test_the_metrics_of_the_page_are_known() -> None:
    lower = ["loss", "rmse", "mse", "mae", "mape", "wer", "cer", "perplexity", "error"]

    assert set(lower) <= directions.LOWER
    assert not directions.LOWER & directions.HIGHER
    assert {"accuracy", "f1", "r2", "auc", "precision", "recall"} <= directions.HIGHER


@pytest.mark.parametrize(
    ("task", "metrics", "usual"),
    [
        (TaskType.REGRESSION, ("r2", "mse", "mae", "rmse"), "rmse"),
        (TaskType.REGRESSION, ("r2", "mse", "mae"), "mae"),
        (TaskType.REGRESSION, ("r2", "mse"), "mse"),
        (TaskType.REGRESSION, ("f1", "r2"), "r2"),
        (TaskType.REGRESSION, ("f1",), None),
        (TaskType.CLASSIFICATION, ("log_loss", "roc_auc", "accuracy", "f1"), "f1"),
        (TaskType.CLASSIFICATION, ("log_loss", "roc_auc", "accuracy"), "accuracy"),
        (TaskType.CLASSIFICATION, ("log_loss", "roc_auc"), "roc_auc"),
        (TaskType.CLASSIFICATION, ("rmse", "log_loss"), "log_loss"),
        (None, ("accuracy", "r2"), "r2"),
        (None, ("log_loss",), "log_loss"),
        (None, ("speed",), None),
    ],
)
def test_the_usual_metric_is_the_first_that_a_result_has(
    task: TaskType | None, metrics: tuple[str, ...], usual: str | None
) -> None:
    assert rules.usual_metric(task, dict.fromkeys(metrics, 1.0)) == usual


@pytest.mark.parametrize(
    ("new", "reference", "direction", "by", "improves"),
    [
        (0.8, None, "maximize", 0.005, True),
        (NAN, None, "maximize", 0.005, False),
        # Strictly above, and as the numbers are written: floats have 0.804 a trifle above.
        (0.804, 0.8, "maximize", 0.005, False),
        (0.8041, 0.8, "maximize", 0.005, True),
        (0.796, 0.8, "minimize", 0.005, False),
        (0.7959, 0.8, "minimize", 0.005, True),
        (0.79, 0.8, "maximize", 0.005, False),
        (5970, 6000, "minimize", 0.005, False),
        (5969, 6000, "minimize", 0.005, True),
        # At zero and below.
        (1e-300, 0.0, "maximize", 0.5, True),
        (0.0, 0.0, "maximize", 0.0, False),
        (-1e-9, 0, "minimize", 0.005, True),
        (-99.6, -100.0, "maximize", 0.005, False),
        (-99.4, -100.0, "maximize", 0.005, True),
        (-100.6, -100.0, "minimize", 0.005, True),
        # A threshold of nothing: any gain.
        (math.nextafter(1.0, 2), 1.0, "maximize", 0.0, True),
        (1.0, 1.0, "maximize", 0.0, False),
        # What is not finite.
        (INF, 1.0, "maximize", 0.005, True),
        (1.0, INF, "minimize", 0.005, True),
        (INF, INF, "maximize", 0.005, False),
        (-INF, 1.0, "maximize", 0.005, False),
        (NAN, 1.0, "minimize", 0.005, False),
        (1.0, NAN, "minimize", 0.005, False),
        (2.0, 1.0, "maximize", INF, False),
        pytest.param(10**400, 10**399, "maximize", 0.005, True, id="large"),
    ],
)
def test_an_improvement_is_relative_to_the_reference_and_strictly_above_the_threshold(
    new: float, reference: float | None, direction: Direction, by: float, improves: bool
) -> None:
    assert rules.improves(new, reference, direction, by=by) is improves


@pytest.mark.parametrize(
    ("values", "direction", "pattern"),
    [
        ([], "maximize", TrendPattern.INITIAL),
        ([1, 2], "maximize", TrendPattern.INITIAL),
        ([1, 2, 3], "maximize", TrendPattern.IMPROVING),
        ([1, 2, 3], "minimize", TrendPattern.DEGRADING),
        ([3, 2, 1], "minimize", TrendPattern.IMPROVING),
        ([1, 2, 2], "maximize", TrendPattern.IMPROVING),
        ([1, 2, 2.005], "maximize", TrendPattern.IMPROVING),
        ([2, 1, 1], "maximize", TrendPattern.DEGRADING),
        ([1, 1.005, 1.0], "maximize", TrendPattern.PLATEAU),
        ([1, 2, 1], "maximize", TrendPattern.FLUCTUATING),
        ([2, 1, 2], "minimize", TrendPattern.FLUCTUATING),
        ([9, 1, 1, 1], "maximize", TrendPattern.PLATEAU),
        ([1, NAN, 2], "maximize", TrendPattern.PLATEAU),
    ],
)
def test_the_trend_is_that_of_the_last_three(
    values: list[float], direction: Direction, pattern: TrendPattern
) -> None:
    assert rules.trend(values, direction, by=0.005) is pattern


@pytest.mark.parametrize(
    ("value", "of", "percent"),
    [
        (4500.0, 6000.0, -25.0),
        (6000.0, 4500.0, pytest.approx(33.3333333)),
        (-4.0, -5.0, 20.0),
        (1.0, 0.0, None),
        (1.0, None, None),
        (INF, 1.0, None),
        (1.0, NAN, None),
        pytest.param(10**400, 3, None, id="large"),
        (1e308, -1e-308, None),
    ],
)
def test_a_change_is_signed_and_in_percent(value: float, of: float | None, percent: float) -> None:
    assert rules.percent(value, of) == percent
