"""Configs as lines and back: each object once, under an id of its content.

A line is ``{"object": id, "class": "module:Name", "file": path, "values": {name: value}}``. A
config in a value is ``{"$object": id}``; what JSON has no word for is a mapping with one such key.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import decimal
import enum
import hashlib
import math
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

import msgspec

from git_exp import errors, records
from git_exp.config import fields
from git_exp.config.build import Config
from git_exp.config.identifier import DEEPEST, class_name, module_of, parts

_SAFE = 2**53


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """One object as a line tells it; `file` is where its class is defined, below the worktree."""

    id: str
    module: str
    name: str
    file: str | None
    values: dict[str, Any]


# The class of a stored object.
Finder = Callable[[Stored], type]


class Writer:
    """Lines of configs, each of them once; `root` is the worktree."""

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self._ids: dict[int, str] = {}
        self._held: list[Config] = []
        self._written: set[str] = set()
        self._depth = 0

    def add(self, config: Config) -> tuple[str, list[dict[str, Any]]]:
        """The id of a config, and the objects that were not written before, what is held first.

        Raises `BadConfig` for a value that cannot be stored.
        """
        fresh: list[dict[str, Any]] = []
        return self._add(config, fresh), fresh

    def _add(self, config: Config, fresh: list[dict[str, Any]]) -> str:
        if id(config) in self._ids:
            return self._ids[id(config)]
        cls = type(config)
        self._depth += 1
        if self._depth > DEEPEST:
            raise errors.BadConfig(f"{cls.__name__}: it is nested over {DEEPEST} levels deep")
        held: dict[str, Any] = {}
        for name in fields.declared(cls):
            where = f"{cls.__name__}.{name}"
            held[name] = self._plain(config.__dict__[name], where, fresh)
        self._depth -= 1
        told: dict[str, Any] = {"class": f"{module_of(cls)}:{class_name(cls)}"}
        file = defined_in(cls, self._root)
        told |= {"file": file} if file else {}
        told["values"] = held
        found = hashlib.sha256(records.encode(told)).hexdigest()[:32]
        # Kept alive: the id of an object that is gone is given to another.
        self._held.append(config)
        self._ids[id(config)] = found
        if found not in self._written:
            self._written.add(found)
            fresh.append({"object": found, **told})
        return found

    def _plain(self, value: Any, where: str, fresh: list[dict[str, Any]]) -> Any:
        def inner(one: Any) -> Any:
            return self._plain(one, where, fresh)

        match value:
            case None | bool():
                return value
            case Config():
                return {"$object": self._add(value, fresh)}
            case list():
                return [inner(one) for one in value]
            case tuple():
                return {"$tuple": [inner(one) for one in value]}
            case set() | frozenset():
                listed = [inner(one) for one in value]
                return {"$set": sorted(listed, key=records.encode)}
            case Mapping():
                return _mapping({key: inner(one) for key, one in value.items()}, inner)
        if isinstance(value, msgspec.Struct) or dataclasses.is_dataclass(value):
            return {name: inner(getattr(value, name)) for name in parts(value)}
        return _scalar(value, where)


def _mapping(plain: dict[Any, Any], inner: Callable[[Any], Any]) -> Any:
    odd = any(not isinstance(key, str) or key.startswith("$") for key in plain)
    return {"$dict": [[inner(key), one] for key, one in plain.items()]} if odd else plain


def _text(value: str) -> Any:
    try:
        value.encode()
    except UnicodeEncodeError:
        return {"$text": base64.b64encode(value.encode("utf-8", "surrogatepass")).decode()}
    return value


def _scalar(value: Any, where: str) -> Any:
    match value:
        case enum.Enum():
            return {"$enum": value.name}
        case str():
            return _text(value)
        case int():
            return int(value) if abs(value) < _SAFE else {"$int": f"{value:x}"}
        case float():
            return float(value) if math.isfinite(value) else {"$float": str(value)}
        case bytes() | bytearray():
            return {"$bytes": base64.b64encode(value).decode()}
        case PurePath():
            return {"$path": _text(str(value))}
        case datetime.datetime() | datetime.date() | datetime.time():
            return value.isoformat()
        case datetime.timedelta():
            return {"$seconds": [value.days, value.seconds, value.microseconds]}
        case decimal.Decimal() | uuid.UUID():
            return str(value)
    raise errors.BadConfig(f"{where}: values of type {type(value).__name__} cannot be stored")


def defined_in(cls: type, root: Path | None) -> str | None:
    """The file of a class, below the worktree; None for one of an installed package."""
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if file is None or root is None:
        return None
    try:
        found = Path(file).resolve().relative_to(root.resolve())
    except (OSError, ValueError):
        return None
    return None if "site-packages" in found.parts else found.as_posix()


def stored(line: Mapping[str, Any]) -> Stored | None:
    """The object that a line tells of; None for any other line."""
    module, colon, name = str(line.get("class", "")).partition(":")
    held, file = line.get("values"), line.get("file")
    if not (colon and isinstance(line.get("object"), str) and isinstance(held, dict)):
        return None
    if not (file is None or isinstance(file, str)):
        return None
    return Stored(id=line["object"], module=module, name=name, file=file, values=held)


class Reader:
    """Configs out of what is stored; an object that several hold is one."""

    def __init__(self, found: Mapping[str, Stored], finder: Finder) -> None:
        self._found = found
        self._finder = finder
        self._made: dict[str, Config] = {}
        self._making: set[str] = set()

    def make(self, object_id: str) -> Config:
        """The object of an id. Raises `NotFound` where it or one that it holds is not there."""
        if object_id in self._made:
            return self._made[object_id]
        there = self._found.get(object_id)
        if there is None or object_id in self._making or len(self._making) > DEEPEST:
            raise errors.NotFound(f"object '{object_id[:40]}' is not there, or holds itself")
        self._making.add(object_id)
        cls = self._finder(there)
        known = fields.declared(cls)
        given = {
            # A param that the class of today does not have any more says nothing.
            name: self._value(value, known[name].type)
            for name, value in there.values.items()
            if name in known
        }
        self._making.discard(object_id)
        made: Config = cls(**given)
        self._made[object_id] = made
        return made

    def _value(self, value: Any, wanted: Any) -> Any:
        if isinstance(value, list):
            return [self._value(one, wanted) for one in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((tag, held),) = value.items()
            if tag == "$object":
                return self.make(str(held))
            if tag in _READ:
                return _READ[tag](held)
            if tag in _NESTED:
                return _NESTED[tag](self._value(held, wanted))
            if tag == "$enum":
                return _enum(str(held), wanted)
        return {key: self._value(one, wanted) for key, one in value.items()}


def _enum(name: str, wanted: Any) -> Any:
    """The member of an enum, which the type of the param names."""
    for one in enums(wanted):
        if name in one.__members__:
            return one[name]
    raise errors.BadConfig(f"no enum of this param has a member '{name}'")


def enums(wanted: Any) -> Iterator[type[enum.Enum]]:
    """The enums in a type as it is declared."""
    if isinstance(wanted, type) and issubclass(wanted, enum.Enum):
        yield wanted
    for one in (*getattr(wanted, "__args__", ()), *getattr(wanted, "members", ())):
        yield from enums(one)


_NESTED: dict[str, Callable[[Any], Any]] = {"$tuple": tuple, "$set": set, "$dict": dict}
_READ: dict[str, Callable[[Any], Any]] = {
    "$int": lambda held: int(held, 16),
    "$float": float,
    "$bytes": base64.b64decode,
    "$path": lambda held: Path(held if isinstance(held, str) else _READ["$text"](held["$text"])),
    "$text": lambda held: base64.b64decode(held).decode("utf-8", "surrogatepass"),
    "$seconds": lambda held: datetime.timedelta(held[0], held[1], held[2]),
}
