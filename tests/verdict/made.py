"""Runs and samples made of numbers, for tests of verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from git_exp.records import Git, Process, Summary
from git_exp.run import Run
from git_exp.verdict import Sample

COMMAND = ("python", "train.py")


def of(*values: float) -> Sample:
    return Sample(values=values)


def run(number: int, acc: Any = None, *, words: Sequence[str] = COMMAND, **given: Any) -> Run:
    """A finished run of the tree "t" with an `acc`; `tree`, `cwd` and `capture` as said."""
    git = Git(commit="c", tree=given.pop("tree", "t"), capture=given.pop("capture", "full"))
    process = Process(pid=1, argv=list(words), cwd=given.pop("cwd", None))
    metrics = {} if acc is None else {"acc": Summary(last=acc, min=acc, max=acc, first=acc)}
    return Run(
        id=f"{number:08}", commit="c", git=git, process=process, metrics=metrics,
        **{"status": "finished", **given},
    )  # fmt: skip
