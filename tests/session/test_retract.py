"""git_exp.session.machine: a result that is taken back counts as an attempt that failed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_exp.session import events, files, machine
from git_exp.session.models import ExperimentConfig, ExperimentResult
from git_exp.session.state import ExperimentState

T0 = 1_700_000_000.0
METRIC = {"goal": "g", "primary_metric": "ms", "direction": "minimize"}


def result(at: int, value: float | None, *, run: str | None = None) -> ExperimentResult:
    return ExperimentResult(
        experiment_name=f"e{at}",
        iteration=at,
        metrics={} if value is None else {"ms": value},
        success=value is not None,
        run_id=run,
    )


def story(values: list[float | None], *more: events.Event, **given: Any) -> ExperimentState:
    """A session of these results, None for a failure, one a second, and of what happens then."""
    config = ExperimentConfig(**{**METRIC, **given})
    start = events.Start(t=T0, session_id="abc", config=config)
    told = [events.Result(t=T0 + at, result=result(at, one)) for at, one in enumerate(values)]
    return machine.folded(start, [*told, *more])


def retract(value: float | None = None, at: int = 1, **given: Any) -> events.Retract:
    metrics = {} if value is None else {"ms": value}
    return events.Retract(
        t=T0 + 90, experiment_name=f"e{at}", iteration=at, metrics=metrics, **given
    )


def measured(state: ExperimentState) -> tuple[Any, ...]:
    return (
        state.best_metric, state.best_experiment, state.reference_metric,
        state.iterations_without_improvement, state.consecutive_failures, state.current_iteration,
        state.termination_reason,
    )  # fmt: skip


VALUES = st.lists(st.none() | st.floats(-5, 5) | st.sampled_from([1, 2]), min_size=2, max_size=8)


@given(VALUES, st.sampled_from([0.0, 0.3]))
def test_all_that_was_measured_is_as_if_it_had_failed(
    values: list[float | None], threshold: float
) -> None:
    limits: dict[str, Any] = {"improvement_threshold": threshold, "plateau_threshold": 99}
    limits["max_consecutive_failures"] = 99

    found = story(values, retract(values[1]), **limits)

    failed = [None if at == 1 else one for at, one in enumerate(values)]
    assert measured(found) == measured(story(failed, **limits))
    assert len(found.experiments) == len(values)


def test_it_stays_among_the_results_with_why() -> None:
    state = story([9, 1e-5], retract(1e-5, reason="the test data leaked"))

    back = state.experiments[1]
    assert (back.success, back.error_message) == (False, "retracted: the test data leaked")
    assert back.metrics == {"ms": 1e-5}
    assert story([9, 1], retract(1)).experiments[1].error_message == "retracted"


def test_a_plateau_that_a_wrong_best_made_is_none() -> None:
    over = story([9, 1e-5, 8, 7, 6])
    assert over.termination_reason == machine.PLATEAU

    on = machine.step(over, retract(1e-5))

    assert (on.termination_reason, on.end_time) == (None, None)
    assert (on.best_metric, on.iterations_without_improvement) == (6, 0)
    assert over.experiments[1].success, "a step leaves the state that it is given as it is"


def test_a_target_that_was_reached_by_it_is_not_reached() -> None:
    over = story([9, 1], target_metric_value=2)
    assert over.termination_reason == machine.TARGET

    assert machine.step(over, retract(1)).termination_reason is None


def test_a_run_is_taken_back_by_its_id_alone() -> None:
    same = [result(1, 5, run="a" * 8), result(1, 4, run="b" * 8), result(1, 3)]
    told = [events.Result(t=T0 + at, result=one) for at, one in enumerate(same)]

    state = story([], *told, events.Retract(t=T0 + 9, run_id="b" * 8))
    assert [one.success for one in state.experiments] == [True, False, True]

    state = machine.step(state, retract(3).but(t=T0 + 10))
    assert [one.success for one in state.experiments] == [True, False, False]


def test_what_failed_keeps_why_it_did() -> None:
    failed = events.Result(t=T0, result=result(1, None).but(error_message="no memory"))

    assert story([], failed, retract()).experiments[0].error_message == "no memory"


def test_what_is_claimed_since_stays_claimed() -> None:
    tried = events.Result(t=T0 + 1, result=result(1, 3).but(hypothesis="go deep"))
    claim = events.Claim(t=T0 + 2, claim_id="c", idea="go deep", ttl=500.0)

    state = story([], tried, claim, retract(3))

    assert [one.claim_id for one in state.claims] == ["c"]


FOUND = st.lists(
    st.sampled_from([{"foo": 1.0}, {"rmse": 3.0}, {"rmse": 2.0, "mae": 1.0}, {"mae": 9.0}]),
    min_size=2,
    max_size=6,
)


@given(FOUND, st.integers(0, 1))
def test_a_metric_that_was_found_in_it_alone_is_not_known(
    metrics: list[dict[str, int | float]], back: int
) -> None:
    """What nobody measured before was no plateau, and is none afterwards."""
    config = ExperimentConfig(goal="g", plateau_threshold=99)
    start = events.Start(t=T0, session_id="abc", config=config)
    every = [result(at, None).but(metrics=one, success=True) for at, one in enumerate(metrics)]
    failed = [one.but(success=at != back) for at, one in enumerate(every)]

    def told(results: list[ExperimentResult]) -> list[events.Event]:
        return [events.Result(t=T0 + at, result=one) for at, one in enumerate(results)]

    event = retract(at=back).but(metrics=metrics[back])
    found = machine.folded(start, [*told(every), event])

    expected = machine.folded(start, told(failed))
    assert found.config.primary_metric == expected.config.primary_metric
    assert found.metric_was_found == expected.metric_was_found
    assert measured(found) == measured(expected)


def test_of_two_results_of_one_name_one_is_taken_back() -> None:
    """Two clones may have called two results the same, and one may have been told anew."""
    told = [events.Result(t=T0 + at, result=result(2, value)) for at, value in enumerate((1e-4, 2))]
    nan = events.Result(t=T0 + 2, result=result(2, float("nan")))

    state = story([], *told, nan, retract(1e-4, at=2))
    assert [one.success for one in state.experiments] == [False, True, True]
    assert state.best_metric == 2
    state = machine.step(state, retract(float("nan"), at=2))
    assert [one.success for one in state.experiments] == [False, True, False]
    again = machine.step(state, events.Result(t=T0 + 99, result=result(2, 3)))
    assert machine.step(again, retract(1e-4, at=2)).experiments[-1].success


def test_what_is_no_result_changes_nothing() -> None:
    state = story([9, 8])

    after = machine.step(state, retract(7))

    assert after.experiments is state.experiments
    assert measured(after) == measured(state)


@pytest.mark.parametrize("reason", [None, "leaked"])
def test_an_event_is_a_line_and_back(reason: str | None) -> None:
    event = retract(3, reason=reason, by="bo")

    assert files.parse(files.line(event)) == event
