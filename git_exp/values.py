"""What a record can hold: any Python value made of JSON's kinds, or an error that names its key."""

from __future__ import annotations

import dataclasses
import decimal
import enum
import math
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from git_exp import errors

ARRAY_LIMIT = 1_000

_ESCAPES = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r",
            34: '\\"', 92: "\\\\"}  # fmt: skip
_RUN_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
Path = tuple[str, ...]


def simpler(value: Any) -> Any:
    """One step towards JSON for a type that msgspec does not know.

    numpy and torch scalars, arrays of at most 1,000 items, `os.PathLike`, `Enum`, `Decimal`.
    """
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, complex):
        raise NotImplementedError
    if _count(value) > ARRAY_LIMIT:
        raise errors.Unencodable(f"an array of more than {ARRAY_LIMIT} items")
    for method in ("tolist", "item"):
        convert = getattr(value, method, None)
        if callable(convert):
            return convert()
    raise NotImplementedError


def plain(value: Any, path: Path = ()) -> Any:
    """A value as JSON has it: NaN and the infinities as text, text that is no UTF-8 quoted.

    Raises `Unencodable`, a `TypeError` that names the key, for what no record can hold.
    """
    try:
        return _plain(value, path)
    except RecursionError:
        raise _unencodable(path, "it is nested too deeply, or contains itself") from None


def scalar(value: Any, key: str) -> Any:
    """A param as it is recorded: a number, text, a boolean or None. Raises `Unencodable`."""
    found = plain(value, ("params", key))
    if isinstance(found, dict | list):
        raise _unencodable(("params", key), "a param is one number, text or boolean")
    return found


def is_run_id(text: str) -> bool:
    """Whether text is a lowercase hyphenated UUID, as all run ids are: never a path."""
    return _RUN_ID.fullmatch(text) is not None


def quoted(text: str) -> str:
    """Text that is no UTF-8 as git quotes paths, all other text as it is."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raw = text.encode("utf-8", "surrogateescape" if _escaped(text) else "surrogatepass")
        return '"' + "".join(_quote(byte) for byte in raw) + '"'
    return text


def _plain(value: Any, path: Path) -> Any:
    match value:
        case None | bool():
            return value
        case enum.Enum():
            return _plain(value.value, path)
        case str():
            return quoted(value)
        case int():
            return int(value)
        case float():
            return float(value) if math.isfinite(value) else _special(value)
        case dict() | Mapping():
            return {_key(key, path): _plain(one, (*path, str(key))) for key, one in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(one, (*path, str(at))) for at, one in enumerate(value)]
        case msgspec.Struct():
            return {key: _plain(one, (*path, key)) for key, one in _fields(value)}
    return _plain(_simpler(value, path), path)


def _simpler(value: Any, path: Path) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
    try:
        return msgspec.to_builtins(value, enc_hook=simpler)
    except errors.Unencodable as error:
        raise _unencodable(path, str(error)) from None
    except NotImplementedError:
        raise _unencodable(path, f"objects of type {type(value).__name__}") from None
    except (TypeError, ValueError) as error:
        raise _unencodable(path, str(error)) from None


def _fields(value: msgspec.Struct) -> Iterator[tuple[str, Any]]:
    omits = value.__struct_config__.omit_defaults
    for one in msgspec.structs.fields(value):
        held = getattr(value, one.name)
        if one.required or not omits or not _is_default(one, held):
            yield one.encode_name, held


def _is_default(one: msgspec.structs.FieldInfo, held: Any) -> bool:
    factory = one.default_factory
    default = one.default if factory is msgspec.NODEFAULT else factory()
    return type(held) is type(default) and bool(held == default)


def _key(key: Any, path: Path) -> str:
    key = key.value if isinstance(key, enum.Enum) else key
    if isinstance(key, bool) or not isinstance(key, str | int | float):
        raise _unencodable((*path, repr(key)), f"a key of type {type(key).__name__}")
    return quoted(key) if isinstance(key, str) else str(key)


def _count(value: Any) -> int:
    for name in ("numel", "size"):
        count = getattr(value, name, None)
        count = count() if callable(count) else count
        if isinstance(count, int):
            return count
    return len(value) if hasattr(value, "tolist") and hasattr(value, "__len__") else 1


def _special(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _escaped(text: str) -> bool:
    return all(not 0xD800 <= ord(one) < 0xE000 or 0xDC80 <= ord(one) <= 0xDCFF for one in text)


def _quote(byte: int) -> str:
    if byte in _ESCAPES:
        return _ESCAPES[byte]
    return chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}"


def _unencodable(path: Path, why: str) -> errors.Unencodable:
    where = ".".join(path) or "value"
    return errors.Unencodable(
        f"cannot record '{where}': {why}", hint="track numbers, text, lists and dicts of these"
    )
