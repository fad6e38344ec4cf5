"""The grammar of expressions: text to a tree, with the place of everything in it.

Written by hand: a command's whole budget is 95 ms, the grammar fits on a page, and an error has to
point at its exact place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

import msgspec

from git_exp import errors

LONGEST = 10_000
# SQLite reads no more of nested SQL than about twice that.
DEEPEST = 50
AGGREGATES = ("last", "max", "min", "first", "count")
COMPARISONS = ("=", "!=", "<", "<=", ">", ">=", "~", "!~")
_KEYWORDS = ("and", "or", "not", "in", "exists")
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<sign>!=|!~|<=|>=|==|[=<>~(),])
    | (?P<word>(?:param|metric|meta):(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
        | [^\s"'()=<>~!,]+)
    )""",
    re.VERBOSE | re.DOTALL,
)
_BARE = re.compile(r"""[^\s"'()=<>~!,:]+""")
_SURROGATE = re.compile("[\ud800-\udfff]")
# Any other backslash is the text's own: patterns are full of them.
_ESCAPED = re.compile(r"""\\(["'\\])""")


class Token(NamedTuple):
    """A piece of an expression: its kind, its text without quotes, and where it stands."""

    kind: str
    text: str
    at: int

    def says(self, *words: str) -> bool:
        """Whether it is one of these keywords, in any case."""
        return self.kind == "word" and self.text.lower() in words


class Name(msgspec.Struct, frozen=True, kw_only=True):
    """A field as it is written: `kind` is param, metric, meta or "", `aggregate` as in max(acc)."""

    text: str
    at: int
    kind: str = ""
    aggregate: str = ""


class Literal(msgspec.Struct, frozen=True, kw_only=True):
    """A value as it is written; what was quoted is text."""

    text: str
    at: int
    quoted: bool


class Compare(msgspec.Struct, frozen=True, kw_only=True):
    """`name sign value`, or with `in` one of several values."""

    name: Name
    sign: str
    values: tuple[Literal, ...]


