"""Answers kept small: texts of others are cut and made harmless, long lists end early."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import msgspec

from git_exp import errors, values
from git_exp.agent import wire
from git_exp.visible import escape

# The JSON of one answer, in bytes.
LARGEST = 64 << 10
ERROR = 2_000
CUT = " … [cut]"
# A patch is what was asked for, all other text describes.
LONG = {"patch": 8, "brief": 5}


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much of each text, mapping and list is shown at most."""

    text: int
    keys: int
    items: int


# Each is tried where an answer is too large with those before it.
STEPS = (
    Limits(text=4_000, keys=200, items=500),
    Limits(text=2_000, keys=100, items=500),
    Limits(text=1_000, keys=50, items=500),
    Limits(text=500, keys=25, items=500),
    Limits(text=250, keys=25, items=250),
    Limits(text=250, keys=15, items=100),
    Limits(text=120, keys=10, items=50),
    Limits(text=120, keys=10, items=20),
    Limits(text=60, keys=5, items=5),
)


def fitted(answer: msgspec.Struct) -> tuple[dict[str, Any], str]:
    """An answer as plain values and as JSON, cut to fit; `truncated` in it says whether it was."""
    for limits in STEPS:
        cutter = _Cutter(limits)
        plain = cutter.struct(answer)
        plain["truncated"] = plain["truncated"] or cutter.has_cut
        text = wire.encoded(plain)
        if len(text.encode()) <= LARGEST:
            return plain, text
    raise errors.GitExpError("the answer is too large", hint="ask for less")


def refusal(error: errors.GitExpError) -> str:
    """An error with its hint, in few words."""
    hint = f"\nhint: {error.hint}" if error.hint else ""
    said = escape(f"{error.message}{hint}", "\n\t")
    return said if len(said) <= ERROR else said[:ERROR] + CUT


class _Cutter:
    """Makes values plain and small, and notes whether anything was left out."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.has_cut = False

    def struct(self, value: msgspec.Struct) -> dict[str, Any]:
        return {
            name: self._value(getattr(value, name), LONG.get(name, 1))
            for name in value.__struct_fields__
        }

    def _value(self, value: Any, longer: int = 1) -> Any:
        match value:
            case msgspec.Struct():
                return self.struct(value)
            case str():
                return self._text(value, self._limits.text * longer)
            case Mapping():
                shown = list(value.items())[: self._limits.keys]
                self.has_cut |= len(shown) < len(value)
                return {self._text(key, 200): self._value(one) for key, one in shown}
            case list() | tuple():
                self.has_cut |= len(value) > self._limits.items
                return [self._value(one) for one in value[: self._limits.items]]
            case int() if value.bit_length() > 63:
                return self._immense(value)
        return values.plain(value)

    def _text(self, text: str, most: int) -> str:
        # Before it is escaped: what nobody sees need not be looked at.
        shown = escape(values.quoted(text[: most + 1]), "\n\t")
        if len(shown) <= most:
            return shown
        self.has_cut = True
        return shown[:most] + CUT

    def _immense(self, value: int) -> float:
        """An integer that most readers of JSON would get wrong, as near as a float comes."""
        self.has_cut = True
        try:
            return float(value)
        except OverflowError:
            return sys.float_info.max if value > 0 else -sys.float_info.max
