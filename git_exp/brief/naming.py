"""Runs by the beginnings of their ids: all as long as the repository needs to tell them apart."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
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
    found: Facts = _renamed(facts, lambda one: one[:digits])
    return found


def without(facts: Facts, unnamed: Collection[str]) -> Facts:
    """The same with none for the ids that no run has."""
    found: Facts = _renamed(facts, lambda one: None if one in unnamed else one)
    return found


def _renamed(facts: Any, called: Callable[[str], str | None], *, are_ids: bool = False) -> Any:
    """The same with other ids: those in the fields that have some."""
    match facts:
        case msgspec.Struct():
            names = facts.__struct_fields__
            given = {
                name: _renamed(getattr(facts, name), called, are_ids=name in _IDS) for name in names
            }
            return msgspec.structs.replace(facts, **given)
        case list():
            return [_renamed(one, called, are_ids=are_ids) for one in facts]
        case str() if are_ids:
            return called(facts)
    return facts
