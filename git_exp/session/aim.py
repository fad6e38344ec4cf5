"""What the best run of a session is best in: its metric, and which way."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from git_exp import errors, query
from git_exp.git.repo import Repo
from git_exp.query import Goal, Measure
from git_exp.session import history, machine, named
from git_exp.session.models import ExperimentConfig
from git_exp.session.state import ExperimentState


def goal(repo: Repo, name: str) -> Goal | None:
    """That of the session that a name means; None where it has no metric yet."""
    return of(named.find(repo, name).state.config)


def current(
    repo: Repo, env: Mapping[str, str], now: float, *, of_these: Collection[str] | None = None
) -> Goal | None:
    """That of the session that goes on here: which `env` names, or which began here last.

    None where there is none, none that can be read, or where it is none `of_these` metrics. `now`
    is in seconds since 1970.
    """
    try:
        name = env.get("GIT_EXP_SESSION") or named.mine(repo, history.ids(repo))
        state = named.find(repo, name).state if name else None
    except (errors.NotFound, errors.BadField):
        return None
    if state is None or machine.reason(state, now):
        return None
    metric = state.config.primary_metric
    return of(state.config) if of_these is None or metric in of_these else None


def among(state: ExperimentState) -> frozenset[str]:
    """The runs that may be the best of a session: those of its successes."""
    return frozenset(one.run_id for one in state.experiments if one.run_id and one.success)


def of(config: ExperimentConfig) -> Goal | None:
    """That of a session of this configuration."""
    metric = config.primary_metric
    if metric is None:
        return None
    if config.direction is None:
        return query.better(Measure(metric))
    return Goal(Measure(metric), config.direction == "maximize")
