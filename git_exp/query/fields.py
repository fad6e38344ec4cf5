"""What the names and values of an expression mean: which field, and what it is compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NoReturn

import msgspec

from git_exp import errors
from git_exp.query import grammar, literals
from git_exp.query.grammar import AGGREGATES, Literal, Name, Node

# What a built-in field is, which says how it is compared.
BUILT_IN = {
    "name": "text", "status": "text", "branch": "text", "user": "text", "host": "text",
    "group": "text", "id": "hex", "commit": "hex", "base": "hex", "parent": "hex",
    "tag": "several", "note": "several", "started": "time", "ended": "time", "duration": "duration",
    "exit_code": "number", "dirty": "flag",
}  # fmt: skip
KINDS = ("param", "metric", "meta")
# What of metadata is params as well.
FEEDING = ("hparams", "params")
When = Callable[[str], tuple[int, int] | None]


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A field that is known: `kind` is built-in, param, metric or meta.

    `type` says how it is compared: text, hex, several, time, duration, number, flag, or mixed for
    a param or metadata, which may be a number in one run and text in another.
    """

    kind: str
    name: str
    type: str
    aggregate: str = "last"


class Catalogue(msgspec.Struct, frozen=True, kw_only=True):
    """The params, metrics and paths of metadata that there are."""

    params: frozenset[str] = frozenset()
    metrics: frozenset[str] = frozenset()
    meta: frozenset[str] = frozenset()

    def of(self, kind: str) -> frozenset[str]:
        """The names of one kind."""
        return {"param": self.params, "metric": self.metrics, "meta": self.meta}[kind]

    def is_empty(self) -> bool:
        """Whether there is nothing that could be named."""
        return not (self.params or self.metrics or self.meta)


class Test(msgspec.Struct, frozen=True, kw_only=True):
    """A field compared with one value, or with several of which one is enough."""

    key: Key
    sign: str
    values: tuple[literals.Value, ...]


class Has(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a run has a field at all."""

    key: Key


class Not(msgspec.Struct, frozen=True, kw_only=True):
    """The contrary of a condition."""

    inner: Condition


class All(msgspec.Struct, frozen=True, kw_only=True):
    """Every one of these conditions, or with `any` at least one."""

    inner: tuple[Condition, ...]
    any: bool = False


Condition = Test | Has | Not | All


def expression(text: str, known: Catalogue, when: When) -> Condition:
    """What an expression asks. `when` says which microseconds since 1970 a date in words means.

    Raises `BadExpression` for what is none; `NotFound` and `Ambiguous` for a key that no run has,
    or that could be several things.
    """
    return _Binder(text, known, when).condition(grammar.parse(text))


def key(text: str, known: Catalogue) -> Key:
    """One field by its name, to show it."""
    return _Binder(text, known, lambda _: None).key(grammar.name(text))


def sort_key(text: str, known: Catalogue) -> Key:
    """One field by its name, to sort by it."""
    found = key(text, known)
    if found.type == "several":
        raise errors.BadExpression(f"a run has several of '{found.name}'", text, 0)
    return found


class _Binder:
    """Resolves the names and values of one expression."""

    def __init__(self, text: str, known: Catalogue, when: When) -> None:
        self._text = text
        self._known = known
        self._when = when

    def condition(self, node: Node) -> Condition:
        match node:
            case grammar.Both():
                return All(inner=tuple(map(self.condition, node.nodes)), any=node.any)
            case grammar.Not():
                return Not(inner=self.condition(node.node))
            case grammar.Exists():
                found = self.key(node.name)
                return Has(key=found) if node.alone is None else self._alone(found, node)
            case grammar.Compare():
                found = self.key(node.name)
                read = [self._value(found, node.sign, one) for one in node.values]
                return Test(key=found, sign=node.sign, values=tuple(read))

    def key(self, name: Name) -> Key:
        """The field that a name means."""
        if not name.kind and not name.aggregate and name.text in BUILT_IN:
            return Key(kind="built-in", name=name.text, type=BUILT_IN[name.text])
        kinds = (name.kind,) if name.kind else KINDS
        if name.aggregate:
            kinds = ("metric",)
            if name.kind not in ("", "metric"):
                self._fail(f"{name.aggregate}() is of a metric", name.at)
        found = self._found(name, kinds)
        if len(found) > 1:
            told = [f"{kind}:{grammar.word(path)}" for kind, path in found]
            raise errors.Ambiguous(name.text, told)
        if not found and not self._known.is_empty():
            self._unknown(name, kinds)
        kind, path = found[0] if found else (kinds[0], name.text)
        return Key(
            kind=kind,
            name=path,
            type="number" if kind == "metric" else "mixed",
            aggregate=name.aggregate or AGGREGATES[0],
        )

    def _found(self, name: Name, kinds: Iterable[str]) -> list[tuple[str, str]]:
        exact = [(kind, name.text) for kind in kinds if name.text in self._known.of(kind)]
        ends = f".{name.text}"
        found = exact or [
            (kind, path)
            for kind in kinds
            for path in sorted(self._known.of(kind))
            if path.endswith(ends)
        ]
        # Metadata that feeds the params is no second thing of that name.
        fed = {f"{start}.{path}" for kind, path in found if kind == "param" for start in FEEDING}
        return [(kind, path) for kind, path in found if kind != "meta" or path not in fed]

    def _alone(self, found: Key, node: grammar.Exists) -> Condition:
        if found.type != "flag":
            self._fail(f"expected a comparison after '{node.name.text}'", node.alone or 0)
        return Test(key=found, sign="=", values=(literals.Number(value=1.0, text="true"),))

    def _value(self, found: Key, sign: str, literal: Literal) -> literals.Value:
        try:
            return literals.value(literal, found.type, sign, when=self._when)
        except ValueError as error:
            self._fail(str(error), literal.at)

    def _unknown(self, name: Name, kinds: Iterable[str]) -> NoReturn:
        what = {"param": "param", "metric": "metric"}.get(name.kind, "metadata")
        what = what if name.kind else "metric" if name.aggregate else "field, param or metric"
        hint = errors.pointed(self._text, name.at)
        near = self._elsewhere(name) or self._near(name, kinds)
        if near:
            hint += f"\ndid you mean: {', '.join(near)}"
        raise errors.NotFound(f"no {what} is called '{name.text[:40]}'", hint=hint)

    def _elsewhere(self, name: Name) -> list[str]:
        there = [kind for kind in KINDS if name.text in self._known.of(kind)]
        return [f"{kind}:{grammar.word(name.text)}" for kind in there]

    def _near(self, name: Name, kinds: Iterable[str]) -> list[str]:
        import difflib

        every = [path for kind in kinds for path in sorted(self._known.of(kind))]
        fields = [] if name.kind or name.aggregate else [*BUILT_IN]
        parts = (path.rpartition(".")[2] for path in every)
        there = {one.lower(): grammar.word(one) for one in (*parts, *every, *fields)}
        return [there[one] for one in difflib.get_close_matches(name.text.lower(), there, n=3)]

    def _fail(self, why: str, at: int) -> NoReturn:
        raise errors.BadExpression(why, self._text, at)
