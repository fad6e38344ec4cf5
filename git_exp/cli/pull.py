"""git exp pull: bring runs from a remote."""

from __future__ import annotations

import click

from git_exp import cli, query
from git_exp.cli import options, output, progress
from git_exp.cli.transfer import SHOWN, came, carried, counted, located, told


@click.command()
@click.argument("remote", required=False)
@options.run_argument("runs", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Bring the code and data of all runs too.")
@options.answer
def command(
    remote: str | None, runs: tuple[str, ...], everything: bool, form: options.Form
) -> None:
    """Bring runs from a remote.

    The records of all runs come and are merged with those that are here: no record of either side
    is lost. The code and data of a run come when a command first needs them, or now for each RUN,
    or for all with --all. All sessions come too, and keep the events of both sides.

    REMOTE is found as `git exp push` finds it.
    """
    if runs and everything:
        raise click.UsageError("names of runs and --all exclude each other")
    from git_exp import share
    from git_exp.session.cargo import Sessions

    store = cli.store()
    bar = progress.Late("Fetching runs")
    other = located(remote)
    done = share.pull(store, other, everything=everything, progress=bar, cargo=Sessions())
    if runs:
        # Names of runs that only the records that just came tell of.
        brought = share.pull(store, other, query.every(store, runs), progress=bar)
        done.runs, done.absent = brought.runs, brought.absent
    bar.close()
    if form.kind == "json":
        output.document("pull", done)
    else:
        output.line(f"From {done.remote}: {came(done.merged) or 'no new records'}")
        if of_sessions := carried(done.sessions):
            output.line(f"From {done.remote}: {of_sessions}")
        if done.runs:
            output.line(f"From {done.remote}: the code of {counted(len(done.runs), 'run')}")
    told(done.remote, done.merged, done.sessions)
    for run_id in done.absent[:SHOWN]:
        output.warn(f"'{done.remote}' has no code of run {run_id[:8]}")
