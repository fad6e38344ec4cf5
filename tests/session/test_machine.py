"""A session step by step: what ends it and in which order, its best, its plateau, its time."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_exp.session import (
    ConversationEntry,
    DataProfile,
    ExperimentConfig,
    ExperimentPhase,
    ExperimentResult,
    ExperimentState,
    HypothesisSet,
    events,
    files,
    machine,
)
from git_exp.session.events import Event

T0 = 1_700_000_000.0
# What each reason needs to hold, apart from the others.
HOLDING: dict[str, dict[str, Any]] = {
    machine.ITERATIONS: {"current_iteration": 20},
    machine.TIME: {"elapsed_before": 3600.0},
    machine.PLATEAU: {"iterations_without_improvement": 3},
    machine.TARGET: {"best_metric": 0.0},
    machine.AGENT: {"agent_recommends_stop": True},
    machine.FAILURES: {"consecutive_failures": 5},
}


def config(**given: Any) -> ExperimentConfig:
    return ExperimentConfig(**{"goal": "faster", "primary_metric": "loss", **given})


def begun(**given: Any) -> ExperimentState:
    return machine.begin(events.Start(t=T0, session_id="abc123", config=config(**given)))


def result(value: float | None = None, *, name: str = "one", **given: Any) -> ExperimentResult:
    metrics = {} if value is None else {"loss": value}
    return ExperimentResult(experiment_name=name, iteration=0, metrics=metrics, **given)


def added(state: ExperimentState, *values: float | None) -> ExperimentState:
    """A success for each value, a failure for None, a second apart."""
    for value in values:
        at = state.start_time + state.current_iteration + 1
        one = result(value, name=f"e{state.current_iteration}", success=value is not None)
        state = machine.step(state, events.Result(t=at, result=one))
    return state


def test_the_reasons_are_those_of_the_page() -> None:
    assert [*HOLDING] == [
        "Maximum iterations reached",
        "Time budget exhausted",
        "Performance plateau detected",
        "Target metric achieved",
        "Agent determined further improvement unlikely",
        "Too many consecutive failures",
    ]


def test_a_run_is_one_result_however_often_it_is_told() -> None:
    state = begun()
    for value, run in ((1.0, "a"), (2.0, "b"), (0.5, "a"), (3.0, None), (3.0, None)):
        told = events.Result(t=T0, result=result(value, run_id=run))
        state = machine.step(state, told)

    assert [(one.metrics["loss"], one.run_id) for one in state.experiments] == [
        (1.0, "a"), (2.0, "b"), (3.0, None), (3.0, None),
    ]  # fmt: skip
    assert (state.best_metric, state.current_iteration) == (1.0, 4)


@pytest.mark.parametrize("why", HOLDING)
def test_each_reason_ends_a_session(why: str) -> None:
    state = begun(target_metric_value=0.0)
    for name, value in HOLDING[why].items():
        setattr(state, name, value)

    assert machine.reason(state, T0) == why


@pytest.mark.parametrize("pair", list(itertools.combinations(HOLDING, 2)), ids=" before ".join)
def test_of_two_reasons_the_first_is_told(pair: tuple[str, str]) -> None:
    state = begun(target_metric_value=0.0)
    for name, value in {**HOLDING[pair[1]], **HOLDING[pair[0]]}.items():
        setattr(state, name, value)

    assert machine.reason(state, T0) == pair[0]


@pytest.mark.parametrize(
    ("given", "steps", "reason"),
    [
        ({"max_iterations": 2}, [3.0], None),
        ({"max_iterations": 2}, [3.0, 2.0], machine.ITERATIONS),
        ({"max_iterations": 2}, [None, None], machine.ITERATIONS),
        ({"time_budget": 2}, [3.0], None),
        ({"time_budget": 2}, [3.0, 2.0], machine.TIME),
        ({"plateau_threshold": 2}, [3.0, 3.0], None),
        ({"plateau_threshold": 2}, [3.0, 3.0, 4.0], machine.PLATEAU),
        ({"plateau_threshold": 2}, [3.0, 3.0, 2.0, 2.0], None),
        # Gains within the threshold do not add up to one as long as each is told from the last
        # reference: 100, 99.6 (0.4 %), 99.4 (0.6 %).
        ({"plateau_threshold": 2}, [100.0, 99.6, 99.4, 99.3], None),
        ({"plateau_threshold": 2}, [100.0, 99.6, 99.55], machine.PLATEAU),
        # A failure is an iteration, and neither an improvement nor the want of one.
        ({"plateau_threshold": 2}, [3.0, 3.0, None, None], None),
        ({"plateau_threshold": 2}, [3.0, 3.0, None, 3.0], machine.PLATEAU),
        # A success without the metric, or with NaN, is the want of one.
        ({"plateau_threshold": 2}, [3.0, math.nan, math.nan], machine.PLATEAU),
        ({"target_metric_value": 2.0}, [3.0, 2.1], None),
        ({"target_metric_value": 2.0}, [3.0, 2.0], machine.TARGET),
        ({"target_metric_value": 0.0}, [3.0, 0.0], machine.TARGET),
        ({"target_metric_value": 2.0, "direction": "maximize"}, [1.0, 1.5], None),
        ({"target_metric_value": 2.0, "direction": "maximize"}, [1.0, 2.5], machine.TARGET),
        ({"target_metric_value": 2.0, "direction": "maximize"}, [1.0, 2.0], machine.TARGET),
        ({}, [None] * 4, None),
        ({}, [None] * 5, machine.FAILURES),
        ({}, [None] * 4 + [1.0] + [None] * 4, None),
        ({"max_consecutive_failures": 1}, [None], machine.FAILURES),
    ],
)
def test_a_session_ends_when_its_rules_say_so(
    given: dict[str, Any], steps: list[float | None], reason: str | None
) -> None:
    state = added(begun(**given), *steps)

    assert state.termination_reason == reason
    assert state.end_time == (T0 + len(steps) if reason else None)


@pytest.mark.parametrize(
    ("steps", "best", "experiment", "reference"),
    [
        ([0.0], 0.0, "e0", 0.0),
        ([0.0, -1.0], -1.0, "e1", -1.0),
        ([None, 3.0], 3.0, "e1", 3.0),
        # A gain under the threshold is the best all the same.
        ([100.0, 99.9], 99.9, "e1", 100.0),
        ([100.0, 99.9, 99.9], 99.9, "e1", 100.0),
        ([math.nan, 3.0], 3.0, "e1", 3.0),
        ([3.0, math.nan], 3.0, "e0", 3.0),
    ],
)
def test_the_best_is_the_best_whatever_the_threshold(
    steps: list[float | None], best: float, experiment: str, reference: float
) -> None:
    state = added(begun(plateau_threshold=99), *steps)

    assert (state.best_metric, state.best_experiment) == (best, experiment)
    assert state.reference_metric == reference


def test_the_first_usual_metric_of_a_success_becomes_the_primary_one() -> None:
    state = begun(primary_metric=None)
    failed = ExperimentResult(experiment_name="a", iteration=0, metrics={"r2": 1}, success=False)
    odd = ExperimentResult(experiment_name="b", iteration=1, metrics={"speed": 1})
    usual = ExperimentResult(experiment_name="c", iteration=2, metrics={"mae": 4, "rmse": 6})

    for at, one in enumerate((failed, odd, usual)):
        state = machine.step(state, events.Result(t=T0 + at, result=one))

    assert (state.config.primary_metric, state.best_metric) == ("rmse", 6)
    assert state.iterations_without_improvement == 0


def test_a_pause_does_not_count() -> None:
    state = begun(time_budget=100)
    for at, kind in ((10, events.Pause), (500, events.Pause), (1000, events.Resume)):
        state = machine.step(state, kind(t=T0 + at))

    assert machine.elapsed(state, T0 + 1005) == 15
    assert machine.reason(state, T0 + 1089.9) is None
    assert machine.reason(state, T0 + 1090) == machine.TIME


def test_a_session_that_has_ended_stays_ended_for_the_same_reason() -> None:
    state = added(begun(plateau_threshold=1, time_budget=10), 3.0, 3.0)

    assert state.termination_reason == machine.PLATEAU
    assert machine.reason(state, T0 + 10_000) == machine.PLATEAU
    assert machine.elapsed(state, T0 + 10_000) == 2


def test_a_session_that_was_stopped_keeps_its_reason_whatever_follows() -> None:
    state = machine.step(begun(), events.Stop(t=T0 + 1))

    after = added(state, *[3.0] * 30)

    assert (after.termination_reason, after.end_time) == (machine.AGENT, T0 + 1)


def test_a_paused_session_goes_on_only_when_it_is_resumed() -> None:
    state = added(begun(plateau_threshold=1), 3.0)
    state = machine.step(state, events.Pause(t=T0 + 2))

    late = added(state, 3.0, 1.0)

    assert (late.termination_reason, late.is_paused, late.running_since) == (None, True, None)
    assert machine.elapsed(late, T0 + 99) == 2
    resumed = machine.step(late, events.Resume(t=T0 + 50))
    assert machine.elapsed(machine.step(resumed, events.Resume(t=T0 + 55)), T0 + 60) == 12


def test_time_never_goes_back() -> None:
    state = machine.step(begun(), events.Pause(t=T0 + 100))
    state = machine.step(state, events.Resume(t=T0 + 50))

    assert machine.elapsed(state, T0 + 150) == 150
    assert machine.elapsed(state, T0) == 100
    assert machine.step(state, events.Stop(t=T0 - 5)).end_time == T0 + 100


def test_a_budget_that_is_over_ends_a_session_at_whatever_happens_next() -> None:
    state = machine.step(begun(time_budget=10), events.Pause(t=T0 + 20))

    assert (state.termination_reason, state.end_time) == (machine.TIME, T0 + 20)


def test_what_is_told_of_a_session_is_kept_in_its_order() -> None:
    state = begun()
    said = [ConversationEntry(role="user", content=text) for text in ("first", "second")]
    thought = [HypothesisSet(iteration=at) for at in (1, 2)]
    for one in said:
        state = machine.step(state, events.Message(t=T0, entry=one))
    for each in thought:
        state = machine.step(state, events.Hypotheses(t=T0, hypotheses=each))
    state = machine.step(state, events.Phase(t=T0, phase=ExperimentPhase.COMPLETED))
    profile = DataProfile(
        n_rows=1, n_columns=0, columns=[], column_types={}, numeric_columns=[],
        categorical_columns=[], missing_values={}, missing_percentages={},
    )  # fmt: skip
    state = machine.step(state, events.Profile(t=T0, profile=profile))

    assert (state.conversation, state.hypotheses) == (said, thought)
    assert (state.phase, state.data_profile) == (ExperimentPhase.COMPLETED, profile)


def test_what_nobody_measures_is_no_plateau() -> None:
    state = begun(primary_metric=None)
    for at in range(5):
        odd = ExperimentResult(experiment_name="b", iteration=at, metrics={"speed": at})
        state = machine.step(state, events.Result(t=T0 + at, result=odd))

    assert (state.termination_reason, state.iterations_without_improvement) == (None, 0)


def test_a_result_is_what_it_was_when_it_was_added() -> None:
    one = result(3.0)
    state = machine.step(begun(), events.Result(t=T0 + 1, result=one))

    one.metrics["loss"] = -99.0
    one.preprocessing.scaling = "none"

    assert state.experiments[0] == result(3.0)


def test_a_result_that_is_better_after_all_brings_a_session_back() -> None:
    state = added(begun(plateau_threshold=1), 3.0, 3.0, 1.0)

    assert (state.termination_reason, state.end_time) == (None, None)
    assert machine.elapsed(state, T0 + 10) == 2 + 7


def test_an_agent_may_say_why_it_stops() -> None:
    plain = machine.step(begun(), events.Stop(t=T0 + 1))
    told = machine.step(begun(), events.Stop(t=T0 + 1, reason="the disk is full"))

    assert plain.termination_reason == machine.AGENT
    assert told.termination_reason == machine.AGENT
    assert told.stop_reason == "the disk is full"
    assert machine.step(told, events.Resume(t=T0 + 2)).termination_reason is None


def test_claims_are_open_until_they_are_released_or_made_anew() -> None:
    def claim(name: str, at: float) -> events.Claim:
        return events.Claim(t=T0 + at, claim_id=name, idea="deeper", ttl=60.0)

    state = begun()
    for one in (claim("a", 1), claim("b", 2), claim("a", 3), events.Release(t=T0, claim_id="b")):
        state = machine.step(state, one)

    assert state.claims == [claim("a", 3)]


def test_what_a_step_is_given_stays_as_it_is() -> None:
    state = begun()
    before = files.document(state)

    for one in (events.Result(t=T0 + 1, result=result(3.0)), events.Stop(t=T0 + 2)):
        machine.step(state, one)

    assert files.document(state) == before


NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20), st.floats(), st.sampled_from([0, 0.0, -1.0, 1.0, 1.004])
)
RESULTS = st.builds(
    ExperimentResult,
    experiment_name=st.text(max_size=5),
    iteration=st.integers(0, 9),
    metrics=st.dictionaries(st.sampled_from(["loss", "rmse", "f1", "x"]), NUMBERS, max_size=2),
    model_params=st.dictionaries(
        st.one_of(st.text(max_size=3), st.integers(), st.booleans(), st.none()),
        st.recursive(
            st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=3)),
            lambda inner: st.one_of(
                st.lists(inner, max_size=2),
                st.tuples(inner),
                st.dictionaries(st.text(max_size=2), inner, max_size=2),
            ),
            max_leaves=4,
        ),
        max_size=2,
    ),
    success=st.booleans(),
)
TIMES = st.floats(0, 10_000).map(lambda at: T0 + at)
SAID = st.builds(ConversationEntry, role=st.text(max_size=3), content=st.text(max_size=9))
IDEAS = st.text(min_size=1, max_size=4)
NAMES = st.sampled_from("abc")
THOUGHTS = st.builds(HypothesisSet, iteration=st.integers(0, 5))
KINDS = st.one_of(
    st.builds(events.Result, t=TIMES, result=RESULTS),
    st.builds(
        events.Retract,
        t=TIMES,
        experiment_name=st.text(max_size=1),
        iteration=st.integers(0, 1),
        metrics=st.dictionaries(st.just("loss"), st.sampled_from([1.0, math.nan]), max_size=1),
    ),
    st.builds(events.Pause, t=TIMES),
    st.builds(
        events.Resume,
        t=TIMES,
        max_iterations=st.none() | st.integers(1, 9),
        time_budget=st.none() | st.sampled_from([0, 100, 20_000.5, math.inf]),
        target_metric_value=st.none() | NUMBERS,
    ),
    st.builds(events.Stop, t=TIMES, reason=st.none() | st.text(max_size=5)),
    st.builds(events.Phase, t=TIMES, phase=st.sampled_from(ExperimentPhase)),
    st.builds(events.Message, t=TIMES, entry=SAID),
    st.builds(events.Hypotheses, t=TIMES, hypotheses=THOUGHTS),
    st.builds(events.Claim, t=TIMES, claim_id=NAMES, idea=IDEAS, ttl=st.floats(1, 99)),
    st.builds(events.Release, t=TIMES, claim_id=NAMES),
)
CONFIGS = st.builds(
    ExperimentConfig,
    goal=st.just("g"),
    primary_metric=st.sampled_from([None, "loss", "f1"]),
    plateau_threshold=st.integers(1, 4),
    improvement_threshold=st.sampled_from([0.0, 0.005, math.inf]),
    target_metric_value=st.none() | NUMBERS,
    time_budget=st.sampled_from([0, 100, math.inf]),
)


@given(CONFIGS, st.lists(KINDS, max_size=12))
def test_any_events_fold_to_the_state_of_adding_one_at_a_time(
    config: ExperimentConfig, happened: list[Event]
) -> None:
    start = events.Start(t=T0, session_id="abc", config=config)
    state = machine.begin(start)
    for one in happened:
        state.take(one)

    lines = [files.line(one) for one in (start, *happened)]
    first, *rest = [files.parse(line) for line in lines]

    assert isinstance(first, events.Start)
    folded = machine.folded(first, [one for one in rest if one])
    assert files.document(folded) == files.document(state)


@given(CONFIGS, st.lists(KINDS, max_size=8))
def test_what_is_saved_is_what_is_loaded(config: ExperimentConfig, happened: list[Event]) -> None:
    start = events.Start(t=T0, session_id="abc", config=config)
    state = machine.folded(start, happened)

    back = files.read(ExperimentState, files.document(state), "it")

    assert repr(back) == repr(state)


@given(st.sampled_from(["minimize", "maximize"]), st.lists(st.none() | NUMBERS, max_size=10))
def test_the_best_is_a_plain_max_over_the_successes(
    direction: str, values: list[float | None]
) -> None:
    state = added(begun(direction=direction, improvement_threshold=0.3), *values)

    real = [one for one in values if one is not None and not math.isnan(one)]
    best = (min if direction == "minimize" else max)(real, default=None)
    assert state.best_metric == best
