"""git exp: the experiment memory that lives inside git. The public names, loaded when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from git_exp.action.action import Action
    from git_exp.action.info import Info, load_xp_info
    from git_exp.action.interaction import Answers, Cancelled, Interaction
    from git_exp.action.shipped import ExportArtifact, PublishBranch, PushToHub
    from git_exp.config import Config, Meta, Param, field
    from git_exp.errors import (
        ActionFailed,
        Ambiguous,
        BadAnswer,
        BadConfig,
        BadExpression,
        BadField,
        BadName,
        GitExpError,
        JournalFailed,
        MissingAnswer,
        NotARepository,
        NotFound,
        RepositoryError,
        SnapshotFailed,
        TasksFailed,
        Unencodable,
        UsageError,
    )
    from git_exp.history import get, runs, to_arrow, to_pandas
    from git_exp.run import Run
    from git_exp.task.experiment import experiment
    from git_exp.task.task import Task
    from git_exp.tracking import Experiment

__version__ = "0.1.0"

__all__ = [
    "Action",
    "ActionFailed",
    "Ambiguous",
    "Answers",
    "BadAnswer",
    "BadConfig",
    "BadExpression",
    "BadField",
    "BadName",
    "Cancelled",
    "Config",
    "Experiment",
    "ExportArtifact",
    "GitExpError",
    "Info",
    "Interaction",
    "JournalFailed",
    "Meta",
    "MissingAnswer",
    "NotARepository",
    "NotFound",
    "Param",
    "PublishBranch",
    "PushToHub",
    "RepositoryError",
    "Run",
    "SnapshotFailed",
    "Task",
    "TasksFailed",
    "Unencodable",
    "UsageError",
    "__version__",
    "experiment",
    "field",
    "get",
    "load_xp_info",
    "runs",
    "to_arrow",
    "to_pandas",
]
_HOMES = {
    "Action": "action.action",
    "Answers": "action.interaction",
    "Cancelled": "action.interaction",
    "Config": "config",
    "ExportArtifact": "action.shipped",
    "Info": "action.info",
    "Interaction": "action.interaction",
    "Meta": "config",
    "Param": "config",
    "PublishBranch": "action.shipped",
    "PushToHub": "action.shipped",
    "Task": "task.task",
    "experiment": "task.experiment",
    "field": "config",
    "load_xp_info": "action.info",
    "Experiment": "tracking",
    "Run": "run",
    "get": "history",
    "runs": "history",
    "to_arrow": "history",
    "to_pandas": "history",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(f"git_exp.{_HOMES.get(name, 'errors')}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
