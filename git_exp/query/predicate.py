"""An expression as a predicate over runs, and keys to sort runs by."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from git_exp.query import fields, patterns, shapes
from git_exp.query.fields import Condition, Key
from git_exp.query.literals import Number, Pattern, Span, Text, Value
from git_exp.run import Run

Shape = tuple[float | None, str | None]


def predicate(condition: Condition) -> Callable[[Run], bool]:
    """Whether a run fits a condition."""
    match condition:
        case fields.All():
            inner = [predicate(one) for one in condition.inner]
            every = any if condition.any else all
            return lambda run: every(fits(run) for fits in inner)
        case fields.Not():
            fits = predicate(condition.inner)
            return lambda run: not fits(run)
        case fields.Has():
            key = condition.key
            return lambda run: bool(_present(key, run))
        case fields.Test():
            return functools.partial(_fits, condition)


def order(key: Key, *, descending: bool) -> Callable[[Run], Any]:
    """What to sort runs by: numbers come before texts, and what has neither comes last."""

    def compared(one: Shape, other: Shape) -> int:
        return _before(one[0], other[0], descending) or _before(one[1], other[1], descending)

    ranked = functools.cmp_to_key(compared)
    return lambda run: ranked(_shape(key, run))


def value(key: Key, run: Run) -> Any:
    """What a field is for a run, as it was recorded; None where it has none."""
    match key.kind:
        case "param":
            return run.params.get(key.name)
        case "meta":
            return shapes.meta_leaves(run.metadata).get(key.name)
        case "metric":
            summary = run.metrics.get(key.name)
            return getattr(summary, key.aggregate) if summary else None
    return _built_in(key.name, run)


def _fits(test: fields.Test, run: Run) -> bool:
    shapes = _present(test.key, run)
    found = any(_compares(one, test.sign, value) for one in shapes for value in test.values)
    if test.sign in ("!=", "!~"):
        return not found and (test.key.type == "several" or _is_comparable(test.key, shapes))
    return found


def _is_comparable(key: Key, shapes: Sequence[Shape]) -> bool:
    """Whether there is anything to compare: NaN is no number, and equals and differs from none."""
    return any(number is not None or text is not None for number, text in shapes)


def _compares(shape: Shape, sign: str, value: Value) -> bool:
    """Whether a sign holds; of `!=` and `!~` the contrary, which the caller turns round."""
    number, text = shape
    match value:
        case Pattern():
            return patterns.matches(value.text, text)
        case Number():
            if sign in ("=", "!="):
                return number == value.value or text == value.text
            return number is not None and _holds(number, sign, value.value)
        case Text():
            if value.begins and sign in ("=", "!="):
                return text is not None and text.startswith(value.value)
            return text is not None and _holds(text, sign, value.value)
        case Span():
            return text is not None and _in_time(text, sign, value)


def _holds(one: Any, sign: str, other: Any) -> bool:
    match sign:
        case "<":
            return bool(one < other)
        case "<=":
            return bool(one <= other)
        case ">":
            return bool(one > other)
        case ">=":
            return bool(one >= other)
    return bool(one == other)


def _in_time(t: str, sign: str, span: Span) -> bool:
    match sign:
        case "<":
            return t < span.start
        case "<=":
            return t < span.end
        case ">":
            return t >= span.end
        case ">=":
            return t >= span.start
    return span.start <= t < span.end


def _present(key: Key, run: Run) -> list[Shape]:
    """All that a run has of a field, as it is compared; nothing where it has none."""
    match key.kind:
        case "param":
            return [shapes.shape(run.params[key.name])] if key.name in run.params else []
        case "meta":
            leaves = shapes.meta_leaves(run.metadata)
            return [shapes.shape(leaves[key.name])] if key.name in leaves else []
        case "metric":
            summary = run.metrics.get(key.name)
            return [(shapes.measured(summary, key.aggregate), None)] if summary else []
    found = _built_in(key.name, run)
    if key.type == "several":
        return [(None, one) for one in found]
    if found is None or found == "":
        return []
    if key.type in ("number", "duration", "flag"):
        return [(float(found), None)]
    return [(None, found)]


def _built_in(name: str, run: Run) -> Any:
    git = run.git
    match name:
        case "branch" | "dirty":
            return getattr(git, name) if git else None
        case "host":
            return run.host.name if run.host else None
        case "duration":
            return run.duration_ms
        case "parent":
            return run.parent_run
        case "tag":
            return run.tags
        case "note":
            return [one.text for one in run.notes]
    return getattr(run, name)


def _shape(key: Key, run: Run) -> Shape:
    return next(iter(_present(key, run)), (None, None))


def _before(one: Any, other: Any, descending: bool) -> int:
    if one is None or other is None or one == other:
        return (one is None) - (other is None)
    return -1 if (one > other) == descending else 1
