"""Text of others in one safe line: escaped, cut, and in quotes unless it is a plain word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from git_exp import table, visible
from git_exp.differing import Differing

TEXT, NAME, VALUE = 80, 40, 30
NO_RUN = "no run"
_PLAIN = re.compile(r"[\w.:/@%+-]+")


def line(text: str, most: int = TEXT) -> str:
    """Text on one line, without a sign that does not show."""
    # No more is looked at than can be told.
    one = visible.escape(" ".join(text[: 8 * most].split()))
    shown = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in one)
    is_cut = len(shown) > most or len(text) > 8 * most
    return f"{shown[: most - 3]}..." if is_cut else shown


def quoted(text: str, most: int = TEXT) -> str:
    """What somebody wrote, in quotes: it is no word of ours."""
    return '"' + line(text, most).replace('"', "'") + '"'


def word(text: str, most: int = NAME) -> str:
    """A name: bare if it is a plain word."""
    shown = line(text, most)
    return shown if _PLAIN.fullmatch(shown) else quoted(text, most)


def value(given: Any) -> str:
    """The value of a param; `-` where there is none."""
    return table.NOTHING if given is None else word(table.text(given), VALUE)


def number(given: float | int | None) -> str:
    """A metric to six significant digits."""
    if given is None:
        return table.NOTHING
    try:
        return f"{given:.6g}"
    except OverflowError:
        return line(str(given)[:VALUE])


def change(given: float) -> str:
    """A difference with its sign."""
    return f"{given:+.3g}"


def differing(params: Sequence[Differing], most: int) -> str:
    """Params that differ, `lr 0.1 -> 0.01`, and how many more do."""
    told = [f"{word(one.name)} {value(one.a)} -> {value(one.b)}" for one in params[:most]]
    return ", ".join(told) + more(len(params) - most)


def more(count: int) -> str:
    """How many are not told; nothing of none."""
    return f" (+{count} more)" if count > 0 else ""


def of(run_id: str | None) -> str:
    """A run by the beginning of its id, and that there is none."""
    return NO_RUN if run_id is None else word(run_id)
