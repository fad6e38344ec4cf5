"""git_exp.brief.recorded: what a session was told without a run, as runs."""

from __future__ import annotations

from typing import Any

from git_exp import records
from git_exp.brief import recorded
from git_exp.session import events, files, machine
from git_exp.session.history import Session
from git_exp.session.models import ExperimentConfig, ExperimentResult

T0 = 1_700_000_000.0


def result(name: str, *, run: str | None = None, **given: Any) -> ExperimentResult:
    return ExperimentResult(
        experiment_name=name, iteration=1, run_id=run, metrics={"ms": 5.0}, **given
    )


def session(*results: ExperimentResult) -> Session:
    """A session in which each result was told a minute after the one before."""
    config = ExperimentConfig(goal="g", primary_metric="ms")
    start = events.Start(t=T0, session_id="loop", config=config)
    told = [events.Result(t=T0 + 60 * at, result=one) for at, one in enumerate(results, 1)]
    lines = [files.line(one) for one in (start, *told)]
    state = machine.folded(start, told)
    return Session(id="loop", commit="", lines=lines, state=state)


def moment(seconds: float) -> str:
    return records.stamp(round((T0 + seconds) * 1_000_000))


def test_each_has_the_time_at_which_it_was_told() -> None:
    """Results of runs between them, failures and lines that cannot be read, change nothing."""
    found = session(
        result("first", run="1" * 8),
        result("hand", execution_time=15.0),
        result("broken", success=False),
        result("other", run="2" * 8),
        result("last"),
    )
    damaged = Session(
        id="loop", commit="", lines=[*found.lines[:1], b"{\n", *found.lines[1:]], state=found.state
    )

    for one in (found, damaged):
        told = recorded.runs(one)
        assert [(run.name, run.started, run.ended) for run in told] == [
            ("hand", moment(105), moment(120)),
            ("last", moment(300), moment(300)),
        ]


def test_where_each_has_a_run_there_is_none() -> None:
    assert recorded.runs(session(result("first", run="1" * 8))) == []
