"""git exp session retract: take a result back, which was wrong."""

from __future__ import annotations

import click

from git_exp import cli, errors, query, values
from git_exp.cli import options, output
from git_exp.cli import session as family


@click.command()
@options.session
@click.argument("result", shell_complete=options.offer_runs)
@click.option("-m", "--reason", metavar="text", help="Why.")
@options.answer
def command(session: str, result: str, reason: str | None, form: options.Form) -> None:
    """Take a result back, which was wrong.

    RESULT is a run, or the name of a result. It counts as a failure from then on: the best, the
    plateau and the iterations are what they would be if it had failed. It stays in the log and in
    the report, with the reason. What has no run is taken back with all of that name.

    `git exp tag RUN tainted` does the same in every session that the run is a result of.
    """
    from git_exp.session import retraction

    if reason is not None and not reason.strip():
        raise errors.UsageError("the reason is blank", hint="-m 'the test data leaked'")
    store = cli.store()
    found = family.chosen(store, session)
    happening = retraction.made(
        result,
        lambda name: query.find(store, name),
        reason=reason and values.quoted(reason),
        by=family.agent(store),
    )
    added = family.add(store, found, happening)
    if added.event is None:
        output.say(f"'{result}' counts for nothing already: it has failed")
    family.tell(added, form, "retract")
    if found.state.termination_reason and not added.session.state.termination_reason:
        output.say(f"session {found.id} goes on again")
