"""The line that `git log` shows of each event of a session."""

from __future__ import annotations

import pytest

from git_exp.session import (
    ConversationEntry,
    DataProfile,
    ExperimentConfig,
    ExperimentPhase,
    ExperimentResult,
    Hypothesis,
    HypothesisSet,
    events,
    machine,
    story,
)
from git_exp.session.events import Event

T0 = 1_700_000_000.0
DATA = ExperimentConfig(data_path="d.csv", target_column="y", task_type="regression")  # type: ignore[arg-type]
TOP = Hypothesis(hypothesis_id="h1", statement="go\ndeeper")
PROFILE = DataProfile(
    n_rows=3, n_columns=2, columns=[], column_types={}, numeric_columns=[],
    categorical_columns=[], missing_values={}, missing_percentages={},
)  # fmt: skip
FAILED = ExperimentResult(experiment_name="a", iteration=0, success=False)
NO_MEMORY = ExperimentResult(
    experiment_name="a", iteration=0, success=False, error_message="no\nmemory " + "x" * 99
)
UNMEASURED = ExperimentResult(experiment_name="a", iteration=0, metrics={"speed": 1})
RATED = ExperimentResult(experiment_name="a", iteration=0, metrics={"rmse": 2, "speed": 1})


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (events.Start(t=T0, session_id="abc", config=DATA), "start: y of d.csv"),
        (events.Profile(t=T0, profile=PROFILE), "profile: 3 rows, 2 columns"),
        (events.Phase(t=T0, phase=ExperimentPhase.CODE_GENERATION), "phase: code_generation"),
        (events.Hypotheses(t=T0, hypotheses=HypothesisSet(iteration=1, hypotheses=[TOP])),
         "hypothesis: go deeper"),
        (events.Hypotheses(t=T0, hypotheses=HypothesisSet(iteration=1)), "hypothesis: none"),
        (events.Message(t=T0, entry=ConversationEntry(role="user", content="a\x1b[1m")),
         "user: a^[[1m"),
        (events.Claim(t=T0, claim_id="c", idea="unroll", ttl=9.0), "claim: unroll"),
        (events.Release(t=T0, claim_id="c"), "release: c"),
        (events.Release(t=T0, claim_id="c", idea="unroll"), "release: unroll"),
        (events.Pause(t=T0), "pause"),
        (events.Retract(t=T0, experiment_name="b\x07", reason="it leaked"),
         "retract: b^G: it leaked"),
        (events.Retract(t=T0, run_id="1234"), "retract: 1234"),
        (events.Resume(t=T0), "resume"),
        (events.Resume(t=T0, max_iterations=40, time_budget=7200.0),
         "resume: max_iterations 40, time_budget 7200"),
        (events.Stop(t=T0, reason="no disk"), "stop: no disk"),
        (events.Result(t=T0, result=FAILED), "iteration 1: failed, a"),
        (events.Result(t=T0, result=NO_MEMORY),
         "iteration 1: failed, a: no memory " + "x" * 35 + "..."),
        (events.Result(t=T0, result=UNMEASURED), "iteration 1: no metric, a"),
        (events.Result(t=T0, result=RATED), "iteration 1: rmse 2 (best), a"),
    ],
)  # fmt: skip
def test_each_event_is_a_line(event: Event, line: str) -> None:
    before = machine.begin(events.Start(t=T0, session_id="abc", config=DATA))
    after = machine.step(before, event)

    assert story.message(event, after).split("\n")[0] == line
    assert len(line) <= 72


def test_a_merge_says_how_many_events_it_brings() -> None:
    assert [story.merged(count) for count in (1, 2)] == ["merge 1 event\n", "merge 2 events\n"]
