"""What push and pull have in common: the remote as it is named, and words for what came."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from git_exp.cli import output

if TYPE_CHECKING:
    from git_exp.share import Carried, Merged

SHOWN = 20


def located(remote: str | None) -> str | None:
    """A remote as git will find it: a path in the current folder is one from anywhere."""
    if remote and os.sep in remote and "://" not in remote and Path(remote).exists():
        return str(Path(remote).resolve())
    return remote


def counted(count: int, what: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{count} {what}{'s' * (count != 1)}"


def came(merged: Merged) -> str:
    """What a merge brought, in words; empty where that is nothing."""
    words = (("new", "new"), ("changed", "updated"), ("deleted", "deleted"))
    found = ((len(getattr(merged, name)), word) for name, word in words)
    return ", ".join(f"{count} {word}" for count, word in found if count)


def carried(sessions: Carried) -> str:
    """What came of sessions, in words; empty where that is nothing: `2 sessions new, 1 updated`."""
    found = [(len(sessions.new), "new"), (len(sessions.updated), "updated")]
    words = [(count, word) for count, word in found if count]
    first = [f"{counted(count, 'session')} {word}" for count, word in words[:1]]
    return ", ".join((*first, *(f"{count} {word}" for count, word in words[1:])))


def told(remote: str, merged: Merged, sessions: Carried) -> None:
    """Say what is odd of what came."""
    if merged.put_back:
        what = counted(len(merged.put_back), "record")
        output.warn(
            f"somebody removed {what} on one side; put back, for only git exp rm deletes",
            "was it git notes prune? runs deleted by git exp rm stay deleted",
        )
    for commit in merged.too_large[:SHOWN]:
        output.warn(f"the note on {commit} in '{remote}' is too large: passed over")
    for name, why in list(sessions.passed_over.items())[:SHOWN]:
        output.warn(
            f"session '{name}' in '{remote}' is passed over: {why}",
            "all else has come; two of one id: begin one anew, git exp session start --id",
        )
