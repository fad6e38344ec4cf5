"""What the best run of a session is best in: its metric, and which way."""

from __future__ import annotations

from git_exp import query
from git_exp.git import refs
from git_exp.git.repo import Repo
from git_exp.query import Goal, Measure
from git_exp.session import cargo, history, named
from git_exp.session.events import Start


def goal(repo: Repo, name: str) -> Goal | None:
    """That of the session that a name means; None where it has no metric yet."""
    config = named.find(repo, name).state.config
    metric = config.primary_metric
    if metric is None:
        return None
    if config.direction is None:
        return query.better(Measure(metric))
    return Goal(Measure(metric), config.direction == "maximize")


def way(repo: Repo, metric: str) -> bool | None:
    """Whether more of a metric is better, as the newest session that says it has it.

    It goes for all runs of a repository, and when the session is over too.
    """
    if not refs.any_below(repo, cargo.PREFIX.rstrip("/")):
        return None
    said = (one for one in history.starts(repo) if one.config.primary_metric == metric)
    newest = max((one for one in said if one.config.direction), key=_begun, default=None)
    return newest.config.direction == "maximize" if newest else None


def _begun(one: Start) -> float:
    return one.t
