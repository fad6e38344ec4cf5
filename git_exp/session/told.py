"""What the verbs of a session tell a program: how it stands, and more."""

from __future__ import annotations

from typing import Any

import msgspec

from git_exp.session import claims, files, ideas, standing
from git_exp.session.events import Event
from git_exp.session.history import Session
from git_exp.session.profile import DataProfile
from git_exp.session.standing import Standing
from git_exp.session.state import ExperimentState


class Happened(Standing, frozen=True, kw_only=True):
    """How a session stands after something happened: the event as its line has it, if any."""

    event: dict[str, Any] | None


class Status(Standing, frozen=True, kw_only=True):
    """All of how a session stands; `damaged` events cannot be read."""

    constraints: str | None
    hypotheses: list[ideas.Idea]
    claims: list[claims.Held]
    profile: DataProfile | None
    damaged: int


def happened(state: ExperimentState, event: Event | None, now: float) -> Happened:
    """How a session stands after an event; `now` in seconds since 1970."""
    return Happened(**_standing(state, now), event=files.told(event) if event else None)


def status(found: Session, now: float) -> Status:
    """All of how a session stands; `now` in seconds since 1970."""
    state = found.state
    return Status(
        **_standing(state, now),
        constraints=state.config.constraints,
        hypotheses=ideas.open_in(state),
        claims=claims.held(state, now),
        profile=state.data_profile,
        damaged=found.damaged,
    )


def _standing(state: ExperimentState, now: float) -> dict[str, Any]:
    return msgspec.structs.asdict(standing.of(state, now))
