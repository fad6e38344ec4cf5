"""git exp archive: put old runs into archives, so that nobody feels their refs."""

from __future__ import annotations

import click
import msgspec

from git_exp import cli
from git_exp.cli import options, output


class Archived(msgspec.Struct, frozen=True, kw_only=True):
    """The ids of runs that are in an archive now, or with `dry_run` would be."""

    runs: list[str]
    dry_run: bool


@click.command()
@click.option("--older-than", metavar="TIME", help="Archive what began before: '3 months ago'.")
@click.option("-n", "--dry-run", is_flag=True, help="Show what would be archived, and stop there.")
@options.answer
def command(older_than: str | None, dry_run: bool, form: options.Form) -> None:
    """Put old runs into archives, so that nobody feels their refs.

    A run's commits are then held by one ref a month in place of two refs of its own; it is listed,
    shown and checked out as before. Without --older-than those go that have ended and are over the
    newest 500 (`exp.archiveAfter`), as `git exp push` does by itself. Only runs that were started
    in this clone go. The next push does the same on the remote.
    """
    from git_exp.share import archive

    store = cli.store()
    runs = archive.due(store) if older_than is None else archive.older(store, older_than)
    if not dry_run:
        runs = archive.fold(store, runs)
    if form.kind == "json":
        output.document("archive", Archived(runs=[run.id for run in runs], dry_run=dry_run))
        return
    done = "Would archive" if dry_run else "Archived"
    for run in runs:
        output.line(f"{done} run {run.id[:8]} '{run.name}'")
    if not runs:
        output.say("no run is old enough")
