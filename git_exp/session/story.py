"""How `git log` tells the story of a session: each event as the message of a commit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from git_exp import errors, table, visible
from git_exp.session import events, files, machine, standing
from git_exp.session.events import Event
from git_exp.session.models import ExperimentResult, HypothesisSet
from git_exp.session.state import ExperimentState

_SUBJECT = 72
_TRAILER = "Exp-Run"


def message(event: Event, after: ExperimentState) -> str:
    """The message of the commit of an event: a line, what it ends, and the run that it is of."""
    run = event.result.run_id if isinstance(event, events.Result) else None
    ended = after.termination_reason if after.end_time == event.t else None
    parts = [
        _cut(_subject(event, after)),
        f"The session ends: {_line(ended)}" if ended else "",
        f"{_TRAILER}: {_line(run)}" if run else "",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def merged(count: int) -> str:
    """The message of the commit in which two histories of a session meet."""
    return f"merge {count} event{'s' * (count != 1)}\n"


def told(lines: Sequence[bytes]) -> Iterator[tuple[Event, str]]:
    """Each event of a session that can be read, with the line that tells of it."""
    state: ExperimentState | None = None
    for line in lines:
        with suppress(errors.BadField):
            event = files.parse(line)
            if event is None:
                continue
            if isinstance(event, events.Start):
                state = machine.begin(event)
            elif state is not None:
                state = machine.step(state, event)
            if state is not None:
                yield event, subject(event, state)


def subject(event: Event, after: ExperimentState) -> str:
    """What an event was, in one line."""
    return _line(_subject(event, after))


def _subject(event: Event, after: ExperimentState) -> str:
    match event:
        case events.Start():
            return f"start: {event.config.goal or _data(after)}"
        case events.Result():
            return f"iteration {after.current_iteration}: {_told(event.result, after)}"
        case events.Retract():
            return _retracted(event, after)
        case events.Profile():
            return f"profile: {event.profile.n_rows} rows, {event.profile.n_columns} columns"
        case events.Phase():
            return f"phase: {event.phase.value}"
        case events.Hypotheses():
            return _hypotheses(event.hypotheses)
        case events.Message():
            return f"{event.entry.role}: {event.entry.content}"
        case events.Claim():
            return f"claim: {event.idea}"
        case events.Release():
            return f"release: {event.idea or event.claim_id}"
    return _word(event, after)


def _word(event: Event, after: ExperimentState) -> str:
    if isinstance(event, events.Stop):
        return f"stop: {event.reason or machine.AGENT}"
    if isinstance(event, events.Resume):
        limits = [f"{name} {table.number(value)}" for name, value in event.limits.items()]
        return f"resume: {', '.join(limits)}" if limits else "resume"
    return "pause"


def _hypotheses(told: HypothesisSet) -> str:
    top, count = told.get_top_hypothesis(), len(told.hypotheses)
    if top is None:
        return "hypothesis: none"
    head = "hypothesis" if count == 1 else f"{count} hypotheses, first"
    return f"{head}: {top.statement}"


def _data(state: ExperimentState) -> str:
    return f"{state.config.target_column} of {state.config.data_path}"


def _told(result: ExperimentResult, after: ExperimentState) -> str:
    if not result.success:
        why = f": {result.error_message}" if result.error_message else ""
        return f"failed, {result.experiment_name}{why}"
    metric = after.config.primary_metric
    value = result.metrics.get(metric) if metric else None
    if value is None:
        return f"no {metric or 'metric'}, {result.experiment_name}"
    best = standing.best_result(after) is after.experiments[-1]
    shown = f"{table.number(value)}{' (best)' if best else ''}"
    return f"{metric} {shown}, {result.experiment_name}"


def _retracted(event: events.Retract, after: ExperimentState) -> str:
    named = next((one.experiment_name for one in after.experiments if event.is_of(one)), None)
    what = named or event.experiment_name or event.run_id or "nothing"
    return f"retract: {what}{f': {event.reason}' if event.reason else ''}"


def _line(text: str) -> str:
    return visible.escape(" ".join(text.split()))


def _cut(text: str) -> str:
    line = _line(text)
    return line if len(line) <= _SUBJECT else f"{line[: _SUBJECT - 3]}..."
