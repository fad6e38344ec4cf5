"""Hypotheses: what may be tried next, as it is said, and what of it is left."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from git_exp import errors
from git_exp.session import events, files, machine
from git_exp.session.events import Event
from git_exp.session.model import built
from git_exp.session.models import Hypothesis, HypothesisSet
from git_exp.session.state import ExperimentState

if TYPE_CHECKING:
    from git_exp.session.history import Happening

MOST = 1_000
_EXAMPLE = '{"hypotheses": [{"statement": "a deeper tree"}]}'


class Idea(msgspec.Struct, frozen=True, kw_only=True):
    """A hypothesis as a program is told of it: the lowest priority comes first."""

    hypothesis_id: str
    statement: str
    rationale: str
    suggested_model: str | None
    suggested_params: dict[str, Any]
    confidence_score: float
    priority: int


def open_in(state: ExperimentState) -> list[Idea]:
    """Those that are untried, for a program."""
    return [Idea(**files.plain(one)) for one in untried(state)]


def untried(state: ExperimentState) -> list[Hypothesis]:
    """Those of the last set that no result names, what comes first before the others."""
    if not state.hypotheses:
        return []
    left = [
        one
        for one in state.hypotheses[-1].hypotheses
        if not any(
            machine.is_same(each.hypothesis, said)
            for each in state.experiments
            for said in (one.statement, one.hypothesis_id)
        )
    ]
    return sorted(left, key=lambda one: (one.priority, -one.confidence_score))


def joined(told: Mapping[str, Any], *, by: str | None = None) -> Happening:
    """One more hypothesis beside those that are left. Raises `BadField` for what cannot be one."""
    _checked([told])

    def happening(state: ExperimentState, now: float) -> Event:
        kept = untried(state)
        (new,) = _numbered([told], state)
        found = HypothesisSet(iteration=state.current_iteration + 1, hypotheses=[*kept, new])
        return events.Hypotheses(t=now, by=by, hypotheses=found)

    return happening


def read(raw: bytes, *, by: str | None = None) -> Happening:
    """A whole set, as JSON, in place of those before. Raises `UsageError` for what is none."""
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise errors.UsageError(f"no JSON: {error}", hint=_EXAMPLE) from None
    if not isinstance(told, dict):
        raise errors.UsageError("a set of hypotheses is an object", hint=_EXAMPLE)
    given = _listed(told)
    built(HypothesisSet, {"iteration": 1, **told, "hypotheses": []})
    _checked(given)

    def happening(state: ExperimentState, now: float) -> Event:
        usual = {"iteration": state.current_iteration + 1}
        found = built(HypothesisSet, {**usual, **told, "hypotheses": _numbered(given, state)})
        assert isinstance(found, HypothesisSet)
        return events.Hypotheses(t=now, by=by, hypotheses=found)

    return happening


def _listed(told: dict[str, Any]) -> list[Mapping[str, Any]]:
    """The hypotheses of a set: one at least, for it takes the place of all that are left."""
    if "hypotheses" not in told:
        raise errors.UsageError("a set of hypotheses has 'hypotheses'", hint=_EXAMPLE)
    given = told["hypotheses"]
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise errors.UsageError("'hypotheses' is a list of objects", hint=_EXAMPLE)
    if not given:
        raise errors.UsageError("there is no hypothesis in 'hypotheses'", hint=_EXAMPLE)
    if len(given) > MOST:
        raise errors.UsageError(f"{len(given):,} hypotheses are too many", hint=f"{MOST:,} at most")
    return given


def _checked(given: list[Mapping[str, Any]]) -> None:
    for one in given:
        if not str(one.get("statement") or "").strip():
            raise errors.UsageError("a hypothesis has a statement", hint=_EXAMPLE)
        built(Hypothesis, {"hypothesis_id": "h", **one})


def _numbered(given: list[Mapping[str, Any]], state: ExperimentState) -> list[Hypothesis]:
    """As hypotheses, each with an id that no other of the session has."""
    first = 1 + sum(len(one.hypotheses) for one in state.hypotheses)
    found = [
        built(Hypothesis, {"hypothesis_id": f"h{at}", **one}) for at, one in enumerate(given, first)
    ]
    return [one for one in found if isinstance(one, Hypothesis)]
