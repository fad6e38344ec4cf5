"""What a session does not know yet of its runs: that they are over, or tainted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from git_exp.query import TAINTED
from git_exp.session import aim, history, retraction, tried
from git_exp.session.events import Event
from git_exp.session.history import Session
from git_exp.session.models import ExperimentResult

if TYPE_CHECKING:
    from git_exp.index.search import Indexed
    from git_exp.run import Run

# What the metadata of a run says its session by.
FIELD = "session"
_REPLACES = re.compile(rb'"replaces":"([^"]+)"')


def adopted(store: Indexed, session: Session, *, by: str | None) -> list[tuple[Event, Session]]:
    """Make them results, the oldest first: what was added, and the session after each.

    Only runs of this clone: what somebody else's run says of itself moves no session of ours. What
    replaces a run is that run. Successes that are tainted since, also by a pull, are taken back.
    """
    every = store.said(FIELD, session.id)
    mine = store.own.among([run.id for run in every])
    done: list[tuple[Event, Session]] = []
    for run in tried.unrecorded([run for run in every if run.id in mine], session.state):
        if _replaces(store, run):
            continue
        idea = run.notes[0].text if run.notes else ""
        heard = tried.Heard(tried.happening(store, run, hypothesis=idea, by=by))
        session = history.add(store.repo, session.id, heard, known=session)
        done += [(heard.event, session)] if heard.event else []
    for result in _tainted(store, session):
        heard = tried.Heard(retraction.made(result, reason=f"tagged {TAINTED}", by=by))
        session = history.add(store.repo, session.id, heard, known=session)
        done += [(heard.event, session)] if heard.event else []
    return done


def _tainted(store: Indexed, session: Session) -> list[ExperimentResult]:
    if not aim.among(session.state):
        return []
    ids = {run.id for run in store.every_tagged(TAINTED)}
    return [one for one in session.state.experiments if one.success and one.run_id in ids]


def running(store: Indexed, session_id: str) -> frozenset[str]:
    """The runs of a session that are in progress in this clone: each will be a result."""
    return store.own.among(
        [run.id for run in store.said(FIELD, session_id) if run.status == "running"]
    )


def _replaces(store: Indexed, run: Run) -> bool:
    return any(_REPLACES.search(line) for line in store.lines(run)[:1])
