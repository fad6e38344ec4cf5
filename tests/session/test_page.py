"""The documented page of session state, block by block, as `git_exp.session` has it."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

# The page's blocks, as its users type them, with our import in the place of its own.
CREATE = """
from pathlib import Path
from git_exp.session import ExperimentState, create_initial_state
state = create_initial_state(
    data_path="data.csv",
    target_column="target",
    task_type="classification",
    constraints="Use interpretable models",
    max_iterations=20,
    time_budget=3600
)
state.save(Path("state.json"))
state = ExperimentState.load(Path("state.json"))
"""
RESULT = """
from git_exp.session import ExperimentResult, PreprocessingConfig
result = ExperimentResult(
    experiment_name="rf_baseline",
    iteration=1,
    model_type="RandomForestClassifier",
    model_params={"n_estimators": 100, "max_depth": 10},
    preprocessing=PreprocessingConfig(),
    metrics={"accuracy": 0.87, "f1": 0.85},
    hypothesis="Random forest will handle non-linear patterns",
    reasoning="Data shows complex interactions",
    execution_time=45.3,
    success=True,
    code_path="experiments/rf_baseline.py"
)
"""


def ran(*blocks: str) -> dict[str, object]:
    names: dict[str, object] = {}
    for block in blocks:
        exec(textwrap.dedent(block), names)
    return names


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_state_is_created_saved_and_loaded() -> None:
    state = ran(CREATE)["state"]

    assert re.fullmatch("[0-9a-f]{8}", state.session_id)  # type: ignore[attr-defined]
    assert state.config.task_type.value == "classification"  # type: ignore[attr-defined]
    assert state.config.plateau_threshold == 3  # type: ignore[attr-defined]
    assert state.config.improvement_threshold == 0.005  # type: ignore[attr-defined]
    assert state.phase.value == "initializing"  # type: ignore[attr-defined]
    assert state.current_iteration == 0  # type: ignore[attr-defined]


def test_a_result_is_added_and_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 1_700_000_000.0)
    more = """
    state.add_experiment(result)
    rmse = result.get_primary_metric("rmse")
    if rmse is not None:
        print(f"RMSE: {rmse:.4f}")
    should_stop, reason = state.should_terminate()
    if should_stop:
        print(f"Stopping: {reason}")
    elapsed = state.get_elapsed_time()
    print(f"Running for {elapsed:.1f}s")
    summary = state.get_summary()
    """

    names = ran(CREATE, RESULT, more)

    assert capsys.readouterr().out == "Running for 0.0s\n"
    summary = dict(names["summary"])  # type: ignore[call-overload]
    assert isinstance(summary.pop("elapsed_time"), float)
    summary.pop("session_id")
    assert summary == {
        "phase": "initializing",
        "current_iteration": 1,
        "max_iterations": 20,
        "best_metric": 0.85,
        "best_experiment": "rf_baseline",
        "total_experiments": 1,
        "successful_experiments": 1,
    }


def test_a_config_a_spec_and_preprocessing() -> None:
    ran(
        """
        from git_exp.session import ExperimentConfig, TaskType
        config = ExperimentConfig(
            data_path="data/housing.csv",
            target_column="price",
            task_type=TaskType.REGRESSION,
            constraints="Focus on linear models",
            max_iterations=15,
            time_budget=1800,
            plateau_threshold=3,
            improvement_threshold=0.005,
            target_metric_value=0.85,
            primary_metric="rmse"
        )
        assert config.output_dir is None
        from git_exp.session import ExperimentSpec, PreprocessingConfig
        spec = ExperimentSpec(
            experiment_name="xgb_tuned",
            hypothesis="XGBoost with depth limit will reduce overfitting",
            model_type="XGBClassifier",
            model_params={
                "n_estimators": 200,
                "max_depth": 6,
                "learning_rate": 0.05
            },
            preprocessing=PreprocessingConfig(
                missing_values="median",
                scaling="standard",
                encoding="onehot"
            ),
            reasoning="Previous deep trees showed overfitting on validation set"
        )
        assert spec.model_params["max_depth"] == 6
        preproc = PreprocessingConfig(
            missing_values="median",
            scaling="standard",
            encoding="onehot",
            target_transform="log"
        )
        assert (preproc.target_transform, PreprocessingConfig().target_transform) == ("log", None)
        """
    )


def test_a_profile_is_written_down() -> None:
    ran(
        """
        from git_exp.session import DataProfile
        profile = DataProfile(
            n_rows=1000,
            n_columns=15,
            columns=["age", "income", "target"],
            column_types={"age": "int64", "income": "float64"},
            numeric_columns=["age", "income"],
            categorical_columns=["city", "category"],
            target_column="target",
            target_type="categorical",
            missing_values={"age": 10, "income": 5},
            missing_percentages={"age": 1.0, "income": 0.5},
            numeric_stats={"age": {"mean": 40.5}},
            categorical_stats={"city": {"n_unique": 3}},
            target_stats={"n_classes": 2}
        )
        assert profile.numeric_stats["age"]["mean"] == 40.5
        """
    )


def test_an_analysis_and_hypotheses(capsys: pytest.CaptureFixture[str]) -> None:
    ran(
        """
        from git_exp.session import AnalysisResult, MetricComparison, TrendPattern
        analysis = AnalysisResult(
            experiment_name="xgb_tuned",
            iteration=5,
            success=True,
            primary_metric=MetricComparison(
                metric_name="rmse",
                current_value=4500.0,
                baseline_value=6000.0,
                best_value=4500.0,
                change_from_baseline_pct=-25.0,
                is_improvement=True,
                is_new_best=True
            ),
            trend_pattern=TrendPattern.IMPROVING,
            key_observations=[
                "New best RMSE achieved",
                "25% improvement over baseline",
                "Consistent improvement trend"
            ],
            reasoning="XGBoost depth limiting successfully reduced overfitting"
        )
        from git_exp.session import HypothesisSet, Hypothesis
        hypotheses = HypothesisSet(
            iteration=6,
            analysis_summary="XGBoost achieved best results, try further tuning",
            hypotheses=[
                Hypothesis(
                    hypothesis_id="h1",
                    statement="Lower learning rate will improve generalization",
                    rationale="Current model may be learning too fast",
                    suggested_model="XGBClassifier",
                    suggested_params={"learning_rate": 0.01, "n_estimators": 500},
                    confidence_score=0.85,
                    priority=1
                ),
                Hypothesis(
                    hypothesis_id="h2",
                    statement="Feature engineering will help linear models",
                    rationale="Linear models underperformed, may need feature interactions",
                    suggested_model="LogisticRegression",
                    confidence_score=0.60,
                    priority=2
                )
            ],
            exploration_vs_exploitation="exploit",
            reasoning="Focus on tuning XGBoost since it's clearly best"
        )
        top = hypotheses.get_top_hypothesis()
        print(top.statement)
        """
    )

    assert capsys.readouterr().out == "Lower learning rate will improve generalization\n"


def test_the_enums_have_the_values_of_the_page() -> None:
    from git_exp.session import ExperimentPhase, TaskType, TrendPattern

    assert [one.value for one in TaskType] == ["classification", "regression"]
    assert " ".join(one.name for one in ExperimentPhase) == (
        "INITIALIZING DATA_PROFILING BASELINE_MODELING EXPERIMENT_DESIGN CODE_GENERATION "
        "EXPERIMENT_EXECUTION RESULTS_ANALYSIS HYPOTHESIS_GENERATION REPORT_GENERATION "
        "COMPLETED FAILED"
    )
    assert " ".join(one.name for one in TrendPattern) == (
        "IMPROVING DEGRADING PLATEAU FLUCTUATING INITIAL"
    )


def test_the_complete_example(capsys: pytest.CaptureFixture[str]) -> None:
    ran(
        """
        from pathlib import Path
        from git_exp.session import (
            create_initial_state,
            ExperimentResult,
            ExperimentState,
            PreprocessingConfig
        )
        state = create_initial_state(
            data_path="housing.csv",
            target_column="price",
            task_type="regression",
            max_iterations=10,
            time_budget=1800
        )
        baseline = ExperimentResult(
            experiment_name="baseline",
            iteration=0,
            model_type="LinearRegression",
            metrics={"rmse": 6000, "r2": 0.65},
            success=True,
            execution_time=10.5
        )
        state.add_experiment(baseline)
        print(f"Best RMSE: {state.best_metric}")
        print(f"Best experiment: {state.best_experiment}")
        should_stop, reason = state.should_terminate()
        if not should_stop:
            pass
        state.save(Path("state.json"))
        resumed_state = ExperimentState.load(Path("state.json"))
        print(f"Resuming from iteration {resumed_state.current_iteration}")
        """
    )

    assert capsys.readouterr().out == (
        "Best RMSE: 6000\nBest experiment: baseline\nResuming from iteration 1\n"
    )
