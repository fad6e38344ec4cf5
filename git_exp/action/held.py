"""The lines of an experiment's objects, read: text, and nothing is imported for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from git_exp import records
from git_exp.config import objects
from git_exp.config.objects import Stored


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A job or action: its object, and whether this clone has registered it."""

    object: str
    description: str = ""
    vouched: bool = False


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of an experiment: objects by their ids, jobs by keys, actions by ids."""

    objects: Mapping[str, Stored]
    jobs: Mapping[str, Named]
    actions: Mapping[str, Named]


def parsed(lines: Iterable[bytes], mark: Callable[[str, str, str], str] | None = None) -> Held:
    """What lines tell of; what is torn or unknown is passed over.

    With a `mark` an object counts only if its id is that of its content.
    """
    found: dict[str, Stored] = {}
    named: dict[str, dict[str, Named]] = {"job": {}, "action": {}}
    for line in lines:
        told = _line(line)
        one = objects.stored(told)
        if one is None:
            for kind, known in named.items():
                if name := _named(kind, told, mark):
                    _take(known, told[kind], name)
        elif mark is None or _id(told) == one.id:
            found[one.id] = one
    return Held(objects=found, jobs=named["job"], actions=named["action"])


def _named(
    kind: str, told: Mapping[str, Any], mark: Callable[[str, str, str], str] | None
) -> Named | None:
    name, oid, said = told.get(kind), told.get("object"), told.get("description", "")
    if not (isinstance(name, str) and isinstance(oid, str) and isinstance(said, str)):
        return None
    vouched = mark is not None and told.get("mark") == mark(kind, name, oid)
    return Named(object=oid, description=said, vouched=vouched)


def _take(known: dict[str, Named], name: str, found: Named) -> None:
    """The first of a name counts, or the first that this clone has registered."""
    if name not in known or (found.vouched and not known[name].vouched):
        known[name] = found


def _id(told: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in told.items() if key != "object"}
    return hashlib.sha256(records.encode(rest)).hexdigest()[:32]


def _line(line: bytes) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
