"""git_exp.session.machine: a session that goes on, with other limits or without."""

from __future__ import annotations

from typing import Any

import pytest

from git_exp import errors
from git_exp.session import events, files, machine
from git_exp.session.models import ExperimentConfig, ExperimentPhase, ExperimentResult
from git_exp.session.state import ExperimentState

T0 = 1_700_000_000.0


def ended(values: list[float | None], **given: Any) -> ExperimentState:
    """A session of these results, None for a failure, one a second."""
    config = ExperimentConfig(goal="g", primary_metric="ms", direction="minimize", **given)
    state = machine.begin(events.Start(t=T0, session_id="abc", config=config))
    for at, value in enumerate(values, 1):
        metrics = {} if value is None else {"ms": value}
        one = ExperimentResult(
            experiment_name=str(at), iteration=at, metrics=metrics, success=value is not None
        )
        state = machine.step(state, events.Result(t=T0 + at, result=one))
    return state


def resumed(state: ExperimentState, at: float, **limits: float) -> ExperimentState:
    return machine.step(state, events.Resume(t=T0 + at, **limits))  # type: ignore[arg-type]


ENDS: list[tuple[str, dict[str, Any], list[float | None], str, float]] = [
    (machine.ITERATIONS, {"max_iterations": 2}, [9, 8], "max_iterations", 3),
    (machine.TIME, {"time_budget": 1}, [9], "time_budget", 2),
    (machine.PLATEAU, {"plateau_threshold": 1}, [9, 9], "plateau_threshold", 2),
    (machine.TARGET, {"target_metric_value": 5}, [5], "target_metric_value", 4),
    (machine.FAILURES, {"max_consecutive_failures": 1}, [None], "max_consecutive_failures", 2),
]


@pytest.mark.parametrize(("why", "config", "values", "limit", "enough"), ENDS)
def test_a_session_that_came_to_a_limit_goes_on_when_that_is_another(
    why: str, config: dict[str, Any], values: list[float | None], limit: str, enough: float
) -> None:
    state = ended(values, **config)
    assert (state.termination_reason, machine.reason(state, T0 + 9)) == (why, why)

    again = resumed(state, 9)
    assert (again.termination_reason, again.running_since) == (why, None)
    same = resumed(state, 9, **{limit: config[limit]})
    assert (same.termination_reason, same.config) == (why, state.config)

    on = resumed(state, 9, **{limit: enough})
    assert (on.termination_reason, on.end_time) == (None, None)
    assert on.running_since == T0 + 9
    assert getattr(on.config, limit) == enough
    assert getattr(state.config, limit) == config[limit]


def test_whatever_else_holds_is_the_reason_then() -> None:
    state = ended([9, 9], max_iterations=2, plateau_threshold=1)
    assert state.termination_reason == machine.ITERATIONS

    assert resumed(state, 9, max_iterations=5).termination_reason == machine.PLATEAU
    both = resumed(state, 9, plateau_threshold=5, max_iterations=3)
    assert both.termination_reason is None


def test_one_that_its_agent_stopped_at_a_limit_takes_both_back() -> None:
    state = machine.step(ended([9], max_iterations=1), events.Stop(t=T0 + 2, reason="enough"))

    on = resumed(state, 3, max_iterations=2)

    assert (on.termination_reason, on.stop_reason, on.agent_recommends_stop) == (None, None, False)


def test_a_running_session_can_be_given_less() -> None:
    state = resumed(ended([9, 8]), 5, max_iterations=2)

    assert (state.termination_reason, state.end_time) == (machine.ITERATIONS, T0 + 5)
    assert machine.elapsed(state, T0 + 99) == 5


def test_the_time_after_a_budget_was_spent_is_nobodys() -> None:
    """A loop that ran out of time in the evening is given two hours more in the morning."""
    state = ended([9], time_budget=100)
    assert (state.termination_reason, machine.reason(state, T0 + 50_000)) == (None, machine.TIME)

    on = resumed(state, 50_000, time_budget=300)

    assert machine.elapsed(on, T0 + 50_000) == 100
    assert machine.reason(on, T0 + 50_199) is None
    assert machine.reason(on, T0 + 50_200) == machine.TIME


def test_what_was_spent_stays_spent_whatever_budget_there_was_between() -> None:
    state = ended([9], time_budget=3_600)
    state = machine.step(state, events.Phase(t=T0 + 3_000, phase=ExperimentPhase.FAILED))

    over = resumed(state, 3_000, time_budget=60)
    on = resumed(over, 3_001, time_budget=3_600)

    assert over.termination_reason == machine.TIME
    assert machine.elapsed(on, T0 + 3_001) == 3_000


def test_going_on_while_it_goes_on_costs_no_time() -> None:
    on = resumed(ended([9]), 40)

    assert machine.elapsed(on, T0 + 50) == 50


@pytest.mark.parametrize(
    ("limit", "value"),
    [("max_iterations", 0), ("time_budget", -1.0), ("plateau_threshold", 0),
     ("max_consecutive_failures", 0), ("max_iterations", 1.5)],
)  # fmt: skip
def test_no_limit_is_one_that_a_session_cannot_begin_with(limit: str, value: float) -> None:
    with pytest.raises(errors.BadField, match=f"Resume.{limit}: expected"):
        resumed(ended([]), 1, **{limit: value})


def test_a_line_has_the_limits_that_are_others_and_no_more() -> None:
    plain = files.line(events.Resume(t=T0))
    more = files.line(events.Resume(t=T0, max_iterations=40))

    assert b"max_iterations" not in plain
    assert more.endswith(b'"event":"resume","max_iterations":40}\n')
    assert files.parse(more) == events.Resume(t=T0, max_iterations=40)
