"""A brief of runs that are no objects anywhere: an index in memory, filled in any order."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from git_exp import query, records
from git_exp.brief import commands, gathering
from git_exp.brief.facts import Facts
from git_exp.index import rows, schema
from git_exp.index.digest import Digest
from git_exp.index.look import Look
from git_exp.index.rows import Noted
from git_exp.index.search import Indexed
from git_exp.records import Summary
from git_exp.run import NoteText, Run
from git_exp.store import Spooled

BASE = "b" * 40
MINUTE = 60_000_000


def stamp(minute: int) -> str:
    return records.stamp(1_767_323_045_000_000 + minute * MINUTE)


def run(number: int, acc: float | None = None, **given: Any) -> Run:
    """The run of one minute; its id begins with its number."""
    idea = given.pop("idea", None)
    start = given.pop("minute", number)
    lasted = given.pop("lasted", 1)
    found = {"acc": Summary(last=acc, min=acc, max=acc, first=acc, count=1)} if acc else {}
    told = {
        "name": f"run-{number}", "status": "finished", "metrics": found,
        "notes": [NoteText(t=stamp(start), text=idea)] if idea else [],
        "git": records.Git(commit=f"{number:040x}", base=given.pop("base", BASE), capture="full",
                           derived=given.pop("derived", None), tree=given.pop("tree", None)),
        "process": records.Process(pid=1, argv=["python", "train.py"]),
        "id": f"{number:08d}-0000-4000-8000-000000000000", **given,
    }  # fmt: skip
    return Run(commit=f"{number:040x}", started=stamp(start), ended=stamp(start + lasted), **told)


class Live(Look):
    """A look that has runs in its spool."""

    def __init__(self, store: Indexed, connection: sqlite3.Connection, live: list[Run]) -> None:
        super().__init__(store, connection, {})
        self.live = store.opened(live)
        # What of them is sealed already is not met twice.
        self._spooled = dict.fromkeys((one.commit for one in live), cast(Spooled, None))


def facts(
    repo: Path,
    sealed: Sequence[Run],
    live: Sequence[Run] = (),
    *,
    metric: str | None = None,
    own: bool = True,
) -> Facts:
    """What a brief of these runs tells, which were made here or are someone else's."""
    store = Indexed.open(repo, os.environ)
    store.repo.home.mkdir(exist_ok=True)
    ids = [f"{one.id}\n" for one in (*sealed, *live) if own]
    (store.repo.home / "local").write_text("".join(ids), errors="replace")
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(schema.TABLES + schema.INDICES)
    notes = [Noted(commit=one.commit, lines=b"", run=one) for one in sealed]
    rows.Writer(connection).write(notes)
    digest = Digest(Live(store, connection, list(live)))
    found = gathering.told(store, digest, gathering.Asked(metric=metric))
    connection.close()
    return commands.added(found)


def short(run_id: str | None) -> int:
    """The number of a run."""
    assert run_id
    return int(query.short(run_id))
