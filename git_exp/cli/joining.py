"""A run that is made for a session: what it finds there before, and its result after."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from git_exp import cli, errors, query, values
from git_exp.cli import output
from git_exp.cli import session as family

if TYPE_CHECKING:
    from git_exp.index.search import Indexed
    from git_exp.query import Goal
    from git_exp.run import Run
    from git_exp.session.state import ExperimentState


class Aim(NamedTuple):
    """What a run is for: a goal, if there is one yet, and the runs that it is compared with."""

    goal: Goal | None
    among: frozenset[str]


class Joined:
    """A session that a run is for, looked for before anything runs.

    Runs for it that a loop was killed over are results of it first.
    """

    def __init__(self, store: Indexed, name: str, *, idea: str) -> None:
        from git_exp.session import standing

        self._store = store
        self._idea = idea
        session = family.caught_up(store, family.chosen(store, name))
        self.id = session.id
        self._session = session
        goes, why = standing.goes_on(session.state, family.now())
        if not goes:
            output.warn(f"session {self.id}: {why}; the run is a result of it all the same")

    def has(self, run_id: str) -> bool:
        """Whether a run is a result of it already."""
        from git_exp.session import history, tried

        return tried.is_recorded(run_id, history.read(self._store.repo, self.id).state)

    def aim(self) -> Aim:
        """What the best of the session is best in, and among which runs."""
        from git_exp.session import aim, history

        state = history.read(self._store.repo, self.id).state
        return Aim(aim.of(state.config), aim.among(state))

    def record(self, run_id: str) -> None:
        """Add a run that is over, and say what it is there.

        What goes wrong with that is told, and is no failure of the command that was run.
        """
        try:
            self._record(run_id)
        except (errors.GitExpError, OSError) as error:
            hint = f"git exp session record -s {self.id} --run {query.short(run_id)}"
            output.warn(f"the run is no result of session {self.id}: {error}", hint)

    def _record(self, run_id: str) -> None:
        from git_exp.session import tried

        run = query.find(self._store, run_id)
        happening = tried.happening(
            self._store, run, hypothesis=self._idea, by=family.agent(self._store)
        )
        family.say_of(family.add(self._store, self._session, happening))


def answered(store: Indexed, name: str, run: Run) -> None:
    """Add a run that has answered in place of another, unless it is a result of the session."""
    from git_exp.session import tried

    if run.private:
        return
    idea = run.notes[0].text if run.notes else ""
    happening = tried.happening(store, run, hypothesis=idea, by=family.agent(store))
    try:
        family.say_of(family.add(store, family.chosen(store, name), happening))
    except (errors.GitExpError, OSError) as error:
        output.warn(f"the run is no result of session {name}: {error}")


def failed(name: str, why: str, *, idea: str = "") -> None:
    """Add to a session that there was no run, and why: a loop that cannot run comes to its end."""
    from git_exp.session import events
    from git_exp.session.models import ExperimentResult

    try:
        store = cli.store()
        by = family.agent(store)

        def happening(state: ExperimentState, now: float) -> events.Event:
            result = ExperimentResult(
                experiment_name="not run",
                iteration=state.current_iteration + 1,
                hypothesis=values.quoted(idea),
                success=False,
                error_message=values.quoted(why),
            )
            return events.Result(t=now, by=by, result=result)

        added = family.add(store, family.chosen(store, name), happening)
    except (errors.GitExpError, OSError):
        # What went wrong is told anyway.
        return
    family.say_of(added)
