"""An identifier of a config: the same values have the same, in every process and on every machine.

It is the SHA-256 of a text that is defined here byte by byte and must never change: a tag for the
kind of a value, its length, and its own bytes. What counts is the name of the class with its
module, and the params by name. A nested config counts by its own identifier. Not counted are `Meta`
and `Param[Path]` fields, a path anywhere else but for being one, and a value that equals a default
with `ignore_default`. -0.0 is 0.0, and every NaN is the same; an int is never a float.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import hashlib
import struct
import sys
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

import msgspec

from git_exp import errors
from git_exp.config import fields
from git_exp.config.owned import DEEPEST

MOST = 100_000

MAINS = ("__main__", "__mp_main__")
_NAN = bytes.fromhex("7ff8000000000000")


def module_of(cls: type) -> str:
    """The module of a class by the name that others import it by: a script's is its file's."""
    if cls.__module__ not in MAINS:
        return cls.__module__
    if kept := cls.__dict__.get("_module"):
        return str(kept)
    main = sys.modules.get(cls.__module__)
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name != cls.__module__:
        return str(spec.name).removesuffix(".__main__")
    file = getattr(main, "__file__", None)
    return Path(file).stem if file else "__main__"


def class_name(cls: type) -> str:
    """The name of a class in its module; that of the function that made it does not count."""
    return cls.__qualname__.rpartition("<locals>.")[2]


def is_record(value: Any) -> bool:
    """Whether a value is a Struct or dataclass."""
    return isinstance(value, msgspec.Struct) or (
        dataclasses.is_dataclass(value) and not isinstance(value, type)
    )


def parts(value: Any) -> Sequence[str]:
    """The names of the fields of a Struct or dataclass, or of such a class."""
    if hasattr(value, "__struct_fields__"):
        found: Sequence[str] = value.__struct_fields__
        return found
    return [one.name for one in dataclasses.fields(value)]


class Identifiers:
    """The identifiers of configs that hold each other; each is computed once.

    `count` bounds how many values one may have: a million are refused, not waited for.
    """

    def __init__(self) -> None:
        self._known: dict[int, bytes] = {}
        self._left = MOST
        self._depth = 0

    def of(self, config: Any) -> bytes:
        """The identifier of a config, 32 bytes. Raises `BadConfig` for what has none."""
        if id(config) not in self._known:
            self._known[id(config)] = hashlib.sha256(self._config(config)).digest()
        return self._known[id(config)]

    def _config(self, config: Any) -> bytes:
        cls = type(config)
        counted: list[bytes] = []
        for name, one in sorted(fields.declared(cls).items()):
            value = getattr(config, name)
            if one.counts and not (one.spec.ignore_default and self._is_initial(cls, one, value)):
                counted += [
                    _sized(b"s", name.encode()),
                    self._value(value, f"{cls.__name__}.{name}"),
                ]
        said = f"{module_of(cls)}:{class_name(cls)}".encode()
        return _sized(b"C", _sized(b"s", said) + b"".join(counted))

    def _is_initial(self, cls: type, one: fields.Field, value: Any) -> bool:
        initial = fields.checked(cls, one, one.initial())
        return self._value(value, one.name) == self._value(initial, one.name)

    def _value(self, value: Any, where: str) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise errors.BadConfig(f"{where}: a config has at most {MOST:,} values")
        self._depth += 1
        try:
            if self._depth > DEEPEST:
                raise errors.BadConfig(f"{where}: it is nested over {DEEPEST} levels deep")
            return self._encoded(value, where)
        finally:
            self._depth -= 1

    def _encoded(self, value: Any, where: str) -> bytes:
        if isinstance(value, list | tuple):
            return _sized(b"l", self._each(value, where))
        if isinstance(value, set | frozenset):
            return _sized(b"u", b"".join(sorted(self._value(one, where) for one in value)))
        if isinstance(value, Mapping):
            pairs = [(self._value(k, where), self._value(v, where)) for k, v in value.items()]
            return _sized(b"d", b"".join(key + one for key, one in sorted(pairs)))
        if hasattr(type(value), "config_id"):
            return _sized(b"c", self.of(value))
        if is_record(value):
            return self._record(value, where)
        return _scalar(fields.plain(value), where)

    def _each(self, values: Iterable[Any], where: str) -> bytes:
        return b"".join(self._value(one, where) for one in values)

    def _record(self, value: Any, where: str) -> bytes:
        told = b"".join(
            _sized(b"s", name.encode()) + self._value(getattr(value, name), where)
            for name in sorted(parts(value))
        )
        return _sized(b"o", _sized(b"s", class_name(type(value)).encode()) + told)


def _sized(tag: bytes, raw: bytes) -> bytes:
    return b"%b%d:%b" % (tag, len(raw), raw)


def _float(value: float) -> bytes:
    if value != value:
        return _NAN
    return struct.pack(">d", value + 0.0 if value else 0.0)


def _decimal(value: decimal.Decimal) -> bytes:
    """Digits and exponent: what Python's own `normalize` gives is rounded by the context."""
    if not value.is_finite():
        return b"nan" if value.is_nan() else b"inf" if value > 0 else b"-inf"
    sign, digits, exponent = value.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    kept = text.rstrip("0")
    if not kept:
        return b"0"
    return f"{'-' if sign else ''}{kept}e{int(exponent) + len(text) - len(kept)}".encode()


_SCALARS: tuple[tuple[type | tuple[type, ...], bytes, Callable[[Any], bytes]], ...] = (
    (bool, b"b", lambda one: b"1" if one else b"0"),
    (enum.Enum, b"e", lambda one: f"{class_name(type(one))}.{one.name}".encode()),
    (int, b"i", lambda one: b"%x" % one),
    (float, b"f", _float),
    (str, b"s", lambda one: one.encode("utf-8", "surrogatepass")),
    ((bytes, bytearray), b"y", bytes),
    (PurePath, b"p", lambda _: b""),
    (decimal.Decimal, b"D", _decimal),
    (datetime.datetime, b"T", lambda one: one.isoformat().encode()),
    ((datetime.date, datetime.time), b"t", lambda one: one.isoformat().encode()),
    (
        datetime.timedelta,
        b"r",
        lambda one: repr((one.days, one.seconds, one.microseconds)).encode(),
    ),
    (uuid.UUID, b"U", lambda one: one.bytes),
)


def _scalar(value: Any, where: str) -> bytes:
    if value is None:
        return b"n0:"
    for kinds, tag, told in _SCALARS:
        if isinstance(value, kinds):
            return _sized(tag, told(value))
    raise errors.BadConfig(
        f"{where}: values of type {type(value).__name__} have no identifier",
        hint="declare it as Meta, or as a Config of its own",
    )
