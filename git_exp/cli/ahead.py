"""Which run is meant by `best`: by the metric that an option says, or the session of a process."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Collection
from typing import Any, TypeVar

import click

from git_exp import errors, leading, query
from git_exp.cli import output
from git_exp.index.search import Indexed
from git_exp.query import Goal
from git_exp.run import Run

F = TypeVar("F", bound=Callable[..., Any])


def option(command: F) -> F:
    """`--metric` for a command that knows a best run."""
    said = (
        "The metric that the best run is best in, as in `@{best:METRIC}`; else the only one there"
        " is, of several that of the session which is going on here."
    )
    return click.option("--metric", metavar="METRIC", help=said)(command)


def goal(store: Indexed, metric: str | None) -> Goal:
    """What is named, else that of the session in `GIT_EXP_SESSION`, else the only one there is.

    Of several it is that of the session which began here last, unless that is over.
    """
    named = os.environ.get("GIT_EXP_SESSION")
    if not named:
        try:
            return leading.goal(store, metric)
        except errors.NotFound:
            if metric is not None or (found := usual(store)) is None:
                raise
            return found
    from git_exp.session import aim

    said = aim.goal(store.repo, named)
    if metric is None or said is None:
        return leading.goal(store, metric, said)
    # Of its own metric this session knows best, whatever a newer one says.
    return said if metric == said.measure.metric else leading.goal(store, metric)


def usual(store: Indexed, of_these: Collection[str] | None = None) -> Goal | None:
    """What the session is about that is going on here, one `of_these` metrics; None without one."""
    from git_exp.session import aim

    now = time.time_ns() / 1_000_000_000
    found = aim.current(store.repo, os.environ, now, of_these=of_these)
    if found:
        output.say(f"by {found.measure.metric}, the metric of the session that goes on")
    return found


def tell_assumed(goal: Goal, otherwise: str) -> None:
    """Say that nothing tells which way a metric is better, where that is so."""
    if goal.assumed:
        why = "neither its name nor a session says"
        output.warn(f"higher {goal.measure.metric} is taken for better: {why}", otherwise)


def run(store: Indexed, name: str, metric: str | None) -> Run:
    """The run that a name means, of which the word `best` is one, before any run of that name."""
    if name == leading.WORD:
        wanted = goal(store, metric)
        found = leading.best(store, wanted)
        tell_assumed(wanted, f"if it is not: --metric {shlex.quote(f'-{wanted.measure.metric}')}")
        return found
    if metric is not None:
        raise errors.UsageError(f"--metric goes with the run '{leading.WORD}' alone")
    return query.find(store, name)
