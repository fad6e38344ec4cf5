"""post-rewrite: links follow a commit to what amend or rebase has made of it."""

from __future__ import annotations

from collections.abc import Sequence

from git_exp.git import alike, objects
from git_exp.hook import linked
from git_exp.index.search import Indexed
from git_exp.run import Run

Pair = tuple[str, str]


def pairs(given: bytes) -> list[Pair]:
    """Old and new commit of each line that git writes to the hook."""
    lines = (line.split() for line in given.decode(errors="replace").splitlines())
    return [
        (words[0], words[1])
        for words in lines
        if len(words) > 1 and all(map(objects.is_oid, words[:2]))
    ]


def act(store: Indexed, rewritten: Sequence[Pair]) -> int:
    """Link the runs of each old commit to the new one, where that is the same tree or change."""
    runs: dict[str, list[Run]] = {old: linked.to(store, old) for old, _ in rewritten}
    asked = [(old, new) for old, new in rewritten if runs[old]]
    same = [pair for pair in asked if _same_tree(store, pair)]
    others = [pair for pair in asked if pair not in same]
    if others:
        # What a shallow clone or a gc has taken cannot be compared.
        there = [pair for pair in others if all(objects.is_here(store.repo, one) for one in pair)]
        patches = alike.patch_ids(store.repo, dict.fromkeys(one for pair in there for one in pair))
        same += [(old, new) for old, new in there if _equal(patches.get(old), patches.get(new))]
    return linked.link(store, [(run, new) for old, new in same for run in runs[old]])


def _same_tree(store: Indexed, pair: Pair) -> bool:
    old, new = (objects.tree_of(store.repo, one) for one in pair)
    return _equal(old, new)


def _equal(old: str | None, new: str | None) -> bool:
    return old is not None and old == new
