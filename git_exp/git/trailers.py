"""Trailers of a commit message that is about to be: git finds their place."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from git_exp.git.repo import Repo

_CUT = "------------------------ >8 ------------------------"
_LINE = re.compile(r"^([A-Za-z0-9-]+) *: *(.*)$", re.M)


def values(message: Path, key: str) -> list[str]:
    """What a message says under one key."""
    text = message.read_text(errors="surrogateescape")
    return [value for name, value in _LINE.findall(text) if name.lower() == key.lower()]


def add(repo: Repo, message: Path, lines: Sequence[str]) -> None:
    """Put trailers at the end of the message in a file, before git's own comments."""
    said = repo.config.get("core.commentString") or repo.config.get("core.commentChar") or "#"
    sign = "#" if said == "auto" else said
    text = message.read_text(errors="surrogateescape")
    if text and not text.endswith("\n"):
        # git 2.39 would then leave no blank line before the first trailer.
        text += "\n"
    before = text.partition(f"{sign} {_CUT}\n")[0].splitlines()
    blank = all(not line.strip() or line.startswith(sign) for line in before)
    words = [word for line in lines for word in ("--trailer", line)]
    # `---` is no end in a message that is no mail.
    where = ("--where=end", "--if-exists=addIfDifferent", "--if-missing=add", "--no-divider")
    made = _unconfigured(repo).git(
        *("-c", f"core.commentChar={sign}", "interpret-trailers", *where, *words),
        stdin=text.encode(errors="surrogateescape"),
    )
    # The subject is typed in the first line, and a blank one has to stand below it.
    message.write_bytes(b"\n" + made if blank else made)


def _unconfigured(repo: Repo) -> Repo:
    """git without the user's `trailer.*`: a `trailer.<token>.command` runs, asked for or not."""
    env = {key: value for key, value in repo.env.items() if not key.startswith("GIT_CONFIG")}
    env.update(GIT_CONFIG_NOSYSTEM="1", GIT_CONFIG_GLOBAL=os.devnull)
    return msgspec.structs.replace(repo, git_dir=Path(os.devnull), top=Path("/"), env=env)
