"""`ExperimentState`: what is known of a session, thin over the machine that moves it."""

from __future__ import annotations

import time
import uuid
import warnings
from pathlib import Path
from typing import Any

import msgspec

from git_exp.session import events, files, machine, rules
from git_exp.session.events import Claim, Event, Time
from git_exp.session.model import Model
from git_exp.session.models import (
    ConversationEntry,
    Count,
    ExperimentConfig,
    ExperimentPhase,
    ExperimentResult,
    HypothesisSet,
    MetricComparison,
    Number,
    Seconds,
    TaskType,
    TrendPattern,
)
from git_exp.session.profile import DataProfile


def new_id() -> str:
    """The id of a session: the first 8 hex digits of a UUID."""
    return str(uuid.uuid4())[:8]


class ExperimentState(Model, kw_only=True):
    """The state of a session: all results, the best of them, and whether it is to go on.

    `best_metric` is the best of all successes; `reference_metric` the last value that was better
    than the one before by more than the threshold, from which a plateau is told. `start_time`,
    `end_time` and `updated_at` are seconds since 1970, `elapsed_before` the seconds that it ran
    until `running_since`, which is None while it is paused or over. `stop_reason` is what an agent
    said as it stopped. `metric_was_found`: the primary metric is that of a result, not one that
    was named.
    """

    session_id: str = msgspec.field(default_factory=new_id)
    config: ExperimentConfig
    data_profile: DataProfile | None = None
    experiments: list[ExperimentResult] = []
    current_iteration: Count = 0
    phase: ExperimentPhase = ExperimentPhase.INITIALIZING
    best_metric: Number | None = None
    best_experiment: str | None = None
    iterations_without_improvement: Count = 0
    start_time: Time = msgspec.field(default_factory=time.time)
    end_time: Time | None = None
    gemini_conversation_history: list[ConversationEntry] = []
    agent_recommends_stop: bool = False
    termination_reason: str | None = None
    reference_metric: Number | None = None
    consecutive_failures: Count = 0
    stop_reason: str | None = None
    elapsed_before: Seconds = 0.0
    running_since: Time | None = msgspec.field(default_factory=time.time)
    is_paused: bool = False
    metric_was_found: bool = False
    updated_at: Time = 0.0
    hypotheses: list[HypothesisSet] = []
    claims: list[Claim] = []

    @property
    def conversation(self) -> list[ConversationEntry]:
        """What was said, by whichever model's agent: `gemini_conversation_history`."""
        return self.gemini_conversation_history

    @conversation.setter
    def conversation(self, entries: list[ConversationEntry]) -> None:
        self.gemini_conversation_history = entries

    def add_experiment(self, result: ExperimentResult) -> None:
        """Add a result: it counts as an iteration, and may be the best.

        One of a run that is a result already changes nothing.

        Warns where the metric is one whose name does not say which way is better.
        """
        self.take(events.Result(t=time.time(), result=result))
        if len(self.experiments) == 1:
            warn_of(self.config)

    def take(self, event: Event) -> None:
        """Become the state after an event."""
        after = machine.step(self, event)
        for name in self.__struct_fields__:
            msgspec.Struct.__setattr__(self, name, getattr(after, name))

    def should_terminate(self) -> tuple[bool, str]:
        """Whether to stop, and why: an empty text where it is to go on."""
        why = machine.reason(self, time.time())
        return why is not None, why or ""

    def get_elapsed_time(self) -> float:
        """Seconds that it ran; no pause counts."""
        return machine.elapsed(self, time.time())

    def get_summary(self) -> dict[str, Any]:
        """The state in nine numbers and words."""
        return {
            "session_id": self.session_id,
            "phase": self.phase.value,
            "current_iteration": self.current_iteration,
            "max_iterations": self.config.max_iterations,
            "elapsed_time": self.get_elapsed_time(),
            "best_metric": self.best_metric,
            "best_experiment": self.best_experiment,
            "total_experiments": len(self.experiments),
            "successful_experiments": sum(1 for one in self.experiments if one.success),
        }

    def get_trend(self) -> TrendPattern:
        """How the primary metric of the last three successes went."""
        threshold = self.config.improvement_threshold
        return rules.trend(self._values(), machine.direction(self.config), by=threshold)

    def compare(self, result: ExperimentResult) -> MetricComparison | None:
        """The primary metric of a result beside those of the results before it.

        None where it has none. A result that is not among the experiments comes after all of them.
        """
        metric = self.config.primary_metric
        value = result.metrics.get(metric) if metric else None
        if metric is None or value is None:
            return None
        known = [at for at, one in enumerate(self.experiments) if one is result or one == result]
        before = self._values(known[-1] if known else None)
        way = machine.direction(self.config)
        best: Number | None = None
        for one in before:
            best = one if rules.is_better(one, best, way) else best
        first = next((one for one in before if one == one), None)
        found = rules.compared(metric, value, baseline=first, best=best, direction=way)
        return found if result.success else found.but(is_new_best=False, best_value=best)

    def save(self, path: str | Path) -> None:
        """Write it as JSON: whole or not at all. What runs goes on to run from when it is loaded.

        Raises `UsageError` or `WriteFailed`, and `BadField` where something in it was changed to
        what it cannot be.
        """
        now = time.time()
        running = None if self.running_since is None else now
        files.save(self.but(elapsed_before=machine.elapsed(self, now), running_since=running), path)

    @classmethod
    def load(cls, path: str | Path) -> ExperimentState:
        """Read what was saved. Raises `NotFound`, or `BadField` for what is damaged or newer."""
        found = files.load(cls, path)
        assert isinstance(found, cls)
        # The time in between is nobody's.
        return found if found.running_since is None else found.but(running_since=time.time())

    def _values(self, until: int | None = None) -> list[Number]:
        metric = self.config.primary_metric or ""
        every = [one.metrics.get(metric) for one in self.experiments[:until] if one.success]
        return [one for one in every if one is not None]


def create_initial_state(
    data_path: str | Path,
    target_column: str,
    task_type: str | TaskType,
    **more: Any,
) -> ExperimentState:
    """The state of a session that begins now; `more` are other fields of its config.

    Among them are `constraints` in words, `max_iterations`, `time_budget` in seconds, and
    `output_dir`. Raises `BadField`.
    """
    given = {"data_path": data_path, "target_column": target_column, "task_type": task_type}
    config = config_of({**given, **more})
    warn_of(config)
    return machine.begin(events.Start(t=time.time(), session_id=new_id(), config=config))


def config_of(given: dict[str, Any]) -> ExperimentConfig:
    """A config of a mapping, whatever it holds. Raises `BadField`."""
    from git_exp.session.model import built

    found = built(ExperimentConfig, given)
    assert isinstance(found, ExperimentConfig)
    return found


def warn_of(config: ExperimentConfig) -> None:
    """Warn of a metric whose name does not say which way is better."""
    metric = config.primary_metric
    if metric and config.direction is None and not rules.direction_of(metric)[1]:
        said = f"metric '{metric}' is unknown: taken as one to maximize; say direction='minimize'"
        warnings.warn(said, UserWarning, stacklevel=3)
