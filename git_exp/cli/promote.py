"""git exp promote: make the change of a run a clean commit on a new branch."""

from __future__ import annotations

import click

from git_exp import cli, query
from git_exp.cli import ahead, options, output


@click.command()
@options.run_argument()
@ahead.option
@click.option("-b", "branch", metavar="branch", help="The name of the branch, not exp/NAME.")
@click.option(
    "--onto", metavar="rev", help="Put the change onto that commit, not where the run began."
)
@options.answer
def command(
    run: str, metric: str | None, branch: str | None, onto: str | None, form: options.Form
) -> None:
    """Make the change of a run a clean commit on a new branch.

    RUN may be the word `best`. The commit stands on the one that the run started from, and has all
    the code that ran, captured untracked files too; with --onto the change is merged into that
    commit, and conflicts are refused. Its subject is the run's idea, the first line of its first
    note, or else its name; its body the rest of the notes; its trailers `Exp-Run` and an
    `Exp-Metric` for each metric, its last value as it was recorded.

    Author is who asks, now. HEAD, index and worktree stay as they are, and no hook of git's runs.
    The commit is linked to the run: `git exp log COMMIT`.
    """
    from git_exp import promote

    store = cli.store()
    chosen = ahead.run(store, run, metric)
    found = promote.promote(store, chosen, branch, onto=onto)
    if form.kind == "json":
        output.document("promote", found)
        return
    output.line(f"{found.branch} {found.commit}")
    output.say(f"branch {found.branch} is at {query.short(found.commit)}: {found.subject}")
    if query.TAINTED in chosen.tags:
        output.warn(f"run {query.short(chosen.id)} is tainted: its numbers do not count")
    output.hints(f"look at it: git show {found.branch}")
    output.hints(f"go on from it: git exp restore --commit {found.branch}")
