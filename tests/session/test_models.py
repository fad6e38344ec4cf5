"""Fields are checked when a model is built and when they are assigned."""

from __future__ import annotations

import math
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from git_exp import BadField, Unencodable
from git_exp.session import (
    ConversationEntry,
    ExperimentConfig,
    ExperimentPhase,
    ExperimentResult,
    ExperimentState,
    Hypothesis,
    HypothesisSet,
    PreprocessingConfig,
    TaskType,
    TrendPattern,
    create_initial_state,
)

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"max_iterations": 0}, "max_iterations: expected int >= 1, got 0"),
    ({"max_iterations": "20"}, "max_iterations: expected int, got str '20'"),
    ({"max_iterations": True}, "max_iterations: expected int, got bool True"),
    ({"max_iterations": 2.5}, "max_iterations: expected int, got float 2.5"),
    ({"time_budget": -1}, "time_budget: expected int >= 0, got -1"),
    ({"time_budget": -0.5}, "time_budget: expected float >= 0.0, got -0.5"),
    ({"time_budget": math.nan}, "time_budget: expected float >= 0.0, got nan"),
    ({"plateau_threshold": -3}, "plateau_threshold: expected int >= 1, got -3"),
    ({"improvement_threshold": -1.0}, "improvement_threshold: expected float >= 0.0, got -1.0"),
    ({"max_consecutive_failures": 0}, "max_consecutive_failures: expected int >= 1, got 0"),
    ({"direction": "up"}, "direction: expected one of 'minimize', 'maximize', got 'up'"),
    ({"task_type": "x"}, "task_type: expected one of 'classification', 'regression', got 'x'"),
    ({"primary_metric": 3}, "primary_metric: expected str | null, got int 3"),
    ({"target_metric_value": "0"}, "target_metric_value: expected int | float | null, got str '0'"),
    ({"data_path": None}, "data_path: expected a value, got none"),
    ({"target_column": None}, "target_column: expected a value, got none"),
    ({"task_type": None}, "task_type: expected a value, got none"),
]  # fmt: skip
DATA: dict[str, Any] = {"data_path": "d.csv", "target_column": "y", "task_type": "regression"}


@pytest.mark.parametrize("strategy", ["drop", "mean", "median", "mode", "constant"])
def test_every_strategy_of_the_page_is_taken(strategy: Any) -> None:
    assert PreprocessingConfig(missing_values=strategy).missing_values == strategy


@pytest.mark.parametrize(("given", "said"), WRONG)
def test_a_wrong_field_is_named_with_what_it_expects_and_got(
    given: dict[str, Any], said: str
) -> None:
    config = ExperimentConfig(**DATA)
    ((name, value),) = given.items()

    with pytest.raises(BadField) as built:
        ExperimentConfig(**{**DATA, **given})

    assert str(built.value) == f"ExperimentConfig.{said}"
    with pytest.raises(ValueError, match=rf"ExperimentConfig\.{name}: ") as assigned:
        setattr(config, name, value)
    assert str(assigned.value) == str(built.value)
    assert getattr(config, name) == getattr(ExperimentConfig(**DATA), name)


