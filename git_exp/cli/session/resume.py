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
def command(session: str, form: options.Form, **given: Any) -> int:
    """Let a session go on, with other limits if they are said.

    One that was paused, or stopped by its agent, goes on. One that has come to another end does so
    when the limit it came to is another: `--max-iterations 40` is 40 in all. Where it would be over
    all the same nothing is changed, what it takes is said, and the exit code is 1. What is said
    here counts from now on, also for a session that is running.
    """
    store = cli.store()
    found = family.chosen(store, session)
    said = {name: value for name, value in given.items() if value is not None}
    resumed = _Resumed(said, by=family.agent(store))
    added = family.add(store, found, resumed)
    if resumed.why:
        output.say(f"it does not go on: {resumed.why}")
        lacking = (f"{limits.option_of(name)} {value}" for name, value in resumed.lacking.items())
        output.hints(" ".join((f"git exp session resume -s {found.id}", *lacking)))
    elif added.event is None:
        output.say("it goes on already")
    family.tell(added, form, "resume")
    return errors.AnswerIsNo.exit_code if resumed.why else 0


class _Resumed:
    """What lets a session go on; for one that would not, `why`, and the limits it `lacking`."""

    def __init__(self, said: dict[str, Any], *, by: str | None) -> None:
        self._said = said
        self._by = by
        self.why = ""
        self.lacking: dict[str, str] = {}

    def __call__(self, state: ExperimentState, now: float) -> Event | None:
        from git_exp.session import events, machine, standing

        self.why, self.lacking = "", {}
        said = self._said
        changed = {name: one for name, one in said.items() if getattr(state.config, name) != one}
        try:
            event = events.Resume(t=now, by=self._by, **changed)
        except errors.BadField as error:
            raise limits.refused(error, {}, "see: git exp session resume -h") from None
        if standing.goes_on(state, now)[0]:
            return event if changed else None
        after = machine.step(state, event)
        goes, why = standing.goes_on(after, now)
        if goes:
            return event
        self.why = why
        self.lacking = {**_words(changed), **_lacking(after, now)}
        return None


def _lacking(state: ExperimentState, now: float) -> dict[str, str]:
    """The limits that a session needs to go on: beyond the first there may be others."""
    from git_exp.session import events, machine, standing

    found: dict[str, str] = {}
    while (more := standing.room(state, now)) and more[0] not in found:
        name, value = more
        found[name] = value
        if not value.isdecimal():
            # Only its user can say.
            break
        more_of_it: dict[str, Any] = {name: int(value)}
        state = machine.step(state, events.Resume(t=now, **more_of_it))
    return found


def _words(said: dict[str, Any]) -> dict[str, str]:
    """Limits as they are written."""
    return {
        name: f"{one:.15g}" if isinstance(one, float) else str(one) for name, one in said.items()
    }
