"""Hypotheses: one more beside those that are left, or a whole set in place of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from git_exp import errors
from git_exp.session import events, ideas, machine
from git_exp.session.history import Happening
from git_exp.session.models import ExperimentConfig, ExperimentResult, HypothesisSet
from git_exp.session.state import ExperimentState

START = events.Start(t=0.0, session_id="s", config=ExperimentConfig(goal="g"))


def after(*happenings: Happening, state: ExperimentState | None = None) -> ExperimentState:
    state = state or machine.begin(START)
    for happening in happenings:
        event = happening(state, 1.0)
        assert event
        state = machine.step(state, event)
    return state


def latest(state: ExperimentState) -> HypothesisSet:
    return state.hypotheses[-1]


def tried(idea: str, state: ExperimentState) -> ExperimentState:
    result = ExperimentResult(experiment_name="e", iteration=1, hypothesis=idea)
    return machine.step(state, events.Result(t=1.0, result=result))


def test_one_more_joins_those_that_have_not_been_tried() -> None:
    one, other = {"statement": "a", "priority": 2}, {"statement": "b", "confidence_score": 0.25}
    state = after(ideas.joined(one), ideas.joined(other))

    assert [(one.hypothesis_id, one.statement) for one in latest(state).hypotheses] == [
        ("h1", "a"), ("h2", "b"),
    ]  # fmt: skip
    assert [one.statement for one in ideas.untried(state)] == ["b", "a"]
    assert latest(state).iteration == 1

    state = after(ideas.joined({"statement": "c"}), state=tried("A ", state))

    assert [one.statement for one in latest(state).hypotheses] == ["b", "c"]
    assert latest(state).iteration == 2


def test_ids_are_never_given_twice() -> None:
    state = after(ideas.joined({"statement": "a"}))
    state = after(ideas.joined({"statement": "b"}), state=tried("h1", state))
    state = after(ideas.joined({"statement": "c"}), state=state)

    ids = [one.hypothesis_id for told in state.hypotheses for one in told.hypotheses]
    assert latest(state).hypotheses[-1].hypothesis_id not in ids[:-1]
    assert [one.statement for one in latest(state).hypotheses] == ["b", "c"]


def test_a_set_takes_the_place_of_those_before() -> None:
    told = {"hypotheses": [{"statement": "x", "priority": 3}, {"hypothesis_id": "own",
            "statement": "y"}], "analysis_summary": "so far", "iteration": 9}  # fmt: skip

    state = after(ideas.joined({"statement": "a"}), ideas.read(json.dumps(told).encode(), by="bob"))

    found = latest(state)
    assert (found.analysis_summary, found.iteration) == ("so far", 9)
    assert [(one.hypothesis_id, one.statement) for one in found.hypotheses] == [
        ("h2", "x"), ("own", "y"),
    ]  # fmt: skip
    assert [one.statement for one in ideas.untried(state)] == ["y", "x"]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"no json", "no JSON: "),
        (b"[]", "a set of hypotheses is an object"),
        (b"{}", "a set of hypotheses has 'hypotheses'"),
        (b'{"hypotheses": "x"}', "'hypotheses' is a list of objects"),
        (b'{"hypotheses": [3]}', "'hypotheses' is a list of objects"),
        (b'{"hypotheses": []}', "there is no hypothesis in 'hypotheses'"),
        (b'{"hypotheses": [{}]}', "a hypothesis has a statement"),
        (b'{"hypotheses": [{"statement": " "}]}', "a hypothesis has a statement"),
        (b'{"hypotheses": [{"statement": "x", "priority": -1}]}', "Hypothesis.priority: "),
        (b'{"hypotheses": [{"statement": "x", "zz": 1}]}', "Hypothesis: it has no field 'zz'"),
        (b'{"hypotheses": [{"statement": "x"}], "zz": 1}', "HypothesisSet: it has no field 'zz'"),
        (b"[" * 100_000, "no JSON: "),
    ],
)
def test_what_is_no_set_is_said_before_anything_is_written(raw: bytes, said: str) -> None:
    with pytest.raises(errors.UsageError, match=said):
        ideas.read(raw)


@pytest.mark.parametrize(
    ("told", "said"),
    [({"statement": ""}, "has a statement"), ({"statement": "x", "confidence_score": 2.0},
      "Hypothesis.confidence_score: ")],
)  # fmt: skip
def test_a_wrong_hypothesis_is_said_at_once(told: dict[str, Any], said: str) -> None:
    with pytest.raises(errors.UsageError, match=said):
        ideas.joined(told)


def test_of_a_session_without_hypotheses_none_is_left() -> None:
    assert ideas.untried(machine.begin(START)) == []
