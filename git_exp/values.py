"""What a record can hold: any Python value made of JSON's kinds, or an error that names its key."""

from __future__ import annotations

import decimal
import enum
import math
import numbers
import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from git_exp import errors

ARRAY_LIMIT = 1_000
# Readers refuse an integer of more than 4,300 digits, and so does Python's own `str`.
INTEGER_BITS = 14_000

_ESCAPES = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r",
            34: '\\"', 92: "\\\\"}  # fmt: skip
_RUN_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
Path = tuple[str, ...]
# As JSON has it: NaN and the infinities are text.
Number = float | str | None


def simpler(value: Any) -> Any:
    """One step towards JSON for a type that msgspec does not know.

    numpy and torch scalars, arrays of at most 1,000 items, numbers of any kind, `os.PathLike`,
    subclasses of text; a boolean that is a key.
    """
    match value:
        case bool():
            return "true" if value else "false"
        case type() | complex():
            raise NotImplementedError
        case os.PathLike():
            return os.fsdecode(value)
        case str():
            return str.__str__(value)
        case numbers.Integral():
            return int(value)
        case numbers.Real():
            return float(value)
    return _listed(value)


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
            return quoted(str.__str__(value))
        case int() | float() | decimal.Decimal():
            return _number(value, path)
        case dict() | Mapping():
            return {_key(key, path): _plain(one, (*path, str(key))) for key, one in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(one, (*path, str(at))) for at, one in enumerate(value)]
        case msgspec.Struct():
            return _struct(value, path)
    return _plain(_simpler(value, path), path)


def _number(value: int | float | decimal.Decimal, path: Path) -> int | float | str:
    if isinstance(value, int):
        if value.bit_length() > INTEGER_BITS:
            raise _unencodable(path, "an integer of more than 4,200 digits")
        return int(value)
    # A Decimal is written by its value; a signalling NaN has no float.
    nan = isinstance(value, decimal.Decimal) and value.is_nan()
    number = math.nan if nan else float(value)
    return number if math.isfinite(number) else _special(number)


def _simpler(value: Any, path: Path) -> Any:
    import dataclasses

    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
    try:
        return msgspec.to_builtins(value, enc_hook=simpler)
    except RecursionError:
        raise
    except NotImplementedError:
        raise _unencodable(path, f"objects of type {type(value).__name__}") from None
    except Exception as error:
        # What a library's own conversion raises is its own affair: a run goes on.
        raise _unencodable(path, str(error) or type(error).__name__) from error


def _listed(value: Any) -> Any:
    """An array, or a scalar of a library, as Python's own."""
    if _count(value) > ARRAY_LIMIT:
        raise errors.Unencodable(f"an array of more than {ARRAY_LIMIT:,} items")
    for method in ("tolist", "item"):
        convert = getattr(value, method, None)
        if callable(convert):
            return convert()
    raise NotImplementedError


def _struct(value: msgspec.Struct, path: Path) -> Any:
    """A Struct as msgspec would write it."""
    config = value.__struct_config__
    fields = {key: _plain(one, (*path, key)) for key, one in _fields(value)}
    if config.array_like:
        return [*([] if config.tag is None else [config.tag]), *fields.values()]
    return fields if config.tag is None else {str(config.tag_field): config.tag, **fields}


def _fields(value: msgspec.Struct) -> Iterator[tuple[str, Any]]:
    config = value.__struct_config__
    omits = config.omit_defaults and not config.array_like
    kind = type(value)
    for name, encoded in zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True):
        held = getattr(value, name)
        if held is msgspec.UNSET or (omits and _is_default(_described(kind)[name], held)):
            continue
        yield encoded, held


@lru_cache(maxsize=256)
def _described(kind: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    # It reads all annotations again at each call, which takes as long as the rest of a Struct.
    return {one.name: one for one in msgspec.structs.fields(kind)}


def _is_default(one: msgspec.structs.FieldInfo, held: Any) -> bool:
    if one.required:
        return False
    factory = one.default_factory
    default = one.default if factory is msgspec.NODEFAULT else factory()
    return type(held) is type(default) and bool(held == default)


def _key(key: Any, path: Path) -> str:
    """A key as msgspec would write it: numbers and dates as text."""
    key = key.value if isinstance(key, enum.Enum) else key
    if isinstance(key, str):
        return quoted(str.__str__(key))
    if isinstance(key, bool):
        return str(simpler(key))
    try:
        (found,) = msgspec.to_builtins({key: None}, str_keys=True, enc_hook=simpler)
    except Exception:
        found = None
    if not isinstance(found, str):
        raise _unencodable((*path, repr(key)), f"a key of type {type(key).__name__}") from None
    return found


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


def parsed(text: str) -> Any:
    """A param given as text: a number, true, false or null as JSON has them, else the text."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return quoted(text)
    return text if isinstance(value, dict | list | str) else value
