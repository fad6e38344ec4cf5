"""DataProfiler: what a table holds, read once and streaming, whatever its size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from git_exp import errors
from git_exp.session.profile import DataProfile

TASKS = {"classification": "categorical", "regression": "numeric"}


class DataProfiler:
    """Profile one table: CSV, TSV, Parquet or JSON Lines; text may be compressed by gzip.

    `task_type` is "classification", "regression", or an enum of that value; without it the
    target's type is told by its values: text, truths, and whole numbers of at most 20 values, each
    twice on the average, are "categorical". Text is UTF-8 with or without a byte order mark,
    UTF-16 or UTF-32 with one, else cp1252; what is not UTF-8 is copied to a temporary file. A CSV
    whose header has no comma is split at its semicolons, tabs or bars. The first 2,000 rows say
    what a column is; where later ones are of another type the file is read again, and `notes` say
    so. A key of JSON Lines that no object of the first 2,000 has is not seen.
    """

    def __init__(
        self,
        data_path: str | Path,
        target_column: str | None = None,
        task_type: Any = None,
    ) -> None:
        self.data_path = Path(data_path)
        self.target_column = target_column
        self.target_type = None if task_type is None else _target_type(task_type)

    def profile(self) -> DataProfile:
        """Read the table, in less than 1 GB of memory.

        Raises `NotFound` where there is no such file or target column, `UsageError` for a file
        that is no table or is damaged, and where polars is not installed.
        """
        try:
            from git_exp.session.profiling import reading
        except ModuleNotFoundError as error:
            if error.name != "polars":
                raise
            raise errors.UsageError(
                "profiles of data need polars", hint="pip install 'git-exp[data]'"
            ) from None
        return reading.profile(self.data_path, self.target_column, self.target_type)


def _target_type(task_type: Any) -> str:
    name = getattr(task_type, "value", task_type)
    if name not in TASKS:
        raise errors.UsageError(
            f"bad task type '{str(name)[:60]}'", hint=f"it is one of {', '.join(TASKS)}"
        )
    return TASKS[name]