@pytest.mark.parametrize(
    ("model", "given", "said"),
    [
        (Hypothesis, {"hypothesis_id": "h", "statement": "s", "confidence_score": 1.5},
         "Hypothesis.confidence_score: expected float <= 1.0, got 1.5"),
        (HypothesisSet, {"iteration": 1, "exploration_vs_exploitation": "both"},
         "HypothesisSet.exploration_vs_exploitation: "
         "expected one of 'explore', 'exploit', 'balanced', got 'both'"),
        (PreprocessingConfig, {"scaling": "robust"},
         "PreprocessingConfig.scaling: expected one of 'standard', 'minmax', 'none', got 'robust'"),
        (PreprocessingConfig, {"target_transform": "sqrt"},
         "PreprocessingConfig.target_transform: expected one of 'log', 'none', got 'sqrt'"),
        (ExperimentResult, {"experiment_name": "a", "iteration": -1},
         "ExperimentResult.iteration: expected int >= 0, got -1"),
        (ExperimentResult, {"experiment_name": "a", "iteration": 0, "metrics": {"rmse": "6"}},
         "ExperimentResult.metrics[...]: expected int | float, got str"),
        (ExperimentResult, {"experiment_name": "a", "iteration": 0, "preprocessing": 3},
         "ExperimentResult.preprocessing: expected object, got int 3"),
        (ExperimentResult, {"experiment_name": "a", "iteration": 0, "execution_time": -1.0},
         "ExperimentResult.execution_time: expected float >= 0.0, got -1.0"),
        (ExperimentResult, {"experiment_name": "a", "iteration": 0,
                            "preprocessing": {"scaling": "robust"}},
         "ExperimentResult.preprocessing.scaling: invalid enum value 'robust'"),
        (ExperimentResult, {"experiment_name": "a", "iteration": 0,
                            "preprocessing": {"scalling": "none"}},
         "ExperimentResult.preprocessing: object contains unknown field scalling, got dict"),
        (ExperimentState, {"config": {"goal": "g", "direction": "\ud800"}}, ""),
        (ExperimentState, {"config": {}},
         "ExperimentConfig.data_path: expected a value, got none"),
        (ExperimentState, {"config": None}, "ExperimentState.config: expected object, got null"),
    ],
)  # fmt: skip
def test_what_each_model_refuses(model: type[Any], given: dict[str, Any], said: str) -> None:
    with pytest.raises(BadField) as refused:
        model(**given)

    assert str(refused.value) == said or not said


def test_what_is_nested_deeper_than_a_file_is_read_is_refused() -> None:
    deep: Any = 1
    for _ in range(150):
        deep = [deep]

    with pytest.raises(Unencodable, match="model_params: it is nested over 100 levels deep"):
        ExperimentResult(experiment_name="a", iteration=0, model_params={"a": deep})


def test_what_is_nested_without_end_is_refused() -> None:
    deep: list[Any] = []
    for _ in range(5_000):
        deep = [deep]
    round_and_round: dict[str, Any] = {}
    round_and_round["it"] = round_and_round

    for given in ({"a": deep}, round_and_round):
        with pytest.raises(BadField, match="model_params: it is nested too deeply"):
            ExperimentResult(experiment_name="a", iteration=0, model_params=given)
    with pytest.raises(Unencodable, match="DType cannot be stored"):
        ExperimentResult(experiment_name="a", iteration=0, model_params={"a": np.dtype("f4")})


def test_two_states_of_one_config_are_two() -> None:
    config = ExperimentConfig(goal="g")
    one, other = ExperimentState(config=config), ExperimentState(config=config)

    one.config.max_iterations = 1

    assert (other.config.max_iterations, config.max_iterations) == (20, 20)


def test_the_goal_of_a_session_without_data_stays() -> None:
    config = ExperimentConfig(goal="g")

    with pytest.raises(BadField, match="data_path: expected a value"):
        config.goal = None

    assert config.goal == "g"


def test_what_no_file_could_hold_is_refused_at_once() -> None:
    with pytest.raises(Unencodable, match="model_params: values of type object cannot be stored"):
        ExperimentResult(experiment_name="a", iteration=0, model_params={"model": object()})


def test_what_says_the_same_is_converted() -> None:
    said: dict[str, Any] = {"data_path": Path("a/b.csv"), "task_type": "regression"}
    given: dict[str, Any] = {
        "iteration": np.int64(3),
        "metrics": {"rmse": np.float32(0.5), "n": np.int64(7), "r2": np.float64(0.25)},
        "model_params": {"depth": np.int64(4), "sizes": [np.int64(1)]},
        "preprocessing": {"scaling": "none"},
    }

    config = ExperimentConfig(target_column="y", **said)
    result = ExperimentResult(experiment_name="a", **given)

    assert (config.data_path, config.task_type) == ("a/b.csv", TaskType.REGRESSION)
    assert result.metrics == {"rmse": 0.5, "n": 7, "r2": 0.25}
    assert {type(one) for one in result.metrics.values()} == {int, float}
    assert type(result.iteration) is int
    assert result.model_params == {"depth": 4, "sizes": [1]}
    assert result.preprocessing == PreprocessingConfig(scaling="none")


