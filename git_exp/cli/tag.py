"""git exp tag: give a run tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from git_exp import cli, query, records, starting
from git_exp.cli import options

if TYPE_CHECKING:
    from git_exp.run import Run
    from git_exp.store import Store


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
        _retract(store, found)


def _retract(store: Store, run: Run) -> None:
    from git_exp.cli import session as family
    from git_exp.session import retraction

    by = family.agent(store)
    for event, session in retraction.of_tainted(store.repo, run.id, by=by):
        family.say_of(family.Added(session, event))
