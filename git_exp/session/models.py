"""What a session is made of: its config, what was tried, what was thought of it."""

from __future__ import annotations

import enum
from typing import Annotated, Any, Literal

from msgspec import Meta, field

from git_exp import errors
from git_exp.session.model import Model

Number = int | float
Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
Seconds = Annotated[int, Meta(ge=0)] | Annotated[float, Meta(ge=0)]
Direction = Literal["minimize", "maximize"]
# What a session of a data set has.
_DATA = ("data_path", "target_column", "task_type")


class TaskType(enum.StrEnum):
    """What is predicted: a class or a number."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"


class ExperimentPhase(enum.StrEnum):
    """Where in its loop a session is."""

    INITIALIZING = "initializing"
    DATA_PROFILING = "data_profiling"
    BASELINE_MODELING = "baseline_modeling"
    EXPERIMENT_DESIGN = "experiment_design"
    CODE_GENERATION = "code_generation"
    EXPERIMENT_EXECUTION = "experiment_execution"
    RESULTS_ANALYSIS = "results_analysis"
    HYPOTHESIS_GENERATION = "hypothesis_generation"
    REPORT_GENERATION = "report_generation"
    COMPLETED = "completed"
    FAILED = "failed"


class TrendPattern(enum.StrEnum):
    """How the last three successes went."""

    IMPROVING = "improving"
    DEGRADING = "degrading"
    PLATEAU = "plateau"
    FLUCTUATING = "fluctuating"
    INITIAL = "initial"


class PreprocessingConfig(Model, kw_only=True):
    """What is done with the data before a model sees it."""

    missing_values: Literal["drop", "mean", "median", "mode", "constant"] = "median"
    scaling: Literal["standard", "minmax", "none"] = "standard"
    encoding: Literal["onehot", "ordinal"] = "onehot"
    target_transform: Literal["log", "none"] | None = None


class ExperimentConfig(Model, kw_only=True):
    """What a session is to do, and when it is to stop.

    Either a data set with its target column and task, or a `goal` in words with neither.
    `time_budget` is in seconds of running, `improvement_threshold` a fraction of the reference,
    `plateau_threshold` a count of iterations. Without a `direction` it is told by the metric's
    name; without a `primary_metric` the first usual one that a result has becomes it.
    """

    data_path: str | None = None
    target_column: str | None = None
    task_type: TaskType | None = None
    constraints: str | None = None
    max_iterations: Positive = 20
    time_budget: Seconds = 3600
    plateau_threshold: Positive = 3
    improvement_threshold: Annotated[float, Meta(ge=0)] = 0.005
    target_metric_value: Number | None = None
    primary_metric: str | None = None
    output_dir: str | None = None
    direction: Direction | None = None
    max_consecutive_failures: Positive = 5
    goal: str | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        told = {one: value if one == name else getattr(self, one) for one in (*_DATA, "goal")}
        lacking = [one for one in _DATA if told["goal"] is None and told[one] is None]
        if value is None and lacking and name in told:
            raise errors.BadField(
                f"ExperimentConfig.{lacking[0]}: expected a value, got none",
                hint="a session without a data set has a goal",
            )
        super().__setattr__(name, value)


class ExperimentSpec(Model, kw_only=True):
    """An experiment as it is designed."""

    experiment_name: str
    hypothesis: str
    model_type: str
    model_params: dict[Any, Any] = {}
    preprocessing: PreprocessingConfig = field(default_factory=PreprocessingConfig)
    reasoning: str = ""


class ExperimentResult(Model, kw_only=True):
    """What came of one experiment; `run_id` is the run whose snapshot is the code that was tried.

    `execution_time` is in seconds. `replicate_of` is the run of the first result that has the same
    code, command and params, but for a seed.
    """

    experiment_name: str
    iteration: Count
    model_type: str = ""
    model_params: dict[Any, Any] = {}
    preprocessing: PreprocessingConfig = field(default_factory=PreprocessingConfig)
    metrics: dict[str, Number] = {}
    hypothesis: str = ""
    reasoning: str = ""
    execution_time: Seconds = 0.0
    success: bool = True
    error_message: str | None = None
    code_path: str | None = None
    model_path: str | None = None
    run_id: str | None = None
    replicate_of: str | None = None

    def get_primary_metric(self, metric_name: str) -> int | float | None:
        """The value of a metric, None where this result has none."""
        return self.metrics.get(metric_name)


class ConversationEntry(Model, kw_only=True):
    """What somebody said; `role` is for example "user" or "model"."""

    role: str
    content: str


class MetricComparison(Model, kw_only=True):
    """A metric beside the baseline's and the best: the change is signed, in percent."""

    metric_name: str
    current_value: Number
    baseline_value: Number | None = None
    best_value: Number | None = None
    change_from_baseline_pct: Number | None = None
    is_improvement: bool = False
    is_new_best: bool = False


class AnalysisResult(Model, kw_only=True):
    """What is made of a result."""

    experiment_name: str
    iteration: Count
    success: bool
    primary_metric: MetricComparison | None = None
    trend_pattern: TrendPattern = TrendPattern.INITIAL
    key_observations: list[str] = []
    reasoning: str = ""


class Hypothesis(Model, kw_only=True):
    """Something to try next: `confidence_score` from 0 to 1, the lowest `priority` comes first."""

    hypothesis_id: str
    statement: str
    rationale: str = ""
    suggested_model: str | None = None
    suggested_params: dict[Any, Any] = {}
    confidence_score: Annotated[float, Meta(ge=0, le=1)] = 0.5
    priority: Count = 1


class HypothesisSet(Model, kw_only=True):
    """What may be tried in an iteration."""

    iteration: Count
    analysis_summary: str = ""
    hypotheses: list[Hypothesis] = []
    exploration_vs_exploitation: Literal["explore", "exploit", "balanced"] = "balanced"
    reasoning: str = ""

    def get_top_hypothesis(self) -> Hypothesis | None:
        """That of the lowest priority number, of several the most confident; None of none."""
        return min(
            self.hypotheses, key=lambda one: (one.priority, -one.confidence_score), default=None
        )
