"""`PublishBranch`: the code of a run as one commit on a branch of the user's."""

from __future__ import annotations

from collections.abc import Iterator

from git_exp import errors, promote, query, summary
from git_exp.action.action import Action
from git_exp.action.interaction import Interaction
from git_exp.action.shipped import leaving, told
from git_exp.config import Param
from git_exp.git import refs, remote, worktree
from git_exp.git.refs import Change
from git_exp.git.remote import Remote, Update
from git_exp.git.repo import Repo
from git_exp.hook.prepare_commit_msg import KEY
from git_exp.run import Run
from git_exp.scan import Outgoing
from git_exp.share import remotes


class PublishBranch(Action):
    """Make a new branch of one commit, on what the run started from, that has its code.

    Its message has the params and metrics, and an `Exp-Run` trailer. HEAD, index and worktree stay
    as they are. Its questions are `branch`, `push`, and then `remote`.
    """

    branch: Param[str] = ""

    def describe(self) -> str:
        """What it does, in one line."""
        return f"Publish the code as branch '{self.branch}'" if self.branch else "Publish a branch"

    def execute(self, interaction: Interaction) -> str:
        """Ask for its name and whether to push it, make it, and say what it is."""
        run, store = self.of_run, self.of_store
        promote.expect_public(run)
        tree = promote.code(store, run)
        usual = f"exp/{promote.slug(run)}"
        name = self.branch or interaction.text("branch", "Branch:", default=usual) or usual
        full = worktree.branch_name(store.repo, name)
        other = _asked(store.repo, interaction)
        commit = promote.committed(store.repo, tree, parent=run.base, said=message(run))
        if other:
            sent = Outgoing(
                run=run.id, base=run.base, commit=commit, lines=(message(run).encode(),)
            )
            leaving.expect_clean(store.repo, [sent])
        refs.update(store.repo, [Change(name=full, new=commit, old=None)])
        if other:
            _push(store.repo, other, Update(name=full, new=commit, forced=True))
        pushed = f", and at {other.shown}" if other else ""
        return f"branch {name} is at {query.short(commit)}{pushed}"


def message(run: Run) -> str:
    """The message of the commit; text of the run's is data there, and no line of its own."""
    return "\n\n".join(_paragraphs(run)) + "\n"


def _paragraphs(run: Run) -> Iterator[str]:
    yield told.title(run)
    for heading, pairs in (("Params:", told.params(run)), ("Metrics:", told.metrics(run))):
        if pairs:
            yield "\n".join((heading, *(f"  {key} = {text}" for key, text in pairs)))
    if run.dirty:
        yield "No commit held this code when it ran."
    if run.partial:
        lines = (f"  {path} ({why})" if why else f"  {path}" for path, why in told.missing(run))
        yield "\n".join(("Not all of the code that ran is here: its snapshot is partial.", *lines))
    yield " ".join((f"{KEY}: {run.id}", *summary.measured(run)))


def _asked(repo: Repo, interaction: Interaction) -> Remote | None:
    """The remote to push to, if it is to be pushed."""
    if not interaction.checkbox("push", "Push it?"):
        return None
    known = remote.configured(repo)
    usual = "origin" if "origin" in known else (known or [""])[0]
    return remotes.chosen(repo, interaction.text("remote", "Remote:", default=usual) or None)


def _push(repo: Repo, other: Remote, update: Update) -> None:
    short = update.name.removeprefix("refs/heads/")
    hint = f"the branch is here; when that is put right: git push {other.shown} {short}"
    try:
        refused = remote.push(repo, other, [update])
    except errors.RemoteFailed as error:
        raise errors.RemoteFailed(other.shown, error.said, hint=hint) from None
    if refused:
        why = "it has such a branch" if refused[0].moved else refused[0].why
        raise errors.RemoteFailed(other.shown, f"it took no '{short}': {why}", hint=hint)
