"""Values that JSON has no word for: each as a mapping with one key, such as `{"$float": "nan"}`."""

from __future__ import annotations

import base64
import datetime
import decimal
import math
import re
import uuid
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

from git_exp import errors

DEEPEST = 100
_SAFE = 2**53


def told(value: Any, where: str, depth: int = 0) -> Any:
    """A value as JSON has it, or tagged. Raises `Unencodable` for what has no form here."""
    if depth > DEEPEST:
        raise errors.Unencodable(f"{where}: it is nested over {DEEPEST} levels deep")

    def inner(one: Any) -> Any:
        return told(one, where, depth + 1)

    match value:
        case None | bool():
            return value
        case list():
            return [inner(one) for one in value]
        case tuple():
            return {"$tuple": [inner(one) for one in value]}
        case dict():
            return mapping({key: inner(one) for key, one in value.items()}, inner)
    return scalar(value, where)


def read(value: Any) -> Any:
    """The value that was told."""
    if isinstance(value, list):
        return [read(one) for one in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((tag, held),) = value.items()
        if tag in SCALARS:
            return SCALARS[tag](held)
        if tag in CONTAINERS:
            return CONTAINERS[tag](read(held))
    return {key: read(one) for key, one in value.items()}


def mapping(plain: dict[Any, Any], inner: Callable[[Any], Any]) -> Any:
    """A mapping whose values are told; `inner` tells the keys where they are no plain text."""
    odd = any(
        not isinstance(key, str) or key.startswith("$") or _text(key) is not key for key in plain
    )
    return {"$dict": [[inner(key), one] for key, one in plain.items()]} if odd else plain


def scalar(value: Any, where: str) -> Any:
    """A value that holds no other. Raises `Unencodable`."""
    match value:
        case str():
            return _text(str(value))
        case int():
            return int(value) if abs(value) < _SAFE else {"$int": f"{value:x}"}
        case float():
            return float(value) if math.isfinite(value) else {"$float": str(value)}
        case bytes() | bytearray():
            return {"$bytes": base64.b64encode(value).decode()}
        case PurePath():
            return {"$path": _text(str(value))}
    for kind, tag, form in _TAGGED:
        if isinstance(value, kind):
            return {tag: form(value)}
    raise errors.Unencodable(f"{where}: values of type {type(value).__name__} cannot be stored")


def readable(line: bytes) -> bytes:
    """A line of JSON as whoever looks for something in it wants it: what is encoded, decoded."""
    return _ENCODED.sub(lambda found: b'"' + _decoded(found[1]) + b'"', line)


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text)
    except ValueError:
        return text


def _text(value: str) -> Any:
    try:
        value.encode()
    except UnicodeEncodeError:
        return {"$text": base64.b64encode(value.encode("utf-8", "surrogatepass")).decode()}
    return value


_ENCODED = re.compile(rb'\{"\$(?:text|bytes)":"([A-Za-z0-9+/=]*)"\}')
_TAGGED: tuple[tuple[type, str, Callable[[Any], Any]], ...] = (
    (datetime.datetime, "$datetime", datetime.datetime.isoformat),
    (datetime.date, "$date", datetime.date.isoformat),
    (datetime.time, "$time", datetime.time.isoformat),
    (datetime.timedelta, "$seconds", lambda one: [one.days, one.seconds, one.microseconds]),
    (decimal.Decimal, "$decimal", str),
    (uuid.UUID, "$uuid", str),
)
# What a tag's value is read by; that of a container's is read itself before.
CONTAINERS: dict[str, Callable[[Any], Any]] = {"$tuple": tuple, "$set": frozenset, "$dict": dict}
SCALARS: dict[str, Callable[[Any], Any]] = {
    "$int": lambda held: int(held, 16),
    "$float": float,
    "$bytes": base64.b64decode,
    "$path": lambda held: Path(held if isinstance(held, str) else SCALARS["$text"](held["$text"])),
    "$text": lambda held: base64.b64decode(held).decode("utf-8", "surrogatepass"),
    "$datetime": datetime.datetime.fromisoformat,
    "$date": datetime.date.fromisoformat,
    "$time": datetime.time.fromisoformat,
    "$seconds": lambda held: datetime.timedelta(held[0], held[1], held[2]),
    "$decimal": decimal.Decimal,
    "$uuid": uuid.UUID,
}
