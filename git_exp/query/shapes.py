"""How values are compared: as a number or as text, the same in an index and in a predicate."""

from __future__ import annotations

import math
from typing import Any

from git_exp import records, values
from git_exp.run import flat

MOST_LEAVES = 1_000


def shape(value: Any) -> tuple[float | None, str | None]:
    """How a param, metric or leaf of metadata is compared: as a number, or else as text."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _as_float(value)
    if isinstance(value, str):
        # NaN and the infinities are recorded as text.
        special = records.number(value)
        return (None, values.quoted(value)) if special is None else _as_float(special)
    return None, records.encode(values.plain(value)).decode()


def meta_leaves(metadata: Any) -> dict[str, Any]:
    """The leaves of metadata by dotted path, no more than a thousand."""
    found = flat(metadata)
    return dict(list(found.items())[:MOST_LEAVES]) if len(found) > MOST_LEAVES else found


def _as_float(value: int | float) -> tuple[float | None, str | None]:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf if value > 0 else -math.inf
    # SQLite has no NaN, and nothing compares with it.
    return (None, None) if number != number else (number, None)


def measured(summary: records.Summary | None, aggregate: str) -> float | None:
    """One number of a metric, as it is compared."""
    value = records.number(getattr(summary, aggregate)) if summary else None
    return None if value is None else shape(value)[0]
