"""What two mappings do not share: the params of two runs, or their metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from git_exp import table


class Differing(msgspec.Struct, frozen=True, kw_only=True):
    """A param or the last value of a metric that the two runs do not share."""

    name: str
    a: Any = None
    b: Any = None


def between(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Differing]:
    """The keys whose values are not the same, in the order of the first."""
    keys = dict.fromkeys((*a, *b))
    return [
        Differing(name=key, a=a.get(key), b=b.get(key))
        for key in keys
        if (key in a) != (key in b) or table.text(a[key]) != table.text(b[key])
    ]
