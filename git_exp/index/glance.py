"""Whether the index knows of some run: asked where even msgspec would take too long to come."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence

from git_exp.index import schema

_NAME = "index.db"
_FEW = 100


def trees(
    home: str, tips: Mapping[str, str | None], *, kind: str, values: Sequence[str]
) -> list[str] | None:
    """The trees, each once, of the runs that have one of some values.

    `kind` says of what: `tree`, `link` for the commits that they are linked to, `near` for those
    or what they started from. None where they are more than a few, or the index is not that of the
    notes where their refs stand.
    """
    place = f"{home}/{_NAME}"
    if not os.access(place, os.R_OK):
        return None
    connection = sqlite3.connect(place, timeout=0.1)
    try:
        made = connection.execute("PRAGMA user_version").fetchone()[0]
        if made != schema.VERSION:
            return None
        known = dict(connection.execute("SELECT name, value FROM state"))
        if any(known.get(ref) != tip for ref, tip in tips.items()):
            return None
        several = ", ".join("?" * len(values))
        linked = f"id IN (SELECT run FROM link WHERE commit_id IN ({several}))"
        parts = {
            "tree": (f"tree IN ({several})",),
            "link": (linked,),
            "near": (linked, f"base IN ({several})"),
        }[kind]
        asked = f"SELECT DISTINCT coalesce(tree, '') FROM run WHERE {' OR '.join(parts)}"
        rows = connection.execute(f"{asked} LIMIT {_FEW}", [*values] * len(parts))
        found = [tree for (tree,) in rows]
        return found if len(found) < _FEW else None
    finally:
        connection.close()
