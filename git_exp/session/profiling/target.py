"""What there is to learn: the classes of a target and their balance, or its spread."""

from __future__ import annotations

from collections.abc import Iterable

from git_exp.session.profiling import stats
from git_exp.session.profiling.stats import Stats
from git_exp.session.profiling.tally import Column, Tally

CLASSES = 100
FEW = 20


def kind(column: Column) -> str:
    """ "categorical" or "numeric", by what its values are.

    Text and truths are classes; so are whole numbers of at most 20 values, if there are only two
    or each stands twice on the average.
    """
    if column.moments is None:
        return "categorical"
    values = column.exact()
    if values is None or len(values) > FEW or column.moments.infinite:
        return "numeric"
    given = int(values["count"].sum())
    whole = all(float(one).is_integer() for one in values["value"])
    few = len(values) <= 2 or 2 * len(values) <= given
    return "categorical" if whole and few else "numeric"


def classes(column: Column, tally: Tally) -> Stats:
    """The classes of a target with their counts and balance."""
    every = stats.counts(column, tally.sample, tally.rows)
    given = tally.rows - column.missing
    shown = dict(list(every.items())[:CLASSES])
    exact = column.exact() is not None
    ordered = list(every)
    estimates = [] if exact else ["n_classes", "class_counts", "other_count", "class_balance"]
    return {
        "n_classes": stats.unique(column),
        "class_counts": shown,
        "other_count": max(0, given - sum(shown.values())),
        "class_balance": {label: count / given for label, count in shown.items()},
        "imbalance_ratio": _ratio(every.values()) if exact else None,
        "majority_class": ordered[0] if ordered else None,
        "minority_class": ordered[-1] if exact and ordered else None,
        "n_missing": column.missing,
        "approximate": estimates,
    }


def spread(column: Column, tally: Tally) -> Stats:
    """The statistics of a target that is a number."""
    if column.moments is None:
        return {"n_missing": column.missing, "approximate": []}
    found = stats.numeric(column, tally.sample)
    skewness = stats.plain(column.moments.skewness)
    return {**found, "skewness": skewness, "n_missing": column.missing}


def _ratio(counts: Iterable[int]) -> float | None:
    ordered = list(counts)
    return max(ordered) / min(ordered) if ordered else None
