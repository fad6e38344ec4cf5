"""git exp checkout: go back to the code of a run."""

from __future__ import annotations

from pathlib import Path

import click

from git_exp import arrival, cli, query, restore
from git_exp.cli import going, options, output
from git_exp.restore import Answer, Form
from git_exp.run import Run
from git_exp.store import Store


@click.command()
@options.run_argument()
@click.option("-b", "branch", metavar="branch", help="Make a branch there, and switch to it.")
@click.option(
    "--worktree",
    metavar="dir",
    type=click.Path(path_type=Path),
    help="Put the code into a new worktree, and leave this one alone.",
)
@click.option(
    "--keep-base",
    is_flag=True,
    help="Set HEAD to the commit that the run started from, and leave its changes uncommitted.",
)
@click.option("--save", is_flag=True, help="Put all local changes aside first.")
@click.option(
    "--exact",
    is_flag=True,
    help="Remove untracked files that the run did not have, once they are put aside.",
)
@click.argument("paths", nargs=-1, type=click.Path())
@options.answer
def command(run: str, worktree: Path | None, form: options.Form, **given: object) -> None:
    """Go back to the code of a run.

    HEAD is detached at the run's commit, as `git checkout` of it would do; with PATH, those files
    alone are written, HEAD and the index stay. A checkout that would overwrite local changes is
    refused, with exit code 4 and nothing touched, unless --save puts them aside: index, worktree
    and every untracked file that is not ignored, in commits below `refs/exp/saved/`, which are
    never pushed. A RUN of `@{saved}` brings back what was put aside last, `@{saved~1}` what was
    put aside before that.

    Ignored files are never touched. Files that the snapshot of the run had left out are named.
    """
    store = cli.store()
    folder = None if worktree is None else Path.cwd() / worktree
    wanted = Form(worktree=folder, **given)  # type: ignore[arg-type]
    answer, found = _gone_back(store, run, wanted)
    if form.kind == "json":
        output.document("checkout", answer)
    else:
        going.tell(answer, arrival.done(answer, wanted, found))


def _gone_back(store: Store, name: str, wanted: Form) -> tuple[Answer, Run | None]:
    """Go there; what was done, and the run unless it was saved work."""
    kept = restore.saved(store.repo, name)
    if kept is None:
        run = query.find(store, name)
        store.need(run)
        return restore.checkout(store.repo, run, wanted), run
    if wanted != Form(save=wanted.save, exact=wanted.exact):
        raise click.UsageError("saved work comes back whole: only --save and --exact go with it")
    return restore.back(store.repo, kept, save=wanted.save, exact=wanted.exact), None
