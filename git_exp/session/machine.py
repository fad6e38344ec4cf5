"""The whole machine: a state and what happens make the next state. No clock, no disk."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import TYPE_CHECKING, Any

from git_exp.session import events, rules
from git_exp.session.events import Event
from git_exp.session.models import Direction, ExperimentConfig, ExperimentResult

if TYPE_CHECKING:
    from git_exp.session.state import ExperimentState

ITERATIONS = "Maximum iterations reached"
TIME = "Time budget exhausted"
PLATEAU = "Performance plateau detected"
TARGET = "Target metric achieved"
AGENT = "Agent determined further improvement unlikely"
FAILURES = "Too many consecutive failures"


def begin(event: events.Start) -> ExperimentState:
    """The state of a session that begins: time runs."""
    from git_exp.session.state import ExperimentState

    return ExperimentState(
        session_id=event.session_id,
        config=event.config,
        start_time=event.t,
        running_since=event.t,
        updated_at=event.t,
    )


def step(state: ExperimentState, event: Event) -> ExperimentState:
    """The state after an event; that before stays as it is, and shares what did not change.

    What is told of a time before the latest event happens at that one: time never goes back.
    """
    now = max(event.t, state.updated_at)
    return _settled(_happened(state, event, now), now).but(updated_at=now)


def _happened(state: ExperimentState, event: Event, now: float) -> ExperimentState:
    match event:
        case events.Result():
            return state if _is_known(state, event.result) else _added(state, event.result)
        case events.Retract():
            return _retracted(state, event)
        case events.Stop():
            return state.but(agent_recommends_stop=True, stop_reason=event.reason)
        case events.Pause():
            return _halted(state, now).but(is_paused=True)
        case events.Resume():
            return _resumed(state, event, now)
        case events.Profile():
            return state.but(data_profile=event.profile)
        case events.Phase():
            return state.but(phase=event.phase)
        case events.Hypotheses() | events.Message():
            return _said(state, event)
        case events.Claim() | events.Release():
            return state.but(claims=_claimed(state, event, now))
    return state


def folded(first: events.Start, rest: Iterable[Event]) -> ExperimentState:
    """The state after a start and all that happened then."""
    return reduce(step, rest, begin(first))


def elapsed(state: ExperimentState, now: float) -> float:
    """Seconds that a session ran: no pause counts, and nothing after its end."""
    running = 0.0 if state.running_since is None else max(0.0, now - state.running_since)
    return state.elapsed_before + running


def spent(state: ExperimentState, now: float) -> float:
    """The same, but for what passed since its budget was spent while nothing happened."""
    latest = elapsed(state, state.updated_at)
    return min(elapsed(state, now), max(latest, state.config.time_budget))


def reason(state: ExperimentState, now: float) -> str | None:
    """Why a session is to stop, the first of all that hold; None: it goes on."""
    if state.termination_reason:
        return state.termination_reason
    config = state.config
    holds = (
        (state.current_iteration >= config.max_iterations, ITERATIONS),
        (elapsed(state, now) >= config.time_budget, TIME),
        (state.iterations_without_improvement >= config.plateau_threshold, PLATEAU),
        (_is_reached(state), TARGET),
        (state.agent_recommends_stop, AGENT),
        (state.consecutive_failures >= config.max_consecutive_failures, FAILURES),
    )
    return next((why for is_so, why in holds if is_so), None)


def direction(config: ExperimentConfig) -> Direction:
    """Which way the primary metric is better: as said, or as its name tells."""
    return config.direction or rules.direction_of(config.primary_metric or "")[0]


def _said(state: ExperimentState, event: events.Hypotheses | events.Message) -> ExperimentState:
    if isinstance(event, events.Hypotheses):
        return state.but(hypotheses=[*state.hypotheses, event.hypotheses])
    entries = [*state.gemini_conversation_history, event.entry]
    return state.but(gemini_conversation_history=entries)


def _resumed(state: ExperimentState, event: events.Resume, now: float) -> ExperimentState:
    """What is to go on, under the limits that it has now: no other end of before counts."""
    return state.but(
        elapsed_before=spent(state, now),
        running_since=None,
        is_paused=False,
        agent_recommends_stop=False,
        stop_reason=None,
        termination_reason=None,
        config=state.config.but(**event.limits),
    )


def _claimed(
    state: ExperimentState, event: events.Claim | events.Release, now: float
) -> list[events.Claim]:
    """What is claimed then: of claims that ran out the others may make their own."""
    left = [one for one in state.claims if one.claim_id != event.claim_id]
    if isinstance(event, events.Release):
        return left
    return [*(one for one in left if one.t + one.ttl > now), event]


def is_same(idea: str, other: str) -> bool:
    """Whether two ideas are one, but for blanks and case."""
    return " ".join(idea.split()).casefold() == " ".join(other.split()).casefold()


def _is_reached(state: ExperimentState) -> bool:
    best, target = state.best_metric, state.config.target_metric_value
    if best is None or target is None:
        return False
    return rules.reaches(best, target, direction(state.config))


def _is_known(state: ExperimentState, result: ExperimentResult) -> bool:
    """Whether it is of a run that is a result already: two clones may have told of one."""
    run = result.run_id
    return run is not None and run in [one.run_id for one in state.experiments]


def _added(state: ExperimentState, result: ExperimentResult) -> ExperimentState:
    told = state.but(
        experiments=[*state.experiments, result],
        claims=[one for one in state.claims if not is_same(one.idea, result.hypothesis)],
    )
    return _counted(told, result)


def _counted(state: ExperimentState, result: ExperimentResult) -> ExperimentState:
    return state.but(
        current_iteration=state.current_iteration + 1,
        consecutive_failures=0 if result.success else state.consecutive_failures + 1,
        **(_measured(state, result) if result.success else {}),
    )


def _retracted(state: ExperimentState, event: events.Retract) -> ExperimentState:
    """The state had what is taken back failed from the beginning: it stays an attempt."""
    if not any(one.success and event.is_of(one) for one in state.experiments):
        return state
    why = f"retracted: {event.reason}" if event.reason else "retracted"
    results = [
        one.but(success=False, error_message=why) if one.success and event.is_of(one) else one
        for one in state.experiments
    ]
    config = state.config.but(primary_metric=None) if state.metric_was_found else state.config
    blank = state.but(
        experiments=results,
        config=config,
        metric_was_found=False,
        current_iteration=0,
        consecutive_failures=0,
        iterations_without_improvement=0,
        best_metric=None,
        best_experiment=None,
        reference_metric=None,
    )
    return reduce(_counted, results, blank)


def _measured(state: ExperimentState, result: ExperimentResult) -> dict[str, Any]:
    """What a success changes, against the best and against the reference of the plateau."""
    config = state.config
    found: dict[str, Any] = {}
    if config.primary_metric is None:
        usual = rules.usual_metric(config.task_type, result.metrics)
        if usual is None:
            # What nobody measures is no plateau.
            return found
        config = config.but(primary_metric=usual)
        found = {"config": config, "metric_was_found": True}
    value = result.metrics.get(config.primary_metric or "", float("nan"))
    way = direction(config)
    if rules.is_better(value, state.best_metric, way):
        found |= {"best_metric": value, "best_experiment": result.experiment_name}
    if rules.improves(value, state.reference_metric, way, by=config.improvement_threshold):
        return found | {"reference_metric": value, "iterations_without_improvement": 0}
    return found | {"iterations_without_improvement": state.iterations_without_improvement + 1}


def _settled(state: ExperimentState, now: float) -> ExperimentState:
    """Whether a session is over: it stays so for its first reason, as long as any holds."""
    fresh = state.but(termination_reason=None, end_time=None)
    why = reason(fresh, now)
    if why is None:
        return fresh if fresh.is_paused else _running(fresh, now)
    ended = now if state.end_time is None else state.end_time
    return _halted(fresh, now).but(
        termination_reason=state.termination_reason or why, end_time=ended
    )


def _halted(state: ExperimentState, now: float) -> ExperimentState:
    return state.but(elapsed_before=elapsed(state, now), running_since=None)


def _running(state: ExperimentState, now: float) -> ExperimentState:
    return state.but(running_since=now) if state.running_since is None else state
