"""The extra's scanner: some 450 more kinds of key, and words that stand before a password.

kingfisher (MongoDB) reads bytes in this process and never asks a network: to verify a key is
another class of it, which is not imported.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from git_exp.git.repo import Repo
from git_exp.scan.rules import Hit, is_placeholder

if TYPE_CHECKING:
    import kingfisher_sdk

EXTRA = "git-exp[scan]"
_WARNS = ("jwt",)


class Library(msgspec.Struct, frozen=True, kw_only=True):
    """A scanner that is ready: its rules are compiled."""

    scanner: kingfisher_sdk.Scanner

    def hits(self, text: bytes) -> Iterator[Hit]:
        """What it finds in a text, in no order; findings may overlap."""
        for one in self.scanner.scan(text):
            first, end = one.location["start_offset"], one.location["end_offset"]
            if one.visible and not is_placeholder(text[first:end]):
                rule = one.rule_id.partition(".")[2] or one.rule_id
                specific = self._is_specific(one.rule_id, one.confidence, text[first:end])
                yield Hit(rule=rule, specific=specific, start=first, end=end)

    def _is_specific(self, rule: str, confidence: str, secret: bytes) -> bool:
        """Whether a secret has the shape of a key of its own.

        A rule that needs a word nearby, as in `password = …`, does not find the secret alone.
        """
        if confidence != "high" or any(word in rule for word in _WARNS):
            return False
        return any(one.rule_id == rule for one in self.scanner.scan(secret))


def installed(repo: Repo) -> Library | None:
    """The extra's scanner where it is installed.

    To compile its rules takes seconds, once: they are kept in the user's cache.
    """
    try:
        from kingfisher_sdk import Rules, Scanner
    except ImportError:
        return None
    rules = Rules(confidence="medium", cache_dir=_cache(repo))
    return Library(scanner=Scanner(rules, base64=False))


def _cache(repo: Repo) -> Path:
    """A folder for compiled rules: the user's, as the XDG base directories have it, or our own."""
    home = repo.env.get("HOME")
    base = repo.env.get("XDG_CACHE_HOME") or (f"{home}/.cache" if home else None)
    if base:
        folder = Path(base) / "git-exp" / "scan"
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
    return repo.home / "scan"
