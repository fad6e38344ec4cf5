"""git exp: the experiment memory that lives inside git. The public names, loaded when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from git_exp.errors import (
        Ambiguous,
        BadExpression,
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
    from git_exp.history import get, runs, to_arrow, to_pandas
    from git_exp.run import Run
    from git_exp.tracking import Experiment

__version__ = "0.1.0"

__all__ = [
    "Ambiguous",
    "BadExpression",
    "BadName",
    "Experiment",
    "GitExpError",
    "JournalFailed",
    "NotARepository",
    "NotFound",
    "RepositoryError",
    "Run",
    "SnapshotFailed",
    "Unencodable",
    "UsageError",
    "__version__",
    "get",
    "runs",
    "to_arrow",
    "to_pandas",
]
_HOMES = {
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
