"""git exp session retract: take a result back, which was wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from git_exp import cli, errors, query, records, values
from git_exp.cli import options, output
from git_exp.cli import session as family

if TYPE_CHECKING:
    from git_exp.run import Run
    from git_exp.store import Store


@click.command()
@options.session
@click.argument("result", shell_complete=options.offer_runs)
@click.option("-m", "--reason", metavar="text", help="Why.")
@options.answer
def command(session: str, result: str, reason: str | None, form: options.Form) -> None:
    """Take a result back, which was wrong.

    RESULT is a run, the name of a result or its iteration. It counts as a failure from then on: the
    best, the plateau and the iterations are what they would be if it had failed. It stays in the
    log and in the report, with the reason. A run is tagged `tainted` besides, so that it counts as
    the best nowhere.

    `git exp tag RUN tainted` does the same in every session that the run is a result of. There is
    no way back but to make the run again.
    """
    from git_exp.session import retraction, standing

    if reason is not None and not reason.strip():
        raise errors.UsageError("the reason is blank", hint="-m 'the test data leaked'")
    store = cli.store()
    found = family.chosen(store, session)
    wrong = retraction.meant(found.state, result, lambda name: query.find(store, name))
    said = reason and values.quoted(reason)
    happening = retraction.made(wrong, reason=said, by=family.agent(store))
    added = family.add(store, found, happening)
    if added.event is None:
        output.say(f"'{result}' counts for nothing already: it has failed")
    family.tell(added, form, "retract")
    if standing.goes_on(added.session.state, family.now())[0] and found.state.termination_reason:
        output.say(f"session {found.id} goes on again")
    run = store.get(wrong.run_id) if wrong.run_id else None
    # Also where whoever retracted it was killed before.
    if run and run.status == "finished":
        _taint(store, run)


def _taint(store: Store, run: Run) -> None:
    if query.TAINTED not in run.tags:
        store.add(run, lambda t: records.Tag(t=t, tags=[query.TAINTED]))
        output.say(f"run {query.short(run.id)} is tagged {query.TAINTED}")
    family.take_back(store, run.id)
