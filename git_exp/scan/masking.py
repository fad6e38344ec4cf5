"""A text without its secrets: each is replaced by `***`, all other bytes stay."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

import msgspec

from git_exp import records
from git_exp.mask import MASK
from git_exp.scan import texts
from git_exp.scan.library import Library
from git_exp.scan.rules import Hit

_MASK = MASK.encode()
_STRING = f'"{MASK}"'.encode()
# What of a record is the user's own data, where a value may be any other.
_THEIRS = (b'"params"', b'"metadata"', b'"value"', b'"answers"', b'"outcome"', b'"usage"')
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[{}\[\]:,]|[^"{}\[\]:,]++', re.S)
_SOUND = re.compile(rb'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9A-Fa-f]{4})*+"')
# A key may follow an escape sequence of JSON; a value in quotes ends with them.
_BEFORE = rb"((?:(?<![\w-])|(?<=\\[nrt]))-{0,2}"
_SET = rb"""(?:\\?["'])?[ \t]{0,8}[=:][ \t]{0,8}(?:\\?["'])?)"""
_VALUE = rb"""(?:(?<=")[^"\\\n]{1,4096}|(?<=')[^'\\\n]{1,4096}|[^\s"'\\,;&]{1,4096})"""
_ROUNDS = 64


def masked(data: bytes, keys: Sequence[str] = (), *, library: Library | None = None) -> bytes:
    """The same bytes with `***` for each specific secret, and for the values of these keys.

    Records stay records, of the same kind and time: a key is masked in what is the user's own of
    them (params, metadata, answers), as an option in `argv`, and where text assigns it. What is
    binary comes back as it is.
    """
    name = texts.wide(data)
    if name:
        plain = masked(data.decode(name).encode(), keys, library=library)
        return plain.decode().encode(name)
    if not texts.readable(data):
        return data
    first = data.lstrip(b"\n").partition(b"\n")[0]
    if isinstance(records.parse(first), records.Damaged):
        return _plain(data, keys, library)
    return b"\n".join(_line(line, keys, library) for line in data.split(b"\n"))


def _plain(data: bytes, keys: Sequence[str], library: Library | None) -> bytes:
    for key in keys:
        data = _assigned(key).sub(rb"\g<1>" + _MASK, data)
    # What is left of a secret may be one itself: of a private key longer than any should be.
    for _ in range(_ROUNDS):
        spans = [hit for hit in texts.hits(data, library) if hit.specific]
        if not spans:
            break
        data = _without(data, spans)
    return data


def _without(data: bytes, spans: Sequence[Hit]) -> bytes:
    parts: list[bytes] = []
    at = 0
    for hit in spans:
        parts += data[at : hit.start], _MASK
        at = hit.end
    return b"".join((*parts, data[at:]))


def _line(line: bytes, keys: Sequence[str], library: Library | None) -> bytes:
    if isinstance(records.parse(line), records.Damaged):
        return _plain(line, keys, library)
    return b"".join(_tokens(line, keys, library))


def _tokens(line: bytes, keys: Sequence[str], library: Library | None) -> Iterator[bytes]:
    """A record token by token, with every string masked and the values of keys replaced."""
    place = _Place()
    meant = [records.encode(key)[1:-1] for key in keys]
    hidden = 0
    for token in _TOKEN.findall(line):
        role = place.step(token)
        if hidden:
            hidden = hidden if len(place.names) >= hidden else 0
        elif role in ("open", "value") and any(map(place.is_of, meant)):
            hidden = len(place.names) if role == "open" else 0
            yield _STRING
        else:
            yield _string(token, keys, library) if token.startswith(b'"') else token


def _string(token: bytes, keys: Sequence[str], library: Library | None) -> bytes:
    made = b'"%b"' % _plain(token[1:-1], keys, library)
    # A scanner that knows no JSON may cut an escape sequence in two.
    return made if _SOUND.fullmatch(made) else _STRING


class _Place(msgspec.Struct, kw_only=True):
    """Where in a JSON document a token stands.

    `names` has one for each container that is open: of an object's value, empty before its name,
    None in a list. `path` are those of the last value, `before` is the value in front of it.
    """

    names: list[bytes | None] = []
    path: list[bytes] = []
    before: bytes = b""
    last: bytes = b""

    def step(self, token: bytes) -> str:
        """What the next token is: a name, a value, one that opens, or a mark."""
        mark = token.strip()
        if mark == b"," and self.names[-1] is not None:
            self.names[-1] = b""
        if mark in (b"", b",", b":"):
            return "mark"
        if mark in (b"}", b"]"):
            self.names.pop()
            return "mark"
        if self.names and self.names[-1] == b"":
            self.names[-1] = mark
            return "name"
        self.path = [name for name in self.names if name is not None]
        self.before, self.last = self.last, mark
        if mark in (b"{", b"["):
            self.names.append(b"" if mark == b"{" else None)
            return "open"
        return "value"

    def is_of(self, key: bytes) -> bool:
        """Whether the last value is what a key of the user's stands before."""
        if self.before in (b'"--%b"' % key, b'"-%b"' % key):
            return True
        dotted = b".".join(name[1:-1] for name in self.path[1:])
        return self.path[:1] != [] and self.path[0] in _THEIRS and _ends(dotted, key)


def _ends(dotted: bytes, key: bytes) -> bool:
    return dotted == key or dotted.endswith(b"." + key)


@lru_cache(maxsize=64)
def _assigned(key: str) -> re.Pattern[bytes]:
    """A key and what text sets it to, as code, a shell, an option and JSON write that."""
    name = re.escape(key.encode(errors="surrogateescape"))
    return re.compile(_BEFORE + name + _SET + _VALUE)
