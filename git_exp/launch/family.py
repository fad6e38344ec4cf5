"""All that a command has started: found below it, and by the run that it was told it is in."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from git_exp import spool
from git_exp.launch import process


class Family:
    """The processes of a command that are still there, also those whose parents are not.

    One that has left its parents behind is nobody's child that could be asked for, but it has the
    environment that the command got, with the id of the run in it; unless it has cleared that. No
    pid counts that somebody else has by now.
    """

    def __init__(self, root: int, run: str | None) -> None:
        self._mark = f"GIT_EXP_RUN={run}".encode() if run else None
        self._known = {root: spool.born(root)}

    def there(self) -> list[int]:
        """Those that are there now and can end."""
        roots = [pid for pid, born in self._known.items() if born and spool.born(pid) == born]
        for pid in process.tree(*roots, *self._marked()):
            self._known[pid] = spool.born(pid)
        self._known.pop(os.getpid(), None)
        return [pid for pid, born in self._known.items() if born and spool.born(pid) == born]

    def _marked(self) -> list[int]:
        if self._mark is None:
            return []
        found: list[int] = []
        for environ in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if self._mark in environ.read_bytes().split(b"\0"):
                    found.append(int(environ.parent.name))
        return found
