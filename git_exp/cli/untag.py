"""git exp untag: take tags from a run."""

from __future__ import annotations

import click

from git_exp import cli, errors, protect, query, records
from git_exp.cli import options


@click.command()
@options.run_argument()
@click.argument("tags", nargs=-1, required=True)
def command(run: str, tags: tuple[str, ...]) -> None:
    """Take tags from a run.

    Where the run lacks one of them, nothing is taken. The tag `tainted` stays on a run that git exp
    itself has tagged so, since its protected files were changed.
    """
    store = cli.store()
    found = query.find(store, run)
    for tag in tags:
        if tag not in found.tags:
            there = f"its tags: {', '.join(found.tags)}" if found.tags else "it has no tags"
            raise errors.NotFound(f"run '{run}' has no tag '{tag}'", hint=there)
    protect.keep(found, tags)
    gone = list(dict.fromkeys(tags))
    store.add(found, lambda t: records.Untag(t=t, tags=gone))
