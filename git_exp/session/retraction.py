"""A result that is taken back: it stays as an attempt, and counts for nothing that it measured."""

from __future__ import annotations

from collections.abc import Callable

from git_exp import errors
from git_exp.git.repo import Repo
from git_exp.query import TAINTED
from git_exp.run import Run
from git_exp.session import events, history
from git_exp.session.events import Event
from git_exp.session.history import Happening, Session
from git_exp.session.models import ExperimentResult
from git_exp.session.named import SHORTEST
from git_exp.session.state import ExperimentState
from git_exp.session.tried import Heard

# The run that a name means, if it is not the name of a result.
Find = Callable[[str], Run]


def made(name: str, find: Find, *, reason: str | None = None, by: str | None = None) -> Happening:
    """The retraction of the result that a name or a run means; None where it failed anyway.

    Raises `NotFound` where no result is meant, and `Ambiguous` where several are.
    """

    def happens(state: ExperimentState, now: float) -> Event | None:
        found = meant(state, name, find)
        if not found.success:
            return None
        return _retract(found, now, reason=reason, by=by)

    return happens


def meant(state: ExperimentState, name: str, find: Find) -> ExperimentResult:
    """The result of a session that a name, its run's id or any other name of that run means."""
    every = state.experiments
    named = [one for one in every if name in (one.experiment_name, one.run_id)]
    if not named and len(name) >= SHORTEST:
        named = [one for one in every if (one.run_id or "").startswith(name)]
    if not named:
        run = _run(name, find)
        named = [one for one in every if one.run_id == run.id]
    if not named:
        raise errors.NotFound(
            f"run {run.id[:8]} is no result of session '{state.session_id}'",
            hint="its results: git exp session log",
        )
    runs = {one.run_id: one for one in named}
    if len(runs) > 1:
        raise errors.Ambiguous(name, [one or name for one in runs])
    # Of several that have no run and one name all are taken back, or none.
    return next((one for one in named if one.success), named[0])


def of_tainted(repo: Repo, run_id: str, *, by: str | None = None) -> list[tuple[Event, Session]]:
    """Retract a tainted run wherever it is a success: what happened, each session after that."""
    done: list[tuple[Event, Session]] = []
    for session in history.every(repo):
        found = next((one for one in session.state.experiments if one.run_id == run_id), None)
        if found is None or not found.success:
            continue
        heard = Heard(made(run_id, _nobody, reason=f"tagged {TAINTED}", by=by))
        after = history.add(repo, session.id, heard, known=session)
        done += [(heard.event, after)] if heard.event else []
    return done


def _retract(found: ExperimentResult, now: float, *, reason: str | None, by: str | None) -> Event:
    name = None if found.run_id else found.experiment_name
    return events.Retract(t=now, by=by, run_id=found.run_id, experiment_name=name, reason=reason)


def _run(name: str, find: Find) -> Run:
    try:
        return find(name)
    except errors.NotFound as error:
        if isinstance(error, errors.Ambiguous):
            raise
        raise errors.NotFound(
            f"no result '{name}', and no run", hint="its results: git exp session log"
        ) from None


def _nobody(name: str) -> Run:
    raise errors.NotFound(f"no run '{name}'")
