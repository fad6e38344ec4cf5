"""All that a command has started: found below it, and by the run that it was told it is in."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from git_exp import spool
from git_exp.launch import process

# The runs around the one that a command is in, from the outermost.
OUTER = "GIT_EXP_OUTER"
_NAMES = (b"GIT_EXP_RUN", OUTER.encode())


class Family:
    """The processes of a command that are still there, also those whose parents are not.

    One that has left its parents behind is nobody's child that could be asked for, but it has the
    environment that the command got, with the id of the run in it, or below another run among those
    around that; unless it has cleared them. No pid counts that somebody else has by now.
    """

    def __init__(self, root: int, run: str | None) -> None:
        self._run = run.encode() if run else None
        self._known = {root: spool.born(root)}

    def there(self) -> list[int]:
        """Those that are there now and can end, parents before their children."""
        roots = [pid for pid, born in self._known.items() if born and spool.born(pid) == born]
        self._known = {
            pid: born
            for pid in process.tree(*roots, *self._marked())
            if pid != os.getpid() and (born := spool.born(pid))
        }
        return list(self._known)

    def _marked(self) -> list[int]:
        if self._run is None:
            return []
        found: list[int] = []
        for environ in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if self._run in _runs(environ.read_bytes()):
                    found.append(int(environ.parent.name))
        return found


def _runs(environ: bytes) -> list[bytes]:
    """The runs that a process is in, by its environment."""
    words = (one.partition(b"=") for one in environ.split(b"\0"))
    return [run for name, _, runs in words if name in _NAMES for run in runs.split()]
