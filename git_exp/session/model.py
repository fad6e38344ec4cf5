"""What every model of a session is: a Struct whose fields are checked when built and assigned."""

from __future__ import annotations

import copy
import enum
import os
import re
from functools import lru_cache
from typing import Any, Self, get_args

import msgspec

from git_exp import errors, tagged, visible
from git_exp.config import fields

_SHOWN = 60
_NAMED = re.compile(r"[A-Z]\w+(?:\.\w+)?: ")
_WIDEST = 14_000


class Model(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A Struct that takes no wrong value: `BadField` names the field, what it expects and got.

    Where nothing is lost a value is converted: a text to the enum that has it, a path to text, a
    scalar of numpy to Python's own, a mapping to a model.
    """

    def __post_init__(self) -> None:
        for name in _kinds(type(self)):
            setattr(self, name, getattr(self, name))

    def __setattr__(self, name: str, value: Any) -> None:
        kind = _kinds(type(self)).get(name)
        super().__setattr__(name, value if kind is None else _checked(type(self), name, value))

    def but(self, **changes: Any) -> Self:
        """A copy with other values in some fields, which are checked already."""
        made = copy.copy(self)
        for name, value in changes.items():
            msgspec.Struct.__setattr__(made, name, value)
        return made


def built(cls: type[Model], given: dict[str, Any]) -> Model:
    """A model of a mapping, whatever that is. Raises `BadField`."""
    known = cls.__struct_fields__
    for name in given:
        if name not in known:
            shown = visible.escape(str(name)[:_SHOWN])
            raise errors.BadField(f"{cls.__name__}: it has no field '{shown}'")
    for name in _required(cls):
        if name not in given:
            raise errors.BadField(f"{cls.__name__}.{name}: expected a value, got none")
    return cls(**given)


@lru_cache
def _required(cls: type[Model]) -> list[str]:
    # It reads all annotations again at each call.
    return [one.name for one in msgspec.structs.fields(cls) if one.required]


def checked(model: Model) -> Model:
    """A copy of a model, with all that is in it checked again. Raises `BadField`."""
    return type(model)(**{name: getattr(model, name) for name in model.__struct_fields__})


def known(told: dict[str, Any], cls: type[Model]) -> dict[str, Any]:
    """What is told of a model, without the fields that a newer one has."""
    return {
        name: _known(value, _kinds(cls)[name])
        for name, value in told.items()
        if name in _kinds(cls)
    }


def _known(value: Any, kind: Any) -> Any:
    if isinstance(value, list):
        inner = get_args(kind)
        return [_known(one, inner[0] if inner else None) for one in value]
    models = [one for one in (kind, *get_args(kind)) if isinstance(one, type)]
    model = next((one for one in models if issubclass(one, Model)), None)
    return known(value, model) if model and isinstance(value, dict) else value


@lru_cache(maxsize=64)
def _kinds(cls: type[Model]) -> dict[str, Any]:
    return {one.name: one.type for one in msgspec.structs.fields(cls)}


def _checked(cls: type[Model], name: str, value: Any) -> Any:
    kind = _kinds(cls)[name]
    where = f"{cls.__name__}.{name}"
    try:
        mine = os.fspath(value) if isinstance(value, os.PathLike) else _owned(value)
        found = msgspec.convert(mine, kind, dec_hook=_as_it_is)
    except (msgspec.ValidationError, RecursionError, UnicodeError) as error:
        raise errors.BadField(_told(where, kind, value, error=error)) from None
    if isinstance(found, dict):
        # What a file could not hold is refused at once, and not when an hour's work is saved.
        tagged.told(found, where)
    return found


def _as_it_is(kind: type, value: Any) -> Any:
    if isinstance(value, kind):
        return value
    raise msgspec.ValidationError(f"Expected `{kind.__name__}`, got `{type(value).__name__}`")


def _owned(value: Any) -> Any:
    """A value with its containers and models copied, scalars of numpy in it as Python's own."""
    if isinstance(value, Model):
        return checked(value)
    if type(value) is dict:
        return {fields.plain(key): _owned(one) for key, one in value.items()}
    if type(value) in (list, tuple):
        return type(value)([_owned(one) for one in value])
    return fields.plain(value)


def _told(where: str, kind: Any, value: Any, *, error: Exception) -> str:
    if isinstance(error, RecursionError):
        return f"{where}: it is nested too deeply"
    said, _, place = str(error).partition(" - at `$")
    said = visible.escape(said.replace("`", ""))
    if _NAMED.match(said):
        # A model in this one has told which field of its own it is.
        return said
    if said.startswith("Invalid enum value") and not place:
        said = f"expected one of {', '.join(map(repr, _choices(kind)))}"
    if " got " not in said and not place:
        said = f"{said}, got {_shown(value)}"
    elif not place and isinstance(value, str | int | float):
        said = f"{said} {_shown(value)}"
    return f"{where}{place.rstrip('`')}: {said[:1].lower()}{said[1:]}"


def _choices(kind: Any) -> list[Any]:
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return [one.value for one in kind]
    inner = [one for part in get_args(kind) if part is not type(None) for one in _choices(part)]
    return inner or ([kind] if isinstance(kind, str) else [])


def _shown(value: Any) -> str:
    if isinstance(value, int) and value.bit_length() > _WIDEST:
        return f"an integer of {value.bit_length():,} bits"
    text = repr(value) if isinstance(value, str | int | float) else type(value).__name__
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
