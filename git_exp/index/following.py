"""A selection that goes along with its runs, at the cost of what has changed."""

from __future__ import annotations

import os
from pathlib import Path

from git_exp import seal, spool
from git_exp.git import notes, refs
from git_exp.index.look import newest
from git_exp.index.search import Indexed, Selection
from git_exp.run import Run

Tips = list[str | None]
Spooled = list[tuple[str, str, list[int]]]


class Following:
    """The runs that fit an expression, newest first, looked at again and again.

    The sealed ones are read anew only when the notes have moved: a run that tracks something each
    second then costs itself alone, among however many others.
    """

    def __init__(self, store: Indexed, where: str | None = None) -> None:
        self._store = store
        self._wanted = Selection(where=where)
        self._tips: Tips | None = None
        self._spooled: Spooled = []
        self._sealed: list[Run] = []

    def look(self) -> list[Run] | None:
        """The runs as they are now; None while nothing has changed since the last look.

        Raises what `Indexed.select` does.
        """
        tips, spooled = self._state()
        if (tips, spooled) == (self._tips, self._spooled):
            return None
        if tips == self._tips:
            found = self._store.spooled(self._wanted)
            there = {one[0] for one in self._spooled + spooled}
            runs = newest([*(run for run in self._sealed if run.id not in there), *found])
        else:
            runs = self._store.select(self._wanted)
        # Known only now: a look that fails is made again.
        self._tips, self._spooled, self._sealed = tips, spooled, runs
        return runs

    def _state(self) -> tuple[Tips, Spooled]:
        repo = self._store.repo
        root = seal.spools(repo)
        # The spool first, as whoever reads both does.
        spooled = [self._one(root, run_id) for run_id in spool.run_ids(root)]
        return [refs.resolve(repo, ref) for ref in notes.REFS], spooled

    @staticmethod
    def _one(root: Path, run_id: str) -> tuple[str, str, list[int]]:
        """What changes whenever a run in the spool does: how much is written, and if it lives."""
        with spool.look(root, run_id) as folder:
            return run_id, folder.life.name, [os.fstat(one.fd).st_size for one in folder.journals]
