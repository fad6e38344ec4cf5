"""Which run is meant by `best`: by the metric that an option says, or the session of a process."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from git_exp import errors, leading, query
from git_exp.index.search import Indexed
from git_exp.query import Goal
from git_exp.run import Run

F = TypeVar("F", bound=Callable[..., Any])


def option(command: F) -> F:
    """`--metric` for a command that knows a best run."""
    said = "The metric that the best run is best in, as in `@{best:METRIC}`."
    return click.option("--metric", metavar="METRIC", help=said)(command)


def goal(store: Indexed, metric: str | None) -> Goal:
    """What is named, else that of the session in `GIT_EXP_SESSION`, else the only one there is."""
    session = os.environ.get("GIT_EXP_SESSION")
    if metric is not None or not session:
        return leading.goal(store, metric)
    from git_exp.session import aim

    return leading.goal(store, None, aim.goal(store.repo, session))


def run(store: Indexed, name: str, metric: str | None) -> Run:
    """The run that a name means, of which the word `best` is one, before any run of that name."""
    if name == leading.WORD:
        return leading.best(store, goal(store, metric))
    if metric is not None:
        raise errors.UsageError(f"--metric goes with the run '{leading.WORD}' alone")
    return query.find(store, name)
