"""git exp tag: give a run tags."""

from __future__ import annotations

import click

from git_exp import cli, query, records, starting
from git_exp.cli import options


@click.command()
@options.run_argument()
@click.argument("tags", nargs=-1, required=True)
def command(run: str, tags: tuple[str, ...]) -> None:
    """Give a run tags.

    A tag is one line of text. `@{tag:T}` means the latest run that has tag T. A run tagged
    `tainted` never counts as best, and as no success of a session: `git exp session retract`.
    """
    wanted = starting.tags(tags)
    store = cli.store()
    found = query.find(store, run)
    new = [tag for tag in wanted if tag not in found.tags]
    if new:
        store.add(found, lambda t: records.Tag(t=t, tags=new))
    if query.TAINTED in wanted:
        from git_exp.cli import session as family

        family.take_back(store, found.id)
