"""query: which runs are meant, by a name, by what is best, or by an expression."""

from git_exp.query.revision import (
    AGGREGATES,
    SAVED,
    SHORT,
    TAINTED,
    Goal,
    Measure,
    Source,
    best,
    every,
    find,
    goal,
    higher_is_better,
    measure,
    short,
)

__all__ = [
    "AGGREGATES",
    "SAVED",
    "SHORT",
    "TAINTED",
    "Goal",
    "Measure",
    "Source",
    "best",
    "every",
    "find",
    "goal",
    "higher_is_better",
    "measure",
    "short",
]
