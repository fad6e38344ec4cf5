"""git exp session resume: let a session go on, with other limits if they are said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from git_exp import cli, errors
from git_exp.cli import limits, options, output
from git_exp.cli import session as family

if TYPE_CHECKING:
    from git_exp.session.events import Event
    from git_exp.session.state import ExperimentState


@click.command()
@options.session
@limits.options()
@options.answer
def command(session: str, form: options.Form, **given: Any) -> None:
    """Let a session go on.

    One that was paused, or stopped by its agent, goes on. One that has come to another end does so
    when the limit it came to is another: `--max-iterations 40` is 40 in all. What is said here
    counts from now on, also for a session that is running.
    """
    from git_exp.session import standing

    store = cli.store()
    found = family.chosen(store, session)
    said = {name: value for name, value in given.items() if value is not None}
    added = family.add(store, found, _resumed(said, by=family.agent(store)))
    state = added.session.state
    now = family.now()
    goes, why = standing.goes_on(state, now)
    if not goes and not family.is_over_by(added):
        output.say(f"it does not go on: {why}")
        if more := standing.room(state, now):
            output.hints(f"git exp session resume {limits.option_of(more[0])} {more[1]}")
    elif goes and added.event is None:
        output.say("it goes on already")
    family.tell(added, form, "resume")


def _resumed(said: dict[str, Any], *, by: str | None) -> Any:
    from git_exp.session import events

    def happening(state: ExperimentState, now: float) -> Event | None:
        changed = {name: one for name, one in said.items() if getattr(state.config, name) != one}
        is_held = state.is_paused or state.agent_recommends_stop
        try:
            return events.Resume(t=now, by=by, **changed) if is_held or changed else None
        except errors.BadField as error:
            raise limits.refused(error, {}, "see: git exp session resume -h") from None

    return happening