class Exists(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a run has it; `alone` is where a comparison would stand of a field that has none."""

    name: Name
    alone: int | None = None


class Not(msgspec.Struct, frozen=True, kw_only=True):
    """The contrary."""

    node: Node


class Both(msgspec.Struct, frozen=True, kw_only=True):
    """All of these, or with `any` one of them."""

    nodes: tuple[Node, ...]
    any: bool = False


Node = Compare | Exists | Not | Both


def parse(text: str) -> Node:
    """The tree of an expression. Raises `BadExpression` that points at the place."""
    if not text.strip():
        raise errors.BadExpression("it is empty", "", 0)
    parser = _Parser(text)
    node = parser.either()
    parser.end()
    return node


def name(text: str) -> Name:
    """A field alone: `acc`, `param:lr`, `max(acc)`."""
    parser = _Parser(text)
    found = parser.name()
    parser.end()
    return found


def quoted(text: str) -> str:
    """Text as an expression has it in quotes, to put a value or a name into one."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def word(text: str) -> str:
    """A name as an expression has it: bare where it can be, else in quotes."""
    bare = _BARE.fullmatch(text) and text.lower() not in _KEYWORDS
    return text if bare else quoted(text)


def _tokens(text: str) -> Iterator[Token]:
    if len(text) > LONGEST:
        raise errors.BadExpression(f"it is longer than {LONGEST:,} characters", text, LONGEST)
    broken = _SURROGATE.search(text)
    if broken:
        raise errors.BadExpression("it is no UTF-8", text, broken.start())
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            start = at + len(text[at:]) - len(text[at:].lstrip())
            raise errors.BadExpression(_stray(text[start]), text, start)
        kind = str(found.lastgroup)
        raw, start = found[kind], found.start(kind)
        yield Token(kind, _unquoted(raw) if kind == "quoted" else raw, start)
        at = found.end()
    yield Token("end", "", max(end, 0))


def _stray(sign: str) -> str:
    return "a quote is not closed" if sign in "\"'" else f"unexpected {sign!r}"


def _unquoted(raw: str) -> str:
    return _ESCAPED.sub(r"\1", raw[1:-1])


class _Parser:
    """Reads tokens from left to right; each method is a rule of the grammar."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._next = 0
        self._depth = 0

    def either(self) -> Node:
        """`a or b or …`"""
        nodes = [self._both()]
        while self._takes("or"):
            nodes.append(self._both())
        return nodes[0] if len(nodes) == 1 else Both(nodes=tuple(nodes), any=True)

    def end(self) -> None:
        """There is nothing left."""
        token = self._token
        if token.kind in ("word", "quoted"):
            self._fail(f"expected 'and' or 'or' before '{token.text}'")
        if token.kind != "end":
            self._fail(f"unexpected '{token.text}'")

    def name(self) -> Name:
        """A field, or an aggregate of a metric."""
        token = self._take()
        if token.kind not in ("word", "quoted") or not token.text:
            self._fail("expected a name", token)
        if not self._sees("("):
            return self._named(token)
        if token.kind != "word" or token.text.lower() not in AGGREGATES:
            self._fail(f"'{token.text}' is none of {', '.join(AGGREGATES)}", token)
        return self._measured(token)

    def _measured(self, aggregate: Token) -> Name:
        opened = self._take()
        inner = self._take()
        if inner.kind not in ("word", "quoted") or not inner.text:
            self._fail(f"expected a metric after '{opened.text}'", inner)
        if not self._sees(")"):
            self._fail(f"expected ')' after '{inner.text}'")
        self._take()
        found = self._named(inner)
        return msgspec.structs.replace(found, aggregate=aggregate.text.lower(), at=aggregate.at)

    def _named(self, token: Token) -> Name:
        """A name with its kind before it, as in `param:lr` or `meta:"a b"`."""
        kind, colon, rest = token.text.partition(":")
        if token.kind == "quoted" or not colon or kind not in ("param", "metric", "meta"):
            return Name(text=token.text, at=token.at)
        if not rest:
            self._fail(f"expected a name after '{token.text}'", token)
        key = _unquoted(rest) if rest[0] in "'\"" else rest
        return Name(text=key, at=token.at, kind=kind)

    def _both(self) -> Node:
        nodes = [self._single()]
        while self._takes("and"):
            nodes.append(self._single())
        return nodes[0] if len(nodes) == 1 else Both(nodes=tuple(nodes))

    def _single(self) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            self._fail(f"it is nested more than {DEEPEST} deep")
        node = self._operand()
        self._depth -= 1
        return node

    def _operand(self) -> Node:
        if self._takes("not"):
            return Not(node=self._single())
        if self._sees("("):
            self._take()
            node = self.either()
            if not self._sees(")"):
                self._fail("expected ')'")
            self._take()
            return node
        if self._token.says("exists"):
            self._take()
            return Exists(name=self.name())
        if self._token.says("and", "or", "in"):
            self._fail(f"expected a name before '{self._token.text}'")
        return self._comparison()

    def _comparison(self) -> Node:
        found = self.name()
        if self._takes("exists"):
            return Exists(name=found)
        if self._takes("in"):
            return Compare(name=found, sign="=", values=self._list())
        if self._token.says("not") and self._tokens[self._next + 1].says("in"):
            self._next += 2
            return Compare(name=found, sign="!=", values=self._list())
        token = self._token
        if token.kind != "sign" or token.text not in (*COMPARISONS, "=="):
            if token.kind != "end" and not token.says("and", "or") and not self._sees(")"):
                self._fail(f"expected a comparison after '{found.text}'")
            return Exists(name=found, alone=token.at)
        self._take()
        return Compare(name=found, sign=token.text.replace("==", "="), values=(self._value(token),))

    def _list(self) -> tuple[Literal, ...]:
        if not self._sees("("):
            self._fail("expected '(' after 'in'")
        opened = self._take()
        found = [self._value(opened)]
        while self._sees(","):
            found.append(self._value(self._take()))
        if not self._sees(")"):
            self._fail("expected ',' or ')'")
        self._take()
        return tuple(found)

    def _value(self, before: Token) -> Literal:
        token = self._token
        if token.kind not in ("word", "quoted"):
            self._fail(f"expected a value after '{before.text}'")
        self._take()
        return Literal(text=token.text, at=token.at, quoted=token.kind == "quoted")

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._token
        if token.kind != "end":
            self._next += 1
        return token

    def _takes(self, *words: str) -> bool:
        found = self._token.says(*words)
        self._next += found
        return found

    def _sees(self, sign: str) -> bool:
        return self._token.kind == "sign" and self._token.text == sign

    def _fail(self, why: str, token: Token | None = None) -> NoReturn:
        raise errors.BadExpression(why, self._text, (token or self._token).at)
