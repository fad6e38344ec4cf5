"""Claims: whose an idea is, for how long, and which ideas say nearly the same."""

from __future__ import annotations

from typing import Any

import pytest

from git_exp import errors
from git_exp.session import claims, events, machine
from git_exp.session.events import Claim
from git_exp.session.models import ExperimentConfig, ExperimentResult
from git_exp.session.state import ExperimentState

START = events.Start(t=0.0, session_id="s", config=ExperimentConfig(goal="g", primary_metric="acc"))


def folded(*happened: Any) -> ExperimentState:
    return machine.folded(START, happened)


def claim(idea: str, t: float = 1.0, *, claim_id: str = "c1", by: str | None = "ada") -> Claim:
    return Claim(t=t, by=by, claim_id=claim_id, idea=idea, ttl=60.0)


def result(idea: str, t: float = 5.0, **given: Any) -> events.Result:
    told = {"experiment_name": "e", "iteration": 1, "metrics": {"acc": 0.5}, "hypothesis": idea}
    return events.Result(t=t, result=ExperimentResult(**{**told, **given}))


def test_an_idea_is_claimed_for_its_time_by_who_says_so() -> None:
    made = claims.made("  deeper\n trees ", "c9", ttl=30.0, by="ada")(folded(), 7.0)

    assert isinstance(made, Claim)
    assert (made.t, made.by, made.claim_id, made.idea, made.ttl) == (
        7.0, "ada", "c9", "deeper trees", 30.0,
    )  # fmt: skip
    state = folded(made)
    assert claims.live(state, 36.9) == [made]
    assert claims.live(state, 37.0) == []


@pytest.mark.parametrize("idea", ["deeper trees", "Deeper  TREES"])
def test_the_very_same_idea_is_nobody_elses_while_it_is_claimed(idea: str) -> None:
    with pytest.raises(errors.AnswerIsNo) as refused:
        claims.made(idea, "c2", ttl=30.0)(folded(claim("deeper trees")), 31.0)

    assert refused.value.message == "'deeper trees' is claimed by ada for 30.0 s more"
    assert refused.value.hint == "take another idea, or free it: git exp session release c1"


def test_a_claim_of_nobody_names_nobody() -> None:
    with pytest.raises(errors.AnswerIsNo) as refused:
        claims.made("x", "c2", ttl=30.0)(folded(claim("x", by=None)), 2.0)

    assert refused.value.message == "'x' is claimed for 59.0 s more"


def test_the_same_claim_twice_is_there_once() -> None:
    assert claims.made("deeper trees", "c1", ttl=60.0)(folded(claim("deeper trees")), 2.0) is None


def test_the_same_agents_claim_is_made_anew_where_it_is_named() -> None:
    state = folded(claim("deeper trees"))

    made = claims.made("deeper trees", "c2", ttl=90.0, by="ada", renews=True)(state, 31.0)

    assert isinstance(made, Claim)
    assert (made.claim_id, made.t, made.ttl) == ("c1", 31.0, 90.0)
    assert machine.step(state, made).claims == [made]
    with pytest.raises(errors.AnswerIsNo):
        claims.made("deeper trees", "c2", ttl=90.0, by="bob", renews=True)(state, 31.0)


def test_a_stale_claim_is_taken_over() -> None:
    state = folded(claim("deeper trees"))

    assert claims.taken_over(state, "Deeper trees", 60.9) is None
    assert claims.taken_over(state, "Deeper trees", 61.0) == claim("deeper trees")
    assert claims.taken_over(state, "other", 61.0) is None

    made = claims.made("deeper trees", "c2", ttl=10.0)(state, 61.0)
    assert made
    assert [one.claim_id for one in machine.step(state, made).claims] == ["c2"]


def test_a_result_of_the_idea_ends_its_claim() -> None:
    state = folded(claim("deeper trees"), claim("wider", claim_id="c2"), result("Deeper  trees"))

    assert [one.idea for one in state.claims] == ["wider"]
    assert folded(claim("wider"), result("")).claims == [claim("wider")]


def test_a_claim_is_released_by_its_id_or_the_beginning_of_it() -> None:
    state = folded(claim("a", claim_id="abcd1234"), claim("b", claim_id="abcd5678"))

    for name in ("abcd1234", "abcd1"):
        found = claims.released(name, by="bob")(state, 3.0)
        assert isinstance(found, events.Release)
        assert (found.claim_id, found.by, found.t) == ("abcd1234", "bob", 3.0)
    with pytest.raises(errors.Ambiguous, match="'abcd' is ambiguous"):
        claims.released("abcd")(state, 3.0)
    for name in ("abc", "zzzz", ""):
        with pytest.raises(errors.NotFound, match=f"no claim '{name}'"):
            claims.released(name)(state, 3.0)


def test_a_short_id_is_one_all_the_same() -> None:
    assert claims.released("c1")(folded(claim("a")), 3.0)


@pytest.mark.parametrize("idea", ["", " \n"])
def test_a_blank_idea_is_none(idea: str) -> None:
    with pytest.raises(errors.UsageError, match="must not be blank"):
        claims.made(idea, "c1", ttl=1.0)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("deeper trees", "trees, deeper", True),
        ("Use a deeper tree", "try deeper trees", True),
        ("set dropout to 0.1", "dropout of 0.10", True),
        ("lr 1e-3", "lr 0.001", True),
        ("lr 0.1", "lr 0.01", False),
        ("two layers", "cosine schedule", False),
        ("batch 32 lr 0.1", "lr 0.1, batch 32", True),
        ("batch 32", "batch 32, batch 32", False),
        ("use the", "try a", False),
        ("Use  it", "use it", True),
        ("größere Schrittweite", "GRÖSSERE schrittweite", True),
        ("0.1", "0.1", True),
        ("0.1", "0.2", False),
    ],
)
def test_ideas_are_alike_by_their_words_in_any_order_and_by_their_numbers(
    one: str, other: str, same: bool
) -> None:
    assert claims.alike(one, other) is same
    assert claims.alike(other, one) is same


def test_what_was_tried_or_is_claimed_and_says_nearly_the_same_is_pointed_out() -> None:
    state = folded(
        result("a deeper tree", run_id="12345678-9"),
        result("deep trees, failed", success=False, error_message="boom", iteration=2),
        result("The deeper trees", success=False, iteration=3),
        result("", iteration=4),
        claim("deeper tree!", 6.0, claim_id="c1"),
        claim("deeper trees", 7.0, claim_id="mine"),
        claim("something else", 7.0, claim_id="c3"),
    )

    found = claims.near(state, "deeper trees", 8.0, but="mine")

    assert [(one.idea, one.where) for one in found] == [
        ("deeper tree!", "claimed by ada, 58.0 s left"),
        ("The deeper trees", "tried in iteration 3, failed"),
        ("a deeper tree", "tried in iteration 1: acc 0.5, run 12345678"),
    ]
    assert len(claims.near(state, "deeper trees", 99.0, but="mine")) == 2


def test_ids_of_claims_are_eight_hex_digits_and_differ() -> None:
    one, other = claims.new_id(), claims.new_id()

    assert one != other
    assert int(one, 16) >= 0
    assert len(one) == 8
