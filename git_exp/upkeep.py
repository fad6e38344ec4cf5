"""Upkeep: what dead processes left is sealed and cleared away, and refs are packed."""

from __future__ import annotations

import msgspec

from git_exp import fsck, seal, summary
from git_exp.git import refs
from git_exp.index.search import Indexed

OURS = ("refs/runs", "refs/exp")


class Tidied(msgspec.Struct, kw_only=True):
    """What was put in order: runs sealed, why others were not, files removed, refs packed."""

    sealed: list[str] = []
    aside: dict[str, str] = {}
    removed: list[str] = []
    packed: int = 0


def gc(store: Indexed) -> Tidied:
    """Seal what dead processes left, remove what they left half made, pack refs.

    Then git's own `maintenance run --auto` does what is due of the user's.
    """
    report = seal.complete(store.repo)
    left = fsck.clear(store.repo)
    packed = refs.pack(store.repo, *OURS, least=1)
    store.repo.git("maintenance", "run", "--auto", "--quiet")
    if store.repo.config.flag("exp.summaryNotes"):
        summary.rebuild(store)
    return Tidied(sealed=report.sealed, aside=report.aside, removed=left, packed=packed)
