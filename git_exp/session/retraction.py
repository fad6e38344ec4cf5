"""A result that is taken back: it stays as an attempt, and counts for nothing that it measured."""

from __future__ import annotations

from collections.abc import Callable

from git_exp import errors, query
from git_exp.git.repo import Repo
from git_exp.run import Run
from git_exp.session import history
from git_exp.session.events import Event, Retract
from git_exp.session.history import Happening, Session
from git_exp.session.models import ExperimentResult
from git_exp.session.named import SHORTEST
from git_exp.session.state import ExperimentState
from git_exp.session.tried import Heard

# The run that a name means, if it is not the name of a result.
Find = Callable[[str], Run]


def made(found: ExperimentResult, *, reason: str | None = None, by: str | None = None) -> Happening:
    """The retraction of a result; none where it has failed, also meanwhile."""

    def happens(state: ExperimentState, now: float) -> Event | None:
        event = _event(found, now).but(by=by, reason=reason)
        counts = any(one.success and event.is_of(one) for one in state.experiments)
        return event if counts else None

    return happens


def meant(state: ExperimentState, name: str, find: Find) -> ExperimentResult:
    """The result of a session that a name means.

    That is its own name or its run's id, the beginning of that, its iteration, or any other name of
    its run. Raises `NotFound` where no result is meant, and `Ambiguous` with the iterations.
    """
    every = dict(enumerate(state.experiments, 1))
    found = [at for at, one in every.items() if name in (one.experiment_name, one.run_id)]
    if not found and len(name) >= SHORTEST:
        found = [at for at, one in every.items() if (one.run_id or "").startswith(name)]
    if not found and name.isdecimal() and len(name) < SHORTEST:
        found = [at for at in every if at == int(name)]
    if not found:
        run = _run(state, name, find)
        found = [at for at, one in every.items() if one.run_id == run.id]
        if not found:
            raise errors.NotFound(
                f"run {query.short(run.id)} is no result of session '{state.session_id}'",
                hint=_listed(state),
            )
    # What is taken back already is meant only where nothing else is.
    found = [at for at in found if every[at].success] or found[:1]
    if len(found) > 1:
        raise errors.Ambiguous(name, [f"iteration {at}" for at in found])
    return every[found[0]]


def of_tainted(repo: Repo, run_id: str, *, by: str | None = None) -> list[tuple[Event, Session]]:
    """Retract a tainted run wherever it is a success: what happened, each session after that."""
    done: list[tuple[Event, Session]] = []
    for session in history.every(repo):
        every = session.state.experiments
        found = next((one for one in every if one.run_id == run_id and one.success), None)
        if found is None:
            continue
        heard = Heard(made(found, reason=f"tagged {query.TAINTED}", by=by))
        after = history.add(repo, session.id, heard, known=session)
        done += [(heard.event, after)] if heard.event else []
    return done


def _event(found: ExperimentResult, now: float) -> Retract:
    if found.run_id is not None:
        return Retract(t=now, run_id=found.run_id)
    return Retract(
        t=now,
        experiment_name=found.experiment_name,
        iteration=found.iteration,
        metrics=found.metrics,
    )


def _run(state: ExperimentState, name: str, find: Find) -> Run:
    try:
        return find(name)
    except errors.Ambiguous:
        raise
    except errors.NotFound:
        raise errors.NotFound(f"no result '{name}', and no run", hint=_listed(state)) from None


def _listed(state: ExperimentState) -> str:
    return f"its results: git exp session log -s {state.session_id}"
