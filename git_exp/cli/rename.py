"""git exp rename: give a run another name."""

from __future__ import annotations

import click

from git_exp import cli, names, query, records
from git_exp.cli import options


@click.command()
@options.run_argument()
@click.argument("name")
def command(run: str, name: str) -> None:
    """Give a run another name.

    A name is one line that does not start with `-` or `@`. Several runs can have one name: it
    then means the newest of them.
    """
    wanted = names.checked(name)
    store = cli.store()
    found = query.find(store, run)
    if found.name != wanted:
        store.add(found, lambda t: records.Rename(t=t, name=wanted))
