"""A run that is made for a session: what it finds there before, and its result after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_exp import query
from git_exp.cli import output
from git_exp.cli import session as family

if TYPE_CHECKING:
    from git_exp.index.search import Indexed
    from git_exp.session.history import Session


class Joined:
    """A session that a run is for, looked for before anything runs.

    Runs for it that somebody was killed over are results of it first.
    """

    def __init__(self, store: Indexed, name: str, *, idea: str) -> None:
        from git_exp.session import standing

        self._store = store
        self._idea = idea
        session = family.chosen(store, name)
        self.id = session.id
        self._adopt(session)
        goes, why = standing.goes_on(session.state, family.now())
        if not goes:
            output.warn(f"session {self.id}: {why}; the run is a result of it all the same")

    def record(self, run_id: str) -> None:
        """Add a run that is over, and say what it is there."""
        self._record(run_id, idea=self._idea)

    def _adopt(self, session: Session) -> None:
        from git_exp.session import tried

        for run in tried.unrecorded(self._store.said("session", self.id), session.state):
            self._record(run.id, idea=run.notes[0].text if run.notes else "")

    def _record(self, run_id: str, *, idea: str) -> None:
        from git_exp.session import story, tried

        run = query.find(self._store, run_id)
        happening = tried.happening(run, hypothesis=idea, by=family.agent(self._store))
        added = family.add(self._store, self.id, happening)
        if added.event:
            output.say(f"session {self.id}: {story.subject(added.event, added.session.state)}")
            family.say_if_over(added)
