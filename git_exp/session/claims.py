"""Claims: an idea is one agent's for a while, on a session that many work on."""

from __future__ import annotations

import difflib
import re
import uuid
from collections import Counter
from typing import NamedTuple

import msgspec

from git_exp import errors, records
from git_exp.session import events
from git_exp.session.events import Claim, Event
from git_exp.session.history import Happening
from git_exp.session.machine import is_same as is_same
from git_exp.session.models import ExperimentResult
from git_exp.session.standing import duration, number
from git_exp.session.state import ExperimentState

ALIKE = 0.8
_SHORTEST = 4
_WORD = re.compile(r"\d[\d.,]*(?:e[+-]?\d+)?|[^\W\d_]+")
# Words that an idea is the same without.
_SMALL = {
    *("a", "an", "and", "as", "at", "by", "for", "from", "in", "into", "instead", "is", "it"),
    *("let", "make", "of", "on", "or", "set", "some", "than", "that", "the", "then", "to", "try"),
    *("use", "using", "with"),
}


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A claim that holds, for a program: since when, and how many seconds are left."""

    claim: str
    idea: str
    by: str | None
    since: str
    left: float


class Near(msgspec.Struct, frozen=True):
    """An idea like another: what it says, and what became of it."""

    idea: str
    where: str


def new_id() -> str:
    """The id of a claim: the first 8 hex digits of a UUID."""
    return str(uuid.uuid4())[:8]


def made(
    idea: str, claim_id: str, *, ttl: float, by: str | None = None, renews: bool = False
) -> Happening:
    """The claim of an idea. Raises `AnswerIsNo` while the very same one is somebody's already.

    With `renews` one that is `by` the same is made anew: its time begins again.
    """
    words = " ".join(idea.split())
    if not words:
        raise errors.UsageError("an idea must not be blank", hint="git exp session claim IDEA")

    def happening(state: ExperimentState, now: float) -> Event | None:
        for one in live(state, now):
            if one.claim_id == claim_id:
                # A push whose answer was lost has brought it there.
                return None
            if is_same(one.idea, words):
                if renews and one.by == by:
                    return events.Claim(t=now, by=by, claim_id=one.claim_id, idea=words, ttl=ttl)
                raise _taken(one, by=by, now=now)
        return events.Claim(t=now, by=by, claim_id=claim_id, idea=words, ttl=ttl)

    return happening


def _taken(claim: Claim, *, by: str | None, now: float) -> errors.AnswerIsNo:
    left = duration(claim.t + claim.ttl - now)
    free = f"git exp session release {claim.claim_id}"
    if by is None or claim.by != by:
        return errors.AnswerIsNo(
            f"'{claim.idea}' is claimed{_by(claim)} for {left} more",
            hint=f"take another idea, or free it: {free}",
        )
    # Several agents may work as one user of git.
    return errors.AnswerIsNo(
        f"'{claim.idea}' is claimed by {by} for {left} more, which is you unless several agents"
        " work under that name",
        hint=f"GIT_EXP_AGENT=NAME tells them apart; if it is yours, go on, or free it: {free}",
    )


def released(claim: str, *, by: str | None = None) -> Happening:
    """The end of a claim, named by its id or the beginning of that. Raises `NotFound`."""

    def happening(state: ExperimentState, now: float) -> Event:
        found = [one for one in state.claims if one.claim_id == claim]
        if not found and len(claim) >= _SHORTEST:
            found = [one for one in state.claims if one.claim_id.startswith(claim)]
        if not found:
            raise errors.NotFound(f"no claim '{claim}'", hint="see: git exp session claims")
        if len(found) > 1:
            raise errors.Ambiguous(claim, [one.claim_id for one in found])
        return events.Release(t=now, by=by, claim_id=found[0].claim_id, idea=found[0].idea)

    return happening


def live(state: ExperimentState, now: float) -> list[Claim]:
    """The claims that hold, oldest first."""
    return [one for one in state.claims if one.t + one.ttl > now]


def held(state: ExperimentState, now: float) -> list[Held]:
    """The same for a program."""
    return [
        Held(
            claim=one.claim_id,
            idea=one.idea,
            by=one.by,
            since=records.stamp(round(one.t * 1_000_000)),
            left=round(one.t + one.ttl - now, 3),
        )
        for one in live(state, now)
    ]


def taken_over(state: ExperimentState, idea: str, now: float) -> Claim | None:
    """The claim of the same idea that held until a moment ago, the last of them."""
    stale = (one for one in reversed(state.claims) if one.t + one.ttl <= now)
    return next((one for one in stale if is_same(one.idea, idea)), None)


def near(state: ExperimentState, idea: str, now: float, *, but: str = "") -> list[Near]:
    """The ideas that were tried, or are claimed, and say nearly what this one says.

    What is claimed and the latest first, before all the very same. `but` is the id of a claim that
    is its own. Ideas whose numbers differ are other ideas.
    """
    tried = [Near(one.hypothesis, _outcome(one, state)) for one in state.experiments]
    claimed = [
        Near(one.idea, f"claimed{_by(one)}, {duration(one.t + one.ttl - now)} left")
        for one in live(state, now)
        if one.claim_id != but
    ]
    found = [one for one in (*claimed, *reversed(tried)) if one.idea.strip()]
    return sorted(
        (one for one in found if alike(one.idea, idea)), key=lambda one: not is_same(one.idea, idea)
    )


def alike(one: str, other: str) -> bool:
    """Whether two ideas are nearly the same: the same numbers, and words in any order."""
    mine, theirs = _parts(one), _parts(other)
    if mine.numbers != theirs.numbers:
        return False
    words = [" ".join(sorted(part.words)) for part in (mine, theirs)]
    if not all(words):
        return is_same(one, other)
    this, that = words
    return difflib.SequenceMatcher(None, this, that, autojunk=False).ratio() >= ALIKE


class _Parts(NamedTuple):
    words: frozenset[str]
    numbers: Counter[str]


def _parts(idea: str) -> _Parts:
    found = _WORD.findall(idea.casefold())
    numbers = Counter(_number(one) for one in found if one[0].isdecimal())
    words = (one for one in found if not one[0].isdecimal())
    return _Parts(frozenset(words) - _SMALL, numbers)


def _number(text: str) -> str:
    try:
        return f"{float(text.rstrip('.,')):g}"
    except ValueError:
        return text


def _by(claim: Claim) -> str:
    return f" by {claim.by}" if claim.by else ""


def _outcome(result: ExperimentResult, state: ExperimentState) -> str:
    metric = state.config.primary_metric or ""
    value = result.metrics.get(metric)
    shown = "" if value is None else f": {metric} {number(value)}"
    run = f", run {result.run_id[:8]}" if result.run_id else ""
    ended = shown if result.success else ", failed"
    return f"tried in iteration {result.iteration}{ended}{run}"
