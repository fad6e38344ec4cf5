"""prepare-commit-msg: an `Exp-Run` trailer for each of the newest runs of what is committed."""

from __future__ import annotations

from pathlib import Path

from git_exp import summary
from git_exp.git import alike, trailers
from git_exp.hook import linked
from git_exp.index.search import Indexed
from git_exp.query import TAINTED
from git_exp.run import Run

KEY = "Exp-Run"
MOST = 3


def act(store: Indexed, message: Path) -> list[str]:
    """Add to a message the runs of the index's tree that it does not name yet; their ids."""
    if not store.repo.config.flag("exp.trailers"):
        return []
    tree = alike.index_tree(store.repo)
    named = {value.split(" ")[0] for value in trailers.values(message, KEY)}
    found = [run for run in store.of_tree(tree) if _is_told(run)][:MOST]
    new = [run for run in reversed(found) if run.id not in named]
    if new:
        lines = [f"{KEY}: {' '.join([run.id, *summary.measured(run)])}" for run in new]
        trailers.add(store.repo, message, lines)
    return [run.id for run in new]


def _is_told(run: Run) -> bool:
    """Whether a message may name a run: it goes wherever the code goes, private runs do not."""
    counts = run.status == "finished" and TAINTED not in run.tags
    return counts and not run.private and linked.code_of(run) is not None
