"""Which untracked files belong to a snapshot: sizes, and names in the shape of a secret."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
import stat
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import msgspec

from git_exp.git.repo import Config

MEBIBYTE = 1 << 20
HASH_LIMIT = 64 * MEBIBYTE
MAX_FILE = 10 * MEBIBYTE
MAX_ALL = 100 * MEBIBYTE

SECRET_NAMES = (
    ".env", ".env.*", ".envrc", ".netrc", ".pgpass", ".npmrc", ".pypirc", ".htpasswd",
    "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.kdbx",
    "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*",
    "*credentials*", "service-account*.json", "secrets.*",
)  # fmt: skip
NOT_SECRET = ("*.pub", "*.example", "*.sample")
SOURCE_SUFFIXES = (
    ".py", ".pyi", ".ipynb", ".c", ".h", ".cc", ".cpp", ".hpp", ".cu", ".rs", ".go", ".java",
    ".kt", ".scala", ".js", ".jsx", ".ts", ".tsx", ".rb", ".php", ".pl", ".r", ".jl", ".lua",
    ".swift", ".cs", ".sh", ".bash", ".zsh", ".sql", ".md", ".rst", ".html", ".css",
)  # fmt: skip

SECRET = "secret-shaped name"  # noqa: S105 - a reason, no secret
TOO_LARGE = "larger than exp.maxFileSize"
TOO_MUCH = "over exp.maxUntracked in all"
EMBEDDED = "embedded repository"
EXCLUDED = "exp.exclude"


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A path that the snapshot does not hold, and why; `size` in bytes, `mtime` in seconds."""

    path: bytes
    reason: str
    size: int | None = None
    mtime: float | None = None
    sha256: str | None = None


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What `exp.*` says of untracked files; sizes in bytes."""

    max_file: int = MAX_FILE
    max_all: int = MAX_ALL
    exclude: tuple[str, ...] = ()
    include: tuple[str, ...] = ()


def rules(config: Config) -> Rules:
    """The rules as the user's configuration has them."""
    return Rules(
        max_file=config.size("exp.maxFileSize", MAX_FILE),
        max_all=config.size("exp.maxUntracked", MAX_ALL),
        exclude=config.all("exp.exclude"),
        include=config.all("exp.include"),
    )


def choose(top: Path, paths: Iterable[bytes], rules: Rules) -> tuple[list[bytes], list[LeftOut]]:
    """Split untracked paths into those that belong, smallest first, and those left out."""
    sized = sorted(_sized(os.fsencode(top), paths), key=lambda one: (one.size or 0, one.path))
    taken: list[bytes] = []
    left: list[LeftOut] = []
    room = rules.max_all
    for one in sized:
        reason = one.reason or _reason(one, room, rules)
        if reason:
            left.append(LeftOut(path=one.path, reason=reason, size=one.size, mtime=one.mtime))
        else:
            taken.append(one.path)
            room -= one.size or 0
    return taken, left


def hashed(top: Path, left: Sequence[LeftOut], *, most: int) -> list[LeftOut]:
    """The same files, the first `most` with their SHA-256: at most 64 MiB in all, secrets never."""
    room = HASH_LIMIT
    out: list[LeftOut] = []
    for one in left[:most]:
        digest = None
        if one.size is not None and one.size <= room and one.reason not in (SECRET, EMBEDDED):
            digest = _digest(os.path.join(os.fsencode(top), one.path))
            room -= one.size
        out.append(msgspec.structs.replace(one, sha256=digest))
    return [*out, *left[most:]]


def is_secret(path: str) -> bool:
    """Whether any component of a path is named like a secret, in any case."""
    return any(_secret_component(part) for part in path.lower().split("/"))


def _sized(top: bytes, paths: Iterable[bytes]) -> Iterable[LeftOut]:
    for path in paths:
        if path.endswith(b"/"):
            yield LeftOut(path=path, reason=EMBEDDED)
            continue
        try:
            found = os.lstat(os.path.join(top, path))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            # It is there, in a folder that may be listed and not entered: git will say so.
            yield LeftOut(path=path, reason="")
            continue
        if stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode):
            yield LeftOut(path=path, reason="", size=found.st_size, mtime=found.st_mtime)


def _reason(one: LeftOut, room: int, rules: Rules) -> str | None:
    path, size = os.fsdecode(one.path), one.size or 0
    if matches(path, rules.include):
        return None
    if matches(path, rules.exclude):
        return EXCLUDED
    if is_secret(path):
        return SECRET
    if size > rules.max_file:
        return TOO_LARGE
    return TOO_MUCH if size > room else None


def matches(path: str, patterns: Sequence[str]) -> bool:
    """Whether any pattern is for a path, in any case.

    One with a slash in front or inside is for the path from the top and all below it, one without
    for any component; `*` is for slashes too.
    """
    lowered = path.lower()
    return any(_matches(lowered, pattern.lower()) for pattern in patterns)


def _matches(path: str, pattern: str) -> bool:
    plain = _pattern(pattern.strip("/"))
    parts = path.split("/")
    if "/" in pattern.rstrip("/"):
        return any(plain.match("/".join(parts[:at])) for at in range(1, len(parts) + 1))
    return any(map(plain.match, parts))


@lru_cache(maxsize=256)
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(pattern))


_ANY_SECRET = re.compile("|".join(fnmatch.translate(name) for name in SECRET_NAMES))
_ANY_OPEN = re.compile("|".join(fnmatch.translate(name) for name in NOT_SECRET))


def _secret_component(part: str) -> bool:
    if not _ANY_SECRET.match(part) or _ANY_OPEN.match(part):
        return False
    return not part.endswith(SOURCE_SUFFIXES)


def _digest(path: bytes) -> str | None:
    try:
        if stat.S_ISLNK(os.lstat(path).st_mode):
            return None
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
