"""What a checkout did, in words."""

from __future__ import annotations

from git_exp import query
from git_exp.restore import Answer, Form
from git_exp.run import Run

LISTED = 10


def done(answer: Answer, wanted: Form, run: Run | None) -> str:
    """Where it went; `run` is None for what was put aside."""
    title = f"run {query.short(run.id)} '{run.name}'" if run else "what was put aside"
    if answer.worktree:
        return f"the code of {title} is in {answer.worktree}"
    if wanted.paths:
        files = "1 file" if len(answer.restored) == 1 else f"{len(answer.restored)} files"
        return f"updated {files} from {title}"
    return at(answer, title, undo=wanted.undo)


def at(answer: Answer, title: str, *, undo: bool = False) -> str:
    """Where HEAD is, and whose files there are; after an `undo` also that it left its branch."""
    but = " but for your changes" if answer.kept else ""
    return f"HEAD is now {_place(answer, undo)}, the files are those of {title}{but}"


def _place(answer: Answer, undo: bool) -> str:
    branch, was = _branch(answer.branch or ""), _branch(answer.was_branch or "")
    if not answer.head:
        return f"on the unborn branch {branch}"
    where = f"at {query.short(answer.head)}"
    if branch:
        return f"{where} on branch {branch}"
    return f"detached {where} (branch {was} stays where it is)" if undo and was else where


def way_back(answer: Answer) -> str | None:
    """The command that returns to where one was; None where HEAD did not move."""
    if answer.way_back:
        return answer.way_back
    if (answer.head, answer.branch) == (answer.was_head, answer.was_branch):
        return None
    if answer.was_branch:
        return f"git switch {_branch(answer.was_branch)}"
    return f"git switch --detach {answer.was_head}"


def left_out(answer: Answer) -> str | None:
    """What the snapshot had left out and is not as it was; None where that is nothing."""
    left = [f"{one.path} ({one.reason}; {one.now})" for one in answer.left_out]
    many = len(left) + answer.left_out_unlisted
    if not many:
        return None
    files = "1 file" if many == 1 else f"{many} files"
    shown = ", ".join(left[:LISTED]) + (" and more" if many > LISTED else "")
    return f"the snapshot had left out {files} that are not as they were: {shown}"


def _branch(ref: str) -> str:
    return ref.removeprefix("refs/heads/")
