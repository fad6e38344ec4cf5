"""The values of an expression: numbers, durations, sizes, dates, words; read for their field."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from git_exp import records
from git_exp.query.grammar import Literal

_MICROS = {
    "us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000,
    "d": 86_400_000_000, "w": 604_800_000_000,
}  # fmt: skip
_BYTES = {
    **{unit: 1_024 ** (at + 1) for at, unit in enumerate("KMGT")},
    **{f"{unit}iB": 1_024 ** (at + 1) for at, unit in enumerate("KMGT")},
    **{f"{unit}B": 1_000 ** (at + 1) for at, unit in enumerate("kMGT")},
    "k": 1_024, "KB": 1_000, "B": 1,
}  # fmt: skip
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_SPECIAL = re.compile(r"([+-]?)(?:inf|infinity)", re.IGNORECASE)
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:us|ms|s|m|h|d|w))+", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h|d|w)", re.ASCII)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([kKMGT]i?B?|B)", re.ASCII)
_DATE = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?")
_HEX = re.compile(r"[0-9a-f-]{4,40}", re.IGNORECASE)
LONGEST_PATTERN = 1_000
When = Callable[[str], tuple[int, int] | None]


class Number(msgspec.Struct, frozen=True, kw_only=True):
    """A number, and how it was spelt: it equals a text that is spelt so."""

    value: float
    text: str


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """Text, which `begins` what it equals where the field is an id."""

    value: str
    begins: bool = False


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A time from `start` up to but without `end`, as records have them."""

    start: str
    end: str


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """A regular expression."""

    text: str


Value = Number | Text | Span | Pattern


def value(literal: Literal, kind: str, sign: str, *, when: When) -> Value:
    """A value as a field of some type is compared with it; `ValueError` says what is wrong."""
    if sign in ("~", "!~"):
        return _pattern(literal.text, kind)
    match kind:
        case "number" | "duration":
            return _number(literal, kind)
        case "time":
            return span(literal.text, when)
        case "flag":
            return _flag(literal.text)
        case "hex":
            begins = _HEX.fullmatch(literal.text) is not None
            return Text(value=literal.text.lower() if begins else literal.text, begins=begins)
        case "mixed":
            number = None if literal.quoted else number_of(literal.text)
            if number is not None:
                return Number(value=number, text=literal.text)
    return Text(value=literal.text)


def number_of(text: str) -> float | None:
    """A number, a duration in seconds, or a size in bytes."""
    if _NUMBER.fullmatch(text):
        return float(text)
    special = _SPECIAL.fullmatch(text)
    if special:
        return float(f"{special[1]}inf")
    if _DURATION.fullmatch(text):
        parts = _PART.findall(text)
        # In whole microseconds, so that 1001ms is that many to the last bit.
        return sum(float(count) * _MICROS[unit] for count, unit in parts) / 1_000_000
    size = _SIZE.fullmatch(text)
    if size and size[2] in _BYTES:
        return float(size[1]) * float(_BYTES[size[2]])
    return None


def seconds_of(text: str) -> float | None:
    """A length of time in seconds: a number of them, or units as in `1h30m`."""
    return None if _SIZE.fullmatch(text) else number_of(text)


def _number(literal: Literal, kind: str) -> Number:
    found = None if literal.quoted and kind == "number" else number_of(literal.text)
    if literal.text.lower() == "nan":
        raise ValueError("nothing equals nan, and nothing is less or greater")
    if found is None:
        raise ValueError("expected a duration such as 10m" if kind == "duration"
                         else "expected a number")  # fmt: skip
    return Number(value=round(found * 1_000, 6) if kind == "duration" else found, text=literal.text)


def _flag(text: str) -> Number:
    words = {"true": 1.0, "yes": 1.0, "1": 1.0, "false": 0.0, "no": 0.0, "0": 0.0}
    if text.lower() not in words:
        raise ValueError("expected true or false")
    return Number(value=words[text.lower()], text=text)


def _pattern(text: str, kind: str) -> Pattern:
    from git_exp.query import patterns

    if kind not in ("text", "hex", "several", "mixed"):
        raise ValueError("only text is matched by a pattern")
    if len(text) > LONGEST_PATTERN:
        raise ValueError(f"a pattern of more than {LONGEST_PATTERN:,} characters")
    wrong = patterns.wrong(text)
    if wrong:
        raise ValueError(f"bad pattern: {wrong}")
    return Pattern(text=text)


def span(text: str, when: When) -> Span:
    """The time that a date covers; `ValueError` for what is none."""
    found = _DATE.fullmatch(text)
    try:
        micros = _of_iso(text, found) if found else when(text)
        if micros is not None:
            return Span(start=records.stamp(micros[0]), end=records.stamp(micros[1]))
    except (ValueError, OverflowError):
        # A year that no calendar or no clock has.
        pass
    raise ValueError(f"'{text[:40]}' is no date")


def _of_iso(text: str, found: re.Match[str]) -> tuple[int, int]:
    """The microseconds that a date covers: a day, a minute, a second, as far as it is given."""
    start = datetime.fromisoformat(text)
    if found[4]:
        length = timedelta(microseconds=1)
    elif found[3]:
        length = timedelta(seconds=1)
    elif found[2]:
        length = timedelta(minutes=1)
    else:
        length = timedelta(days=1)
    # A day of the local clock may have 23 hours.
    return _micros(start), _micros(start + length)


def _micros(moment: datetime) -> int:
    since = moment.astimezone() - datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    return since // timedelta(microseconds=1)
