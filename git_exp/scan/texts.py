"""What is found in one text, and what is said of it without the secret itself."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterator

import msgspec

from git_exp.scan import rules
from git_exp.scan.library import Library
from git_exp.scan.rules import Hit

_LOOKED_AT = 8 << 10
_WIDE = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A secret that a push would send: `specific` ones stop it, others warn.

    `where` is a path in the snapshot, one in the data commit, or `records`; `line` is 1-based;
    `id` is a fingerprint, for `--allow`; `shown` is how the secret starts.
    """

    rule: str
    specific: bool
    run: str | None
    where: str
    line: int
    id: str
    shown: str


def text(
    data: bytes, *, run: str | None, where: str, library: Library | None = None
) -> Iterator[Finding]:
    """The secrets in one text, each once, in their order; none in what is binary."""
    plain = readable(data)
    at, line = 0, 1
    said: set[str] = set()
    for hit in hits(plain, library) if plain else ():
        secret = plain[hit.start : hit.end]
        line, at = line + plain.count(b"\n", at, hit.start), hit.start
        found = fingerprint(hit.rule, secret)
        if found not in said:
            said.add(found)
            yield Finding(
                rule=hit.rule,
                specific=hit.specific,
                run=run,
                where=where,
                line=line,
                id=found,
                shown=_shown(secret),
            )


def hits(plain: bytes, library: Library | None) -> list[Hit]:
    """What all rules find in a text; the format's own go first where both find something."""
    ours = rules.hits(plain)
    if library is None:
        return ours
    theirs = [hit for hit in library.hits(plain) if not any(_meet(hit, one) for one in ours)]
    return rules.apart([*ours, *theirs])


def holds_secret(data: bytes, library: Library | None = None) -> bool:
    """Whether a text has anything in it that stops a push."""
    return any(hit.specific for hit in hits(readable(data), library))


def readable(data: bytes) -> bytes:
    """A text as UTF-8 or something like it; empty where it is binary."""
    for mark, name in _WIDE.items():
        if data.startswith(mark):
            return data.decode(name, "replace").encode(errors="replace")
    return b"" if b"\0" in data[:_LOOKED_AT] else data


def wide(data: bytes) -> str | None:
    """The encoding of a text that is in UTF-16 and can be written again as it was."""
    for mark, name in _WIDE.items():
        if data.startswith(mark):
            plain = data.decode(name, "replace")
            return name if plain.encode(name, "replace") == data else None
    return None


def fingerprint(rule: str, secret: bytes) -> str:
    """What names a finding without telling it."""
    return hashlib.sha256(rule.encode() + b"\0" + secret).hexdigest()[:10]


def _meet(one: Hit, other: Hit) -> bool:
    return one.start < other.end and other.start < one.end


def _shown(secret: bytes) -> str:
    # Four letters of a password may be half of it.
    start = secret[: 4 if len(secret) >= 20 else 1]
    return start.decode("ascii", "backslashreplace") + "…"
