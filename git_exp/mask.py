"""Secrets on a command line: what of argv and of URLs is not recorded."""

from __future__ import annotations

import re
from collections.abc import Sequence

MASK = "***"

_WORD = r"[\w.-]*(?:key|token|secret|password[\w.-]*|passwd)"
_OPTION = re.compile(rf"-{{1,2}}{_WORD}", re.I)
# As an option, as a variable, and as the overrides of Hydra: `+db.password=x`.
_ASSIGNED = re.compile(rf"([-+~]{{0,2}}{_WORD})=(.*)", re.I | re.S)
# Up to the last `@`: a password may have one in it.
_CREDENTIALS = re.compile(r"(\b[a-z][a-z0-9+.-]{0,20}://)[^/?#\s]*@", re.I)
_ASKED = re.compile(rf"([?&]{_WORD}=)[^&#\s]+", re.I)


def argv(words: Sequence[str]) -> list[str]:
    """A command line with the values of `--*key`, `*token`, `*secret`, `*password*` masked."""
    masked: list[str] = []
    hide = False
    for word in words:
        if hide and not word.startswith("--"):
            masked.append(MASK)
        elif assigned := _ASSIGNED.fullmatch(word):
            masked.append(f"{assigned[1]}={MASK}")
        else:
            masked.append(url(word))
        hide = bool(_OPTION.fullmatch(word))
    return masked


def told(text: str, words: Sequence[str]) -> str:
    """Text about a command line, with what is masked of its words masked in it too."""
    for secret in sorted(_hidden(words), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", MASK, text)
    return url(text)


def url(text: str) -> str:
    """Text with the credentials of any URL in it masked; one without is unchanged."""
    return _ASKED.sub(rf"\1{MASK}", _CREDENTIALS.sub(rf"\1{MASK}@", text))


def bare_url(text: str) -> str:
    """A remote's URL without any credentials."""
    return _ASKED.sub(rf"\1{MASK}", _CREDENTIALS.sub(r"\1", text))


def _hidden(words: Sequence[str]) -> set[str]:
    """What `argv` masks of words, and of the values of options such as `--param=key=value`."""
    inner = [word.partition("=")[2] for word in words if word.startswith("--")]
    found = {""}
    for given in (words, inner):
        for word, shown in zip(given, argv(given), strict=True):
            if shown == MASK:
                found.add(word)
            elif assigned := _ASSIGNED.fullmatch(word):
                found.add(assigned[2])
    return found - {""}
