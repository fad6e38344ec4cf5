"""Runs by the beginnings of their ids: all as long as the repository needs to tell them apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from git_exp.brief.facts import Facts

# The fields that have ids of runs.
_IDS = ("run", "against", "newest", "oldest_measured", "best_run", "tainted")


def ids(facts: Any) -> Iterator[str]:
    """The ids of all runs that are told of."""
    match facts:
        case msgspec.Struct():
            for name in facts.__struct_fields__:
                value = getattr(facts, name)
                if name in _IDS:
                    every = value if isinstance(value, list) else [value]
                    yield from (one for one in every if isinstance(one, str))
                else:
                    yield from ids(value)
        case list():
            for one in facts:
                yield from ids(one)


def shortened(facts: Facts, digits: int) -> Facts:
    """The same with the beginnings of the ids alone."""
    found: Facts = _cut(facts, digits)
    return found


def _cut(facts: Any, digits: int) -> Any:
    match facts:
        case msgspec.Struct():
            given = ((name, getattr(facts, name)) for name in facts.__struct_fields__)
            cut = {
                name: _begun(one, digits) if name in _IDS else _cut(one, digits)
                for name, one in given
            }
            return msgspec.structs.replace(facts, **cut)
        case list():
            return [_cut(one, digits) for one in facts]
    return facts


def _begun(given: Any, digits: int) -> Any:
    if isinstance(given, list):
        return [one[:digits] for one in given]
    return given[:digits] if isinstance(given, str) else given
