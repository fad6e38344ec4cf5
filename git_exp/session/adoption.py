"""Runs of a session that are over and no result of it: their loop was killed in the middle."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from git_exp.session import history, tried
from git_exp.session.events import Event
from git_exp.session.history import Session

if TYPE_CHECKING:
    from git_exp.index.search import Indexed
    from git_exp.run import Run

# What the metadata of a run says its session by.
FIELD = "session"
_REPLACES = re.compile(rb'"replaces":"([^"]+)"')


def adopted(store: Indexed, session: Session, *, by: str | None) -> list[tuple[Event, Session]]:
    """Make them results, the oldest first: what was added, and the session after each.

    Only runs of this clone: what somebody else's run says of itself moves no session of ours. What
    replaces a run is that run.
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
    return done


def running(store: Indexed, session_id: str) -> frozenset[str]:
    """The runs of a session that are in progress in this clone: each will be a result."""
    return store.own.among(
        [run.id for run in store.said(FIELD, session_id) if run.status == "running"]
    )


def _replaces(store: Indexed, run: Run) -> bool:
    return any(_REPLACES.search(line) for line in store.lines(run)[:1])
