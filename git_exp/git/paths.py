"""Paths that may stand in a tree: git's own rules, of all platforms at once."""

from __future__ import annotations

import re

from git_exp import errors

# Characters that HFS+ passes over when it compares names.
_IGNORED = re.compile("[\u200c-\u200f\u202a-\u202e\u2060-\u2064\u206a-\u206f\ufeff]")
_DEVICE = re.compile(r"(con(in\$|out\$)?|prn|aux|nul|(com|lpt)[1-9¹²³]) *(\.|$)", re.I)
# What Windows makes of names that begin with `.git`.
_SHORT = re.compile(r"gi[\w-]*~\d+", re.I)
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')


def checked(path: str) -> str:
    """A relative path that git stores and checks out on every platform. Raises `UsageError`."""
    if not isinstance(path, str):
        raise errors.UsageError(f"a path is text, not {type(path).__name__}")
    why = next((why for part in path.split("/") if (why := _fault(part))), None)
    if why:
        raise errors.UsageError(f"bad path '{path}': {why}", hint="name it: plots/loss.png")
    return path


def _fault(part: str) -> str | None:
    plain = _IGNORED.sub("", part).lower()
    if part in ("", ".", ".."):
        return "an empty, '.' or '..' component"
    if plain.startswith(".git") or _SHORT.fullmatch(plain):
        return "git keeps names like '.git' for itself"
    if _FORBIDDEN.search(part):
        return "a character that some platform does not allow"
    if part[-1] in ". ":
        return "a component that ends in a dot or a space"
    if _DEVICE.match(part):
        return "a device's name on Windows"
    raw = part.encode("utf-8", "surrogatepass")
    if raw != part.encode("utf-8", "replace"):
        return "a name that is no UTF-8"
    return "a component of over 255 bytes" if len(raw) > 255 else None
