"""The format's own rules: keys that their vendors gave a shape, private keys, URLs.

Every pattern starts with a literal, and no two of its starts can read the same bytes for long: the
time is linear in the text, however long its lines are. A text without any of the literals, as
nearly all are, costs one pass of RE2: a sixteenth of a search for each of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

import msgspec

JWT = "json-web-token"
URL = "password-in-url"
PRIVATE_KEY = "private-key"

# What may stand to the left: no letter or digit, unless it belongs to an escape sequence of JSON,
# of a URL or of a terminal. It is told after the literal: a pattern that starts with that is fast.
_ESCAPES = (
    rb"\\[nrtbf]", rb"[\[;]m", rb"[\[;]\dm", rb"[\[;]\d\dm", rb"[\[;]\d\d\dm",
    rb"%[0-9A-Fa-f]{2}", rb"\\u[0-9A-Fa-f]{4}", rb"\\x[0-9A-Fa-f]{2}",
)  # fmt: skip
_WORD = rb"[A-Za-z0-9]"
_SIGN = rb"[A-Za-z0-9]{16}"
_END = rb"(?![A-Za-z0-9])"
_DASHED_END = rb"(?![A-Za-z0-9_-])"
_QUOTE = rb"""(?:\\?["'])?"""
_ASSIGNED = _QUOTE + rb"[ \t]{0,8}(?:=>|:=|[=:])[ \t]{0,8}" + _QUOTE
# The body of a private key as it stands in a file, in JSON, and in the source of a program.
_BODY = rb"""((?:[A-Za-z0-9+/=\s"'`,:.#>|*]|\\.|-(?!----)){40,32768}+)"""

_PLACEHOLDERS = (
    b"example", b"xxxx", b"your", b"placeholder", b"redacted", b"dummy", b"changeme", b"***",
    b"abcdefgh", b"12345678", b"....",
)  # fmt: skip
_PASSWORDS = frozenset(
    b"pass password passwd pwd secret token user username admin root guest test testing default"
    b" postgres mysql mariadb redis mongo rabbitmq minio minioadmin x-oauth-basic".split()
)
_NEARBY = re.compile(
    rb"localhost|127\.[\d.]+|0\.0\.0\.0|host\.docker\.internal|hostname?|server"
    rb"|(?:.*\.)?example(?:\.\w+)?|.*\.(?:local|localhost|test|invalid|example)",
    re.I | re.S,
)
_KEY_LINE = re.compile(rb"[A-Za-z0-9+/]{40,}")

Judge = Callable[[re.Match[bytes]], bool | None]


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """Where a rule holds in a text: the bytes of the secret alone."""

    rule: str
    specific: bool
    start: int
    end: int


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A key's shape: one of these literals, then the rest; group 1, if any, is the secret.

    `judge` says of a match whether it stops a push, warns, or (None) is nothing. `sign` is what
    follows a literal that many texts have, in the language of RE2.
    """

    name: str
    starts: tuple[bytes, ...]
    rest: bytes
    judge: Judge
    left: bytes | None = _WORD
    sign: bytes = b""


def hits(text: bytes) -> list[Hit]:
    """What the rules find in a text, in its order; of two in one place the first to start."""
    if not _sign().search(text):
        return []
    return apart(hit for rule, start in _STARTS if start in text for hit in _of(rule, start, text))


def apart(found: Iterable[Hit]) -> list[Hit]:
    """Hits in order without those that overlap an earlier one."""
    out: list[Hit] = []
    for hit in sorted(found, key=lambda one: (one.start, not one.specific, -one.end)):
        if not out or hit.start >= out[-1].end:
            out.append(hit)
    return out


def is_placeholder(secret: bytes) -> bool:
    """Whether a text of a key's shape only shows the shape."""
    lowered = secret.lower()
    return len(set(secret)) < 6 or any(word in lowered for word in _PLACEHOLDERS)


def _of(rule: Rule, start: bytes, text: bytes) -> Iterator[Hit]:
    for match in _pattern(start, rule.left, rule.rest).finditer(text):
        specific = rule.judge(match)
        if specific is not None:
            first, end = match.span(_secret(match))
            yield Hit(rule=rule.name, specific=specific, start=first, end=end)


def _secret(match: re.Match[bytes]) -> int:
    """The group that is the secret: that of its name, or the first, or all."""
    return match.re.groupindex.get("secret", 1 if match.re.groups else 0)


@lru_cache(maxsize=1)
def _sign() -> Any:
    """What is in every text that any rule holds in."""
    import re2

    options = re2.Options()
    # Bytes of any encoding, and of none.
    options.encoding = re2.Options.Encoding.LATIN1
    return re2.compile(b"|".join(re.escape(start) + rule.sign for rule, start in _STARTS), options)


@lru_cache(maxsize=128)
def _pattern(start: bytes, left: bytes | None, rest: bytes) -> re.Pattern[bytes]:
    literal = re.escape(start)
    if left is None:
        return re.compile(literal + rest, re.S)
    there = b"|".join(rb"(?<=%b%b)" % (escape, literal) for escape in _ESCAPES)
    return re.compile(rb"%b(?:(?<!%b%b)|%b)%b" % (literal, left, literal, there, rest), re.S)


def _real(match: re.Match[bytes]) -> bool | None:
    return None if is_placeholder(match[_secret(match)]) else True


def _mixed(match: re.Match[bytes]) -> bool | None:
    """A key without a length of its own is told from words by capitals and small letters."""
    body = match[0][3:]
    return None if body.islower() or body.isupper() else _real(match)


def _numbered(match: re.Match[bytes]) -> bool | None:
    """The same by digits and letters."""
    letters = len(match[0].translate(None, b"0123456789"))
    return _real(match) if 6 < letters < len(match[0]) - 1 else None


def _private(match: re.Match[bytes]) -> bool | None:
    lines = _KEY_LINE.findall(match[1])
    return True if any(not line.islower() and not line.isupper() for line in lines) else None


def _url(match: re.Match[bytes]) -> bool | None:
    user, password, host = match["user"], match["secret"], match["host"]
    known = password.lower() in _PASSWORDS or password.lower() == user.lower()
    marked = password.startswith((b"%", b"[", b"(", b"*")) or any(
        word in password.lower() for word in _PLACEHOLDERS
    )
    if known or marked or _NEARBY.fullmatch(host):
        return None
    # A name without a dot is of this machine or its neighbour.
    return b"." in host.rstrip(b".")


def _warns(match: re.Match[bytes]) -> bool | None:
    return False if _real(match) else None


def _rule(name: str, starts: str, rest: bytes, *, judge: Judge = _real, sign: bytes = b"") -> Rule:
    return Rule(name=name, starts=tuple(starts.encode().split()), rest=rest, judge=judge, sign=sign)


_RULES = (
    _rule("aws-access-key-id", "AKIA ASIA", rb"[A-Z2-7]{16}" + _END),
    _rule(
        "aws-secret-access-key",
        "aws_secret_access_key AWS_SECRET_ACCESS_KEY SecretAccessKey secretAccessKey",
        _ASSIGNED + rb"([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
    ),
    _rule("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", rb"[A-Za-z0-9]{36,255}+"),
    _rule("github-token", "github_pat_", rb"[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    _rule(
        "gitlab-token",
        "glpat- gldt- glrt- glptt-",
        rb"[A-Za-z0-9_-]{20,300}+(?:\.[0-9a-z]{2}\.[0-9a-z]{9})?",
    ),
    _rule(
        "slack-token",
        "xoxb- xoxp- xoxa- xoxr- xoxs- xoxe- xapp-",
        rb"[A-Za-z0-9-]{20,400}+",
        judge=_numbered,
    ),
    _rule(
        "slack-webhook",
        "hooks.slack.com/services/",
        rb"(T[A-Z0-9]{6,15}/B[A-Z0-9]{6,15}/[A-Za-z0-9]{16,40})",
    ),
    _rule(
        "discord-webhook",
        "discord.com/api/webhooks/ discordapp.com/api/webhooks/",
        rb"([0-9]{15,22}/[A-Za-z0-9_-]{60,100})",
    ),
    _rule("google-api-key", "AIza", rb"[A-Za-z0-9_-]{35}" + _DASHED_END, judge=_mixed),
    _rule("google-oauth-secret", "GOCSPX-", rb"[A-Za-z0-9_-]{28}" + _DASHED_END),
    _rule("stripe-key", "sk_live_ rk_live_", rb"[A-Za-z0-9]{16,255}+"),
    _rule("anthropic-key", "sk-ant-", rb"[A-Za-z0-9_-]{40,400}+", judge=_numbered),
    _rule(
        "openai-key",
        "sk-proj- sk-svcacct- sk-admin- sk-or-v1-",
        rb"[A-Za-z0-9_-]{40,400}+",
        judge=_numbered,
    ),
    _rule(
        "openai-key",
        "sk-",
        rb"[A-Za-z0-9]{32,128}+" + _DASHED_END,
        judge=_numbered,
        sign=_SIGN,
    ),
    _rule("hugging-face-token", "hf_", rb"[A-Za-z0-9]{34,40}" + _END, judge=_mixed, sign=_SIGN),
    _rule("wandb-key", "WANDB_API_KEY wandb_api_key", _ASSIGNED + rb"([0-9a-f]{40})" + _END),
    _rule("wandb-key", "wandb_v1_", rb"[A-Za-z0-9_]{77}" + _END),
    _rule("langsmith-key", "lsv2_pt_ lsv2_sk_", rb"[0-9a-f]{32}_[0-9a-f]{10}" + _END),
    _rule("groq-key", "gsk_", rb"[A-Za-z0-9]{52}" + _END),
    _rule("replicate-token", "r8_", rb"[A-Za-z0-9]{37}" + _END, judge=_mixed, sign=_SIGN),
    _rule("nvidia-key", "nvapi-", rb"[A-Za-z0-9_-]{60,70}" + _DASHED_END, judge=_numbered),
    _rule("databricks-token", "dapi", rb"[0-9a-f]{32}" + _END, sign=_SIGN),
    _rule("npm-token", "npm_", rb"[A-Za-z0-9]{36}" + _END, judge=_mixed, sign=_SIGN),
    _rule("pypi-token", "pypi-AgEI", rb"[A-Za-z0-9_-]{50,2000}+"),
    _rule("sendgrid-key", "SG.", rb"[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}" + _DASHED_END),
    _rule("twilio-key", "SK", rb"[0-9a-f]{32}" + _END, judge=_numbered, sign=_SIGN),
    _rule("digitalocean-token", "dop_v1_ doo_v1_ dor_v1_", rb"[0-9a-f]{64}" + _END),
    _rule("age-key", "AGE-SECRET-KEY-1", rb"[0-9A-Z]{58}" + _END),
    _rule("azure-storage-key", "AccountKey=", rb"([A-Za-z0-9+/]{86}==)"),
    Rule(
        name="telegram-bot-token",
        starts=(b":AA",),
        rest=rb"(?<=[0-9]{8}:AA)([A-Za-z0-9_-]{33})" + _DASHED_END,
        judge=_real,
        left=None,
        sign=rb"[A-Za-z0-9_-]{16}",
    ),
    Rule(
        name=PRIVATE_KEY,
        starts=(b"-----BEGIN ",),
        rest=rb"(?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----" + _BODY,
        judge=_private,
        left=None,
    ),
    Rule(
        name=URL,
        starts=(b"://",),
        rest=rb"""(?<=[A-Za-z0-9]://)(?P<user>[^\s/:@"'`<>{}$\\]{0,64})"""
        rb""":(?P<secret>[^\s/"'`<>{}$\\]{3,200})@(?P<host>[A-Za-z0-9_.-]{1,253}+)""",
        judge=_url,
        left=None,
        sign=rb"[^\s/:@]*:[^\s/]+@",
    ),
    Rule(
        name=JWT,
        starts=(b"eyJ",),
        rest=rb"[\w-]{10,2000}+\.eyJ[\w-]{10,8000}+\.[\w-]{20,2000}+",
        judge=_warns,
        left=rb"[\w-]",
        sign=rb"[A-Za-z0-9_-]{8}",
    ),
)
_STARTS = [(rule, start) for rule in _RULES for start in rule.starts]
