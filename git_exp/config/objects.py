"""Configs as lines and back: each object once, under an id of its content.

A line is ``{"object": id, "class": "module:Name", "file": path, "values": {name: value}}``. A
config in a value is ``{"$object": id}``; what JSON has no word for is a mapping with one such key.
A meta that cannot be stored is left out where the class has a default for it.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from git_exp import errors, records, tagged
from git_exp.config import fields
from git_exp.config.build import Config
from git_exp.config.identifier import class_name, is_record, module_of, parts
from git_exp.config.owned import DEEPEST, MOST


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
        self._depth = self._count = 0

    def add(self, config: Config) -> tuple[str, list[dict[str, Any]]]:
        """The id of a config, and the objects that were not written before, what is held first.

        Raises `BadConfig` for a value that cannot be stored.
        """
        fresh: list[dict[str, Any]] = []
        self._count = 0
        return self._add(config, fresh), fresh

    def _add(self, config: Config, fresh: list[dict[str, Any]]) -> str:
        if id(config) in self._ids:
            return self._ids[id(config)]
        cls = type(config)
        held: dict[str, Any] = {}
        for name, one in fields.declared(cls).items():
            try:
                held[name] = self._plain(config.__dict__[name], f"{cls.__name__}.{name}", fresh)
            except errors.BadConfig:
                if one.kind is not fields.Kind.META or one.required:
                    raise
        told = {**self._named(cls), "values": held}
        found = hashlib.sha256(records.encode(told)).hexdigest()[:32]
        # Kept alive: the id of an object that is gone is given to another.
        self._held.append(config)
        self._ids[id(config)] = found
        if found not in self._written:
            self._written.add(found)
            fresh.append({"object": found, **told})
        return found

    def _named(self, cls: type) -> dict[str, Any]:
        file = defined_in(cls, self._root)
        told = {"class": f"{module_of(cls)}:{class_name(cls)}"}
        return {**told, "file": file} if file else told

    def _plain(self, value: Any, where: str, fresh: list[dict[str, Any]]) -> Any:
        self._depth += 1
        self._count += 1
        try:
            if self._depth > DEEPEST:
                raise errors.BadConfig(f"{where}: it is nested over {DEEPEST} levels deep")
            if self._count > MOST:
                raise errors.BadConfig(f"{where}: it has over {MOST:,} values")
            return self._told(value, where, fresh)
        finally:
            self._depth -= 1

    def _told(self, value: Any, where: str, fresh: list[dict[str, Any]]) -> Any:
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
                return tagged.mapping({key: inner(one) for key, one in value.items()}, inner)
            case enum.Enum():
                return {"$enum": {**self._named(type(value)), "name": value.name}}
        if is_record(value):
            held = {name: inner(getattr(value, name)) for name in parts(value)}
            return {"$record": {**self._named(type(value)), "values": held}}
        return _scalar(value, where)


def _scalar(value: Any, where: str) -> Any:
    try:
        return tagged.scalar(fields.plain(value), where)
    except errors.Unencodable as error:
        raise errors.BadConfig(str(error)) from None


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
        try:
            cls = self._finder(there)
            known = fields.declared(cls)
            given = {
                # A param that the class of today does not have any more says nothing.
                name: self._value(value, known[name].type)
                for name, value in there.values.items()
                if name in known
            }
        finally:
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
            if tag in tagged.SCALARS:
                return tagged.SCALARS[tag](held)
            if tag in tagged.CONTAINERS:
                return tagged.CONTAINERS[tag](self._value(held, wanted))
            if tag in ("$enum", "$record") and isinstance(held, dict):
                return self._instance(tag, held, wanted)
        return {key: self._value(one, wanted) for key, one in value.items()}

    def _instance(self, tag: str, told: dict[str, Any], wanted: Any) -> Any:
        """A member of an enum, a Struct or a dataclass: of the param's own type, if that has it."""
        module, _, name = str(told.get("class", "")).partition(":")
        mine = next((one for one in classes(wanted) if class_name(one) == name), None)
        there = Stored(id="", module=module, name=name, file=told.get("file"), values={})
        cls: Any = mine or self._finder(there)
        if tag == "$enum" and issubclass(cls, enum.Enum):
            if told.get("name") in cls.__members__:
                return cls[told["name"]]
            raise errors.BadConfig(f"{name} has no member '{told.get('name')}'")
        if tag == "$record" and _has_parts(cls):
            held = told.get("values", {})
            inner = {key: self._value(held[key], cls) for key in parts(cls) if key in held}
            try:
                return cls(**inner)
            except TypeError as error:
                raise errors.BadConfig(f"{name} of today is another: {error}") from error
        raise errors.BadConfig(f"{name} is no enum, Struct or dataclass any more")


def _has_parts(cls: type) -> bool:
    return issubclass(cls, msgspec.Struct) or dataclasses.is_dataclass(cls)


def classes(wanted: Any, seen: frozenset[Any] = frozenset()) -> Iterator[type]:
    """The enums, Structs and dataclasses in a type, in its fields too."""
    if isinstance(wanted, type) and wanted not in seen:
        seen |= {wanted}
        if _has_parts(wanted) or issubclass(wanted, enum.Enum):
            yield wanted
        for one in typing.get_type_hints(wanted).values() if _has_parts(wanted) else ():
            yield from classes(one, seen)
    for one in (*getattr(wanted, "__args__", ()), *getattr(wanted, "members", ())):
        yield from classes(one, seen)
