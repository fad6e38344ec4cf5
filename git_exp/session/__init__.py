"""session: the autonomous experiment loop: what it knows of its data, its state, its steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from git_exp.session.models import (
        AnalysisResult,
        ConversationEntry,
        ExperimentConfig,
        ExperimentPhase,
        ExperimentResult,
        ExperimentSpec,
        Hypothesis,
        HypothesisSet,
        MetricComparison,
        PreprocessingConfig,
        TaskType,
        TrendPattern,
    )
    from git_exp.session.profile import DataProfile
    from git_exp.session.profiler import DataProfiler
    from git_exp.session.state import ExperimentState, create_initial_state

__all__ = [
    "AnalysisResult",
    "ConversationEntry",
    "DataProfile",
    "DataProfiler",
    "ExperimentConfig",
    "ExperimentPhase",
    "ExperimentResult",
    "ExperimentSpec",
    "ExperimentState",
    "Hypothesis",
    "HypothesisSet",
    "MetricComparison",
    "PreprocessingConfig",
    "TaskType",
    "TrendPattern",
    "create_initial_state",
]
_HOMES = {
    "DataProfile": "profile",
    "DataProfiler": "profiler",
    "ExperimentState": "state",
    "create_initial_state": "state",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(f"git_exp.session.{_HOMES.get(name, 'models')}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
