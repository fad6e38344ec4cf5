"""query: which runs are meant, by a name, by what is best, or by an expression."""

from git_exp.query.revision import (
    AGGREGATES,
    SAVED,
    SHORT,
    TAINTED,
    Goal,
    Listed,
    Measure,
    Source,
    among,
    beginnings,
    best,
    every,
    find,
    goal,
    higher_is_better,
    measure,
    short,
)
from git_exp.query.unknown import unknown_metric

__all__ = [
    "AGGREGATES",
    "SAVED",
    "SHORT",
    "TAINTED",
    "Goal",
    "Listed",
    "Measure",
    "Source",
    "among",
    "beginnings",
    "best",
    "every",
    "find",
    "goal",
    "higher_is_better",
    "measure",
    "short",
    "unknown_metric",
]
