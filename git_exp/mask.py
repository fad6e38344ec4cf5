"""Secrets on a command line: what of argv and of URLs is not recorded."""

from __future__ import annotations

import re
from collections.abc import Sequence

MASK = "***"

_OPTION = re.compile(r"-{1,2}[\w.-]*(?:key|token|secret|password[\w.-]*|passwd)", re.I)
_ASSIGNED = re.compile(
    r"(-{0,2}[\w.-]*(?:key|token|secret|password[\w.-]*|passwd))=(.*)", re.I | re.S
)
_CREDENTIALS = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^/?#\s@]*@", re.I)


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


def url(text: str) -> str:
    """Text with the credentials of any URL in it masked; one without is unchanged."""
    return _CREDENTIALS.sub(rf"\1{MASK}@", text)


def bare_url(text: str) -> str:
    """A remote's URL without any credentials."""
    return _CREDENTIALS.sub(r"\1", text)
