"""post-commit: a link from each run of this code to the commit that was just made of it."""

from __future__ import annotations

from git_exp.git import alike, diff, objects
from git_exp.hook import linked
from git_exp.index.search import Indexed


def act(store: Indexed) -> int:
    """Link the runs of HEAD's code to it; how many were."""
    head = diff.resolve(store.repo, "HEAD")
    tree = objects.tree_of(store.repo, head) if head else None
    if head is None or tree is None:
        return 0
    found = linked.of_tree(store, tree, alike.parents(store.repo, head))
    return linked.link(store, [(run, head) for run in found])
