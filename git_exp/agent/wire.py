"""Structs on the wire: their JSON schemas, arguments checked on the way in, answers encoded."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from git_exp import errors

# All arguments of a call together, in characters and numbers; each has a limit of its own too.
LARGEST = 1_000_000
DEEPEST = 16
_PLACE = re.compile(r"(?P<why>.*?)(?: - at `\$\.?(?P<where>.*)`)?", re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


def schema(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON schema of a Struct, an object at its root, whatever it refers to beside it."""
    (root,), parts = msgspec.json.schema_components((kind,), ref_template="#/$defs/{name}")
    own = parts.pop(root["$ref"].rpartition("/")[2])
    # What the tool does is said once, by the tool.
    own.pop("description", None)
    return {**own, **({"$defs": parts} if parts else {})}


def arguments(kind: type[msgspec.Struct], given: Mapping[str, Any]) -> Any:
    """Arguments as a Struct. Raises `UsageError`, which repeats none that are large."""
    _Weighed().value(given, "")
    try:
        return msgspec.convert(dict(given), kind)
    except msgspec.ValidationError as error:
        raise errors.UsageError(_why(str(error))) from None


def encoded(value: Any) -> str:
    """Plain values as JSON."""
    return msgspec.json.encode(value).decode()


def _why(said: str) -> str:
    found = _PLACE.fullmatch(said)
    assert found
    why = found["why"].replace("`", "'")
    if why.startswith("Object contains unknown field"):
        name = why.partition("'")[2].rstrip("'")
        return f"there is no argument '{name[:40]}'"
    if why.startswith("Object missing required field"):
        return f"missing argument {why.partition('field ')[2]}"
    if why.startswith("Invalid enum value"):
        return f"bad argument '{found['where']}': no value that it can have"
    return f"bad argument '{found['where']}': {why[:1].lower()}{why[1:200]}"


class _Weighed:
    """Refuses what no tool takes: too much in all, too deep, NUL, half characters, no numbers."""

    def __init__(self) -> None:
        self._left = LARGEST

    def value(self, value: Any, where: str, depth: int = 0) -> None:
        self._left -= 1 + (len(value) if isinstance(value, str) else 0)
        if self._left < 0:
            raise errors.UsageError(f"the arguments are larger than {LARGEST:,} characters")
        if depth > DEEPEST:
            raise errors.UsageError(f"bad argument '{where}': nested more than {DEEPEST} deep")
        match value:
            case str():
                self._text(value, where)
            case float() if not math.isfinite(value):
                raise errors.UsageError(f"bad argument '{where}': expected a finite number")
            case Mapping():
                for key, one in value.items():
                    self.value(key, where)
                    self.value(one, where or str(key)[:40], depth + 1)
            case list():
                for one in value:
                    self.value(one, where, depth + 1)

    def _text(self, text: str, where: str) -> None:
        if "\0" in text:
            raise errors.UsageError(f"bad argument '{where}': it has a NUL character")
        if _SURROGATE.search(text):
            raise errors.UsageError(f"bad argument '{where}': it is no UTF-8")
