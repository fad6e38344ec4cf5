"""An expression as SQL over the tables of the index; values are only ever bound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from git_exp.query import fields
from git_exp.query.fields import Condition, Key
from git_exp.query.literals import Number, Pattern, Span, Text, Value

_COLUMNS = {
    "id": "r.run_id", "commit": "r.commit_id", "group": 'r."group"', "duration": "r.duration_ms",
}  # fmt: skip
_NUMBERS = ("number", "duration", "flag")
_KEY = "(SELECT id FROM key WHERE kind = '{}' AND name = ?)"


class Clause(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of SQL with the values of its question marks."""

    text: str
    values: tuple[Any, ...] = ()


class _Term(Clause, frozen=True, kw_only=True):
    """A clause inside another: how many comparisons it has, and the sign that joins them."""

    size: int = 1
    sign: str = ""


def where(condition: Condition) -> Clause:
    """Whether a row `r` of `run` fits a condition: 1 or 0, never NULL."""
    found = _where(condition, contrary=False)
    return Clause(text=found.text, values=found.values)


def _where(condition: Condition, *, contrary: bool) -> _Term:
    match condition:
        case fields.All():
            inner = [_where(one, contrary=contrary) for one in condition.inner]
            return _joined(inner, "OR" if condition.any != contrary else "AND")
        case fields.Not():
            return _where(condition.inner, contrary=not contrary)
    leaf = _has(condition.key) if isinstance(condition, fields.Has) else _test(condition)
    return _Term(text=f"NOT {leaf.text}" if contrary else leaf.text, values=leaf.values)


def _joined(terms: Sequence[_Term], sign: str) -> _Term:
    """Terms beside each other, the greatest first and in as few parentheses as will do.

    SQLite's parser has a stack of a hundred, which a parenthesis after a sign fills by three and
    one at the beginning by one; and its trees are no deeper than a thousand.
    """
    if len(terms) == 1:
        return terms[0]
    ordered = sorted(terms, key=lambda one: -one.size)
    half = (len(ordered) + 1) // 2
    left, right = _joined(ordered[:half], sign), _joined(ordered[half:], sign)
    looser = ("OR",) if sign == "AND" else ()
    return _Term(
        text=f"{_apart(left, looser)} {sign} {_apart(right, (*looser, sign))}",
        values=(*left.values, *right.values),
        size=left.size + right.size,
        sign=sign,
    )


def _apart(term: _Term, signs: Sequence[str]) -> str:
    return f"({term.text})" if term.sign in signs else term.text


def order(key: Key, *, descending: bool) -> Clause:
    """Terms of an ORDER BY: numbers before texts, what has neither last."""
    way = f"{'DESC' if descending else 'ASC'} NULLS LAST"
    if key.kind == "built-in":
        return Clause(text=f"{_column(key)} {way}")
    columns = (key.aggregate,) if key.kind == "metric" else ("number", "text")
    terms = [f"(SELECT {column} {_rows(key)} AND run = r.id) {way}" for column in columns]
    return Clause(text=", ".join(terms), values=(key.name,) * len(terms))


def _has(key: Key) -> Clause:
    if key.type == "several":
        return Clause(text=f"r.id IN (SELECT run FROM {key.name})")
    if key.kind == "built-in":
        return Clause(text=f"{_column(key)} IS NOT NULL")
    return Clause(text=f"r.id IN (SELECT run {_rows(key)})", values=(key.name,))


def _test(test: fields.Test) -> Clause:
    key, contrary = test.key, test.sign in ("!=", "!~")
    holds = _joined([_compares(key, test.sign, value) for value in test.values], "OR")
    if key.type == "several":
        rows = f"r.id {'NOT ' * contrary}IN (SELECT run FROM {key.name} WHERE {holds.text})"
        return Clause(text=rows, values=holds.values)
    if contrary:
        there = " OR ".join(f"{column} IS NOT NULL" for column in _sides(key))
        holds = _Term(text=f"({there}) AND NOT ({holds.text})", values=holds.values)
    if key.kind == "built-in":
        return Clause(text=f"coalesce({holds.text}, 0)", values=holds.values)
    rows = f"r.id IN (SELECT run {_rows(key)} AND coalesce({holds.text}, 0))"
    return Clause(text=rows, values=(key.name, *holds.values))


def _compares(key: Key, sign: str, value: Value) -> _Term:
    """The comparison of what a row has; of `!=` and `!~` the contrary."""
    number, text = _of(key)
    equal = sign in ("=", "!=")
    match value:
        case Pattern():
            return _Term(text=f"coalesce(regexp(?, {text}), 0)", values=(value.text,))
        case Number():
            if equal and text:
                same = f"coalesce({number} = ?, {text} = ?, 0)"
                return _Term(text=same, values=(value.value, value.text))
            compared = f"coalesce({number} {_sign(sign)} ?, 0)"
            return _Term(text=compared, values=(value.value,))
        case Text():
            if value.begins and equal:
                length = len(value.value)
                begins = f"coalesce(substr({text}, 1, {length}) = ?, 0)"
                return _Term(text=begins, values=(value.value,))
            return _Term(text=f"coalesce({text} {_sign(sign)} ?, 0)", values=(value.value,))
        case Span():
            return _in_time(text, sign, value)


def _in_time(column: str, sign: str, span: Span) -> _Term:
    if sign in ("=", "!="):
        between = f"coalesce({column} >= ? AND {column} < ?, 0)"
        return _Term(text=between, values=(span.start, span.end))
    how, edge = {
        "<": ("<", span.start),
        "<=": ("<", span.end),
        ">": (">=", span.end),
        ">=": (">=", span.start),
    }[sign]
    return _Term(text=f"coalesce({column} {how} ?, 0)", values=(edge,))


def _sign(sign: str) -> str:
    return "=" if sign == "!=" else sign


def _of(key: Key) -> tuple[str, str]:
    """Where the number of a field stands, and where its text; empty for what it never is."""
    if key.kind == "metric":
        return key.aggregate, ""
    if key.kind in ("param", "meta"):
        return "number", "text"
    if key.type == "several":
        return "", "tag" if key.name == "tag" else "text"
    column = _column(key)
    return (column, "") if key.type in _NUMBERS else ("", column)


def _sides(key: Key) -> Sequence[str]:
    return [one for one in _of(key) if one]


def _column(key: Key) -> str:
    column = _COLUMNS.get(key.name, f"r.{key.name}")
    return column if key.type in _NUMBERS else f"nullif({column}, '')"


def _rows(key: Key) -> str:
    return f"FROM {key.kind} WHERE key = {_KEY.format(key.kind)}"
