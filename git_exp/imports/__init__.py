"""imports: runs that other tools recorded, read without those tools and kept as our own."""

from __future__ import annotations

from pathlib import Path

from git_exp.imports.foreign import Source

FORMATS = ("exprag", "tsv", "mlflow")


def opened(tool: str, path: Path) -> Source:
    """A source in one of the `FORMATS`. Raises `NotFound` for a path where no such source is."""
    if tool == "exprag":
        from git_exp.imports import exprag

        return exprag.opened(path)
    if tool == "tsv":
        from git_exp.imports import tsv

        return tsv.opened(path)
    from git_exp.imports import mlflow

    return mlflow.opened(path)
