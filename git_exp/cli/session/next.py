"""git exp session next: say whether another experiment is to be made."""

from __future__ import annotations

import contextlib

import click

from git_exp import cli, errors
from git_exp.cli import options, output
from git_exp.cli import session as family


@click.command()
@options.session
@options.answer
def command(session: str, form: options.Form) -> int:
    """Say whether another experiment is to be made.

    Exit code 0: go on. 1: stop, and the reason is printed; of several the first of these:
    `Maximum iterations reached`, `Time budget exhausted`, `Performance plateau detected`, `Target
    metric achieved`, `Agent determined further improvement unlikely`, `Too many consecutive
    failures`. A paused session does not go on either.

    Runs for the session that a loop was killed over are results of it first. Those that are in
    progress here count as iterations, so that several loops make hardly more than one would: those
    that ask in the same moment each get the last.
    """
    from git_exp.session import adoption, standing

    store = cli.store()
    found = family.chosen(store, session)
    # Before the results are read: one that ends in between is counted, and once.
    busy = adoption.running(store, found.id)
    # Where nothing can be written, what is there is the answer.
    with contextlib.suppress(errors.GitExpError, OSError):
        found = family.caught_up(store, found)
    state = found.state
    now = family.now()
    running = len(busy - {one.run_id for one in state.experiments})
    goes, why = standing.goes_on(state, now, running=running)
    if form.kind == "json":
        output.document("session-next", standing.of(state, now, running=running))
        return 0 if goes else 1
    output.line(why)
    if goes != standing.goes_on(state, now)[0]:
        output.say(f"{running} of them {'is' if running == 1 else 'are'} in progress")
    return 0 if goes else 1
