"""git exp rm: delete runs."""

from __future__ import annotations

import click

from git_exp import cli, errors, query
from git_exp.cli import options, output
from git_exp.run import Run


@click.command()
@options.run_argument("runs", nargs=-1, required=True)
@click.option("-n", "--dry-run", is_flag=True, help="Show what would be deleted, and stop there.")
def command(runs: tuple[str, ...], dry_run: bool) -> None:
    """Delete runs.

    A run's refs go and a tombstone hides its records, here and wherever it is pushed or pulled.
    What is printed has the commit of each run: until git collects it, `git branch NAME COMMIT`
    brings the code back. A run that is still running is refused, and then none is deleted.
    """
    store = cli.store()
    found = list({run.id: run for run in query.every(store, runs)}.values())
    for run in found:
        if run.live:
            raise errors.Refused(f"run {_titled(run)} is still running", hint="stop it first")
    if not dry_run:
        store.remove(found)
    done = "Would delete" if dry_run else "Deleted"
    for run in found:
        output.line(f"{done} run {_titled(run)} (was {run.commit})")


def _titled(run: Run) -> str:
    return f"{query.short(run.id)} '{run.name}'"
