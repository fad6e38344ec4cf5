"""What a command says that went to other files: what was done, what is left, and the way back."""

from __future__ import annotations

from collections.abc import Sequence

from git_exp import arrival
from git_exp.cli import output
from git_exp.restore import Answer

UNTRACKED = "untracked files that are not of it (--exact removes them)"


def tell(answer: Answer, done: str, untracked: str = UNTRACKED) -> None:
    """All that was done, in lines; `untracked` is what to call files that are not of it."""
    for line in answer.said.splitlines():
        output.say(line)
    for one in answer.kept:
        output.lines(f"{one.letter}\t{output.escape(one.path)}")
    output.say(done)
    _list("removed", answer.removed)
    if answer.saved:
        output.say(f"local changes are in {answer.saved}")
    if back := arrival.way_back(answer):
        output.hints(f"to return: {back}")
    _list("untracked files that git cannot hold, left where they are", answer.unsaved)
    _list(untracked, answer.untracked)
    warn(answer)


def warn(answer: Answer) -> None:
    """What somebody should hear of the files that are there now."""
    if left := arrival.left_out(answer):
        output.warn(left)
    if answer.folder_gone:
        output.warn(
            "the current folder is not in this run",
            hint='cd to the top: cd "$(git rev-parse --show-toplevel)"',
        )


def _list(title: str, paths: Sequence[str]) -> None:
    if paths:
        more = f" and {len(paths) - arrival.LISTED} more" if len(paths) > arrival.LISTED else ""
        output.say(f"{title}: {', '.join(paths[: arrival.LISTED])}{more}")
