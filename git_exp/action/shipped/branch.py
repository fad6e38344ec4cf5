"""`PublishBranch`: a run's code as a clean branch, its numbers in the message."""

from __future__ import annotations

import time

from git_exp import errors, summary, table
from git_exp.action.action import Action
from git_exp.action.interaction import Interaction
from git_exp.action.shipped import kept
from git_exp.config import Param, field
from git_exp.git import objects, refs, worktree
from git_exp.git.refs import Change
from git_exp.run import Run

_PARAMS = 20


class PublishBranch(Action):
    """Make a branch of one commit on the run's base that has exactly its code.

    Asks `branch` and `subject`. The message has the params, and the metrics in an `Exp-Run`
    trailer. HEAD, the index and the worktree stay as they are.
    """

    branch: Param[str] = field(default="", ignore_default=True)

    def describe(self) -> str:
        """What it does."""
        return "Publish the code as a branch, with its metrics in the message"

    def execute(self, interaction: Interaction) -> str:
        """Do it, and say which branch it is."""
        run, store = self.of_run, kept.store(self)
        default = self.branch or f"exp/{_slug(run.name)}"
        name = interaction.text("branch", "Branch:", default=default)
        full = worktree.branch_name(store.repo, name)
        subject = interaction.text("subject", "Subject:", default=_line(run.name))
        store.need(run)
        found = objects.commit(store.repo, run.commit)
        if found is None:
            raise errors.CodeAway(run.id)
        who = objects.ident(store.repo, time.time())
        writer = objects.Writer(store.repo)
        commit = writer.commit(
            found.tree, found.parents, _message(run, subject), author=who, committer=who
        )
        change = Change(name=full, new=commit, old=None)
        refs.insist(lambda: refs.update(store.repo, [change]))
        return f"branch {name} is at {commit[:8]}; to share it: git push origin {name}"


def _message(run: Run, subject: str) -> str:
    parts = [_line(subject) or "run"]
    if run.params:
        told = [f"{_line(key)}: {_line(table.text(value))}" for key, value in run.params.items()]
        more = [f"… and {len(told) - _PARAMS} more"] if len(told) > _PARAMS else []
        # A line that begins with a space is no trailer.
        parts.append("\n".join(f"  {one}" for one in told[:_PARAMS] + more))
    if run.partial:
        parts.append("The snapshot of this run is partial: not all of the code that ran is here.")
    measured = (_line(one) for one in summary.measured(run))
    parts.append(f"Exp-Run: {' '.join([run.id, *measured])}")
    return "\n\n".join(parts) + "\n"


def _line(text: str) -> str:
    return " ".join(text.split())


def _slug(name: str) -> str:
    """A name as a branch may have it."""
    plain = "".join(
        one if one.isascii() and (one.isalnum() or one in "-_") else "-" for one in name
    )
    return "-".join(filter(None, plain.split("-"))) or "run"
