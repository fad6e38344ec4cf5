"""git exp untag: take tags from a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from git_exp import cli, errors, protect, query, records
from git_exp.cli import options, output

if TYPE_CHECKING:
    from git_exp.run import Run
    from git_exp.store import Store


@click.command()
@options.run_argument()
@click.argument("tags", nargs=-1, required=True)
def command(run: str, tags: tuple[str, ...]) -> None:
    """Take tags from a run.

    Where the run lacks one of them, nothing is taken. The tag `tainted` stays on a run that git exp
    itself has tagged so, since its protected files were changed. A result of a session that is a
    failure since then stays one.
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
    if query.TAINTED in gone:
        _tell_failed(store, found)


def _tell_failed(store: Store, run: Run) -> None:
    """Say in which sessions the run stays what it was made by the tag."""
    from git_exp.session import cargo

    if not cargo.may_be(store.repo):
        return
    from git_exp.session import history

    # Taken back, or a failure from the first since it was tagged by then.
    why = ("retracted", f"tagged {query.TAINTED}")
    ids = [
        session.id
        for session in history.every(store.repo)
        for one in session.state.experiments
        if one.run_id == run.id and (one.error_message or "").startswith(why)
    ]
    if ids:
        where = f"session{'s' * (len(ids) > 1)} {', '.join(sorted(ids))}"
        output.say(f"run {query.short(run.id)} stays a failure of {where}: run it again there")