def test_no_two_models_share_what_can_change() -> None:
    one, other = (ExperimentResult(experiment_name=name, iteration=0) for name in "ab")

    one.preprocessing.scaling = "none"
    one.metrics["rmse"] = 1.0

    assert (other.preprocessing.scaling, other.metrics) == ("standard", {})


def test_the_conversation_has_two_names() -> None:
    state = create_initial_state("d.csv", "y", "regression")
    entry = ConversationEntry(role="user", content="go on")

    state.conversation = [entry]

    assert state.gemini_conversation_history == state.conversation == [entry]
    with pytest.raises(BadField, match="gemini_conversation_history"):
        state.conversation = [3]  # type: ignore[list-item]


def test_the_top_hypothesis_has_the_lowest_number_and_of_several_the_most_confidence() -> None:
    def hypothesis(name: str, priority: int, confidence: float) -> Hypothesis:
        return Hypothesis(
            hypothesis_id=name, statement=name, priority=priority, confidence_score=confidence
        )

    many = [hypothesis("a", 2, 0.9), hypothesis("b", 1, 0.4), hypothesis("c", 1, 0.6)]

    top = HypothesisSet(iteration=1, hypotheses=many).get_top_hypothesis()

    assert top is not None
    assert top.statement == "c"
    assert HypothesisSet(iteration=1).get_top_hypothesis() is None


def test_a_result_is_compared_with_the_baseline_and_the_best_before_it() -> None:
    state = create_initial_state("d.csv", "y", "regression")
    for at, rmse in enumerate((6000.0, 5000.0, 5500.0, 4500.0)):
        state.add_experiment(
            ExperimentResult(experiment_name=f"e{at}", iteration=at, metrics={"rmse": rmse})
        )

    found = [state.compare(one) for one in state.experiments]

    told = [
        (one.change_from_baseline_pct, one.best_value, one.is_improvement, one.is_new_best)
        for one in found
        if one
    ]
    assert told == [
        (None, 6000.0, False, True),
        (pytest.approx(-100 / 6), 5000.0, True, True),
        (pytest.approx(-50 / 6), 5000.0, True, False),
        (-25.0, 4500.0, True, True),
    ]
    assert state.compare(ExperimentResult(experiment_name="x", iteration=9)) is None
    assert state.get_trend() is TrendPattern.FLUCTUATING


def test_a_result_that_failed_is_never_the_best() -> None:
    state = create_initial_state("d.csv", "y", "regression")
    for name, rmse, success in (("good", 5.0, True), ("failed", 1.0, False)):
        state.add_experiment(
            ExperimentResult(
                experiment_name=name, iteration=0, metrics={"rmse": rmse}, success=success
            )
        )

    found = state.compare(state.experiments[1])

    assert found is not None
    assert (found.is_new_best, found.best_value, state.best_metric) == (False, 5.0, 5.0)


def test_a_metric_that_nobody_knows_is_maximized_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="metric 'tokens' is unknown: taken as one to maximize"):
        create_initial_state("d.csv", "y", "regression", primary_metric="tokens")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        create_initial_state("d.csv", "y", "regression", primary_metric="val_loss")
        create_initial_state(
            "d.csv", "y", "regression", primary_metric="tokens", direction="minimize"
        )


def test_a_config_that_nobody_knows_is_named() -> None:
    with pytest.raises(BadField, match="ExperimentConfig: it has no field 'max_iteration'"):
        create_initial_state("d.csv", "y", "regression", max_iteration=3)


def test_a_phase_is_assigned_by_its_value() -> None:
    state = create_initial_state("d.csv", "y", "regression")

    state.phase = "completed"  # type: ignore[assignment]

    assert state.phase is ExperimentPhase.COMPLETED


def test_the_package_is_imported_without_what_is_heavy() -> None:
    code = "import sys, git_exp.session; git_exp.session.ExperimentState; print(*sys.modules)"

    loaded = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True).stdout

    assert not {"polars", "numpy", "pygit2", "click"} & set(loaded.split())
