"""What must be settled with everybody who shares a session: who has an idea to try."""

from __future__ import annotations

import random
import time

import msgspec

from git_exp import errors, tagged
from git_exp.git import remote
from git_exp.git.remote import Refused, Update
from git_exp.git.repo import Repo
from git_exp.scan import Outgoing
from git_exp.session import history
from git_exp.session.cargo import Sessions
from git_exp.session.history import Happening, Session
from git_exp.share import cargo, remotes
from git_exp.share.cargo import Carried, Trip
from git_exp.share.inspect import Inspection
from git_exp.store import Store

PATIENCE = 60.0
# So often a ref that could not be updated over there may be somebody else's doing.
_RACES = 5


class _Asked(msgspec.Struct, kw_only=True):
    """Something that is to happen to a session, here and on a remote, or on neither."""

    trip: Trip
    session_id: str
    happening: Happening
    inspection: Inspection
    races: int = 0

    @property
    def repo(self) -> Repo:
        return self.trip.store.repo


def settled(
    repo: Repo, session_id: str, happening: Happening, *, other: str | None = None
) -> Session:
    """Add what happens to a session where all share it, then here: of two at once one is first.

    `other` is the remote, as `share.push` finds it. What it has is merged into ours, and of that
    state `happening` is told: what it raises leaves it at that, and where it says none the session
    is answered. Raises `SecretsFound`, and `Refused` for a session that names a private run;
    `RemoteFailed` when it could not be done within a minute.
    """
    history.name(session_id)
    to = remotes.chosen(repo, other)
    trip = Trip(store=Store(repo), other=to, cargo=Sessions(), report=Carried())
    asked = _Asked(
        trip=trip, session_id=session_id, happening=happening, inspection=Inspection(repo, ())
    )
    until, pause = time.monotonic() + PATIENCE, 0.01
    while True:
        try:
            return _attempt(asked)
        except errors.RefMoved as error:
            if time.monotonic() > until:
                why = f"others add to session '{session_id}' all the time"
                hint = "nothing is lost: try it again"
                raise errors.RemoteFailed(to.shown, why, hint=hint) from error
        time.sleep(random.uniform(0, pause))
        pause = min(pause * 2, 2.0)


def _attempt(asked: _Asked) -> Session:
    """One round. Raises `RefMoved` where somebody else was first."""
    repo, ref = asked.repo, history.name(asked.session_id)
    theirs = asked.trip.met(asked.session_id)
    if theirs:
        asked.trip.cargo.merge(repo, asked.session_id, theirs)
    before = history.read(repo, asked.session_id)
    event = asked.happening(before.state, history.now(before))
    if event is None:
        return before
    draft = history.after(repo, before, event)
    _look(asked, draft.session, theirs)
    _, commit = draft.written()
    # It has theirs in its history: as it is not forced, it is taken where that still stands.
    refused = remote.push(repo, asked.trip.other, [Update(name=ref, new=commit, old=theirs)])
    if refused:
        raise _lost(asked, refused[0])
    return history.adopt(draft)


def _look(asked: _Asked, after: Session, theirs: str | None) -> None:
    """Look at what is about to leave. Raises `Refused` for what does not."""
    if hidden := cargo.names_private(asked.trip.store, after.lines):
        raise errors.Refused(
            f"session '{after.id}' names the private run {hidden[:8]}",
            hint="it stays here, whoever asks: leave out --remote",
        )
    had = set(asked.trip.cargo.lines(asked.repo, theirs)) if theirs else set[bytes]()
    fresh = tuple(tagged.readable(line) for line in after.lines if line not in had)
    asked.inspection.look_at([Outgoing(run=history.name(after.id), lines=fresh)])


def _lost(asked: _Asked, refused: Refused) -> errors.RepositoryError:
    """What to raise for a ref that was not taken."""
    asked.races += refused.raced
    if refused.moved or (refused.raced and asked.races <= _RACES):
        return errors.RefMoved(refused.name)
    return errors.RemoteFailed(asked.trip.other.shown, f"it refuses {refused.name}: {refused.why}")
