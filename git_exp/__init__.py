"""git exp: the experiment memory that lives inside git. The public names, loaded when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from git_exp.errors import (
        Ambiguous,
        BadName,
        GitExpError,
        JournalFailed,
        NotARepository,
        NotFound,
        RepositoryError,
        SnapshotFailed,
        Unencodable,
        UsageError,
    )
    from git_exp.experiment import Experiment

__version__ = "0.1.0"

__all__ = [
    "Ambiguous",
    "BadName",
    "Experiment",
    "GitExpError",
    "JournalFailed",
    "NotARepository",
    "NotFound",
    "RepositoryError",
    "SnapshotFailed",
    "Unencodable",
    "UsageError",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    home = "experiment" if name == "Experiment" else "errors"
    found = getattr(import_module(f"git_exp.{home}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
