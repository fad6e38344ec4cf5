"""git exp session resume: a session that came to its end goes on, under other limits."""

from __future__ import annotations

import json
import shlex

import pytest

from tests.cli.conftest import Ask, Git_
from tests.conftest import Clock

pytestmark = pytest.mark.usefixtures("repo")
BEGIN = ("session", "start", "--goal", "a faster kernel", "--metric", "ms", "--direction",
         "minimize", "--id", "loop")  # fmt: skip


def record(ask: Ask, *values: str) -> None:
    for one in values:
        given = ("--error", "broken") if one == "failed" else ("--metric", f"ms={one}")
        ask("session", "record", *given)


@pytest.mark.parametrize(
    ("limits", "values", "why", "hint"),
    [
        (("--max-iterations", "2"), "9 8", "Maximum iterations reached", "--max-iterations 4"),
        (("--plateau", "2"), "9 9 9", "Performance plateau detected", "--plateau 4"),
        (("--max-failures", "1"), "failed", "Too many consecutive failures", "--max-failures 2"),
        (("--time-budget", "90"), "9", "Time budget exhausted", "--time-budget 180"),
        (("--time-budget", "0"), "", "Time budget exhausted", "--time-budget 60"),
    ],
)
def test_it_says_what_it_takes_to_go_on_and_that_does(
    limits: tuple[str, ...], values: str, why: str, hint: str, ask: Ask, clock: Clock
) -> None:
    ask(*BEGIN, *limits)
    record(ask, *values.split())
    clock.move(1_000)

    said = ask("session", "resume", code=1)

    command = f"git exp session resume -s loop {hint}"
    assert (said.out, said.err) == ("", f"it does not go on: {why}\nhint: {command}\n")
    assert ask("session", "next", code=1).out == f"{why}\n"
    ask(*shlex.split(command)[2:])
    assert ask("session", "next").out.startswith("iteration ")


def test_a_target_that_was_reached_can_be_another(ask: Ask) -> None:
    ask(*BEGIN, "--target-value", "5")
    record(ask, "5")

    said = ask("session", "resume", code=1)
    assert said.err.endswith("hint: git exp session resume -s loop --target-value NUMBER\n")
    ask("session", "resume", "--target-value", "4.5")

    assert ask("session", "next").out == "iteration 2 of 20\n"
    assert json.loads(ask("session", "status", "--json").out)["target_value"] == 4.5


def test_a_new_limit_is_told_in_the_story_and_to_a_program(ask: Ask, git: Git_) -> None:
    ask(*BEGIN, "--max-iterations", "1")
    record(ask, "9")

    said = json.loads(ask("session", "resume", "--max-iterations", "9", "--json").out)

    assert (said["max_iterations"], said["go_on"]) == (9, True)
    assert said["event"]["max_iterations"] == 9
    assert git("log", "-1", "--format=%s", "refs/sessions/loop") == "resume: max_iterations 9"
    assert "resume: max_iterations 9" in ask("session", "log").out


def test_a_running_session_can_be_given_other_limits(ask: Ask) -> None:
    ask(*BEGIN)
    record(ask, "9", "8")

    said = ask("session", "resume", "--max-iterations", "2")

    assert said.out == "resume: max_iterations 2\n"
    assert said.err == "the session ends: Maximum iterations reached\n"
    assert ask("session", "next", code=1).out == "Maximum iterations reached\n"


def test_a_limit_that_does_not_help_is_not_written(ask: Ask, git: Git_) -> None:
    ask(*BEGIN, "--max-iterations", "2")
    record(ask, "9", "8")
    ask("session", "start", "--goal", "another", "--id", "other")
    before = git("rev-parse", "refs/sessions/loop")

    said = ask("session", "resume", "-s", "loop", "--max-iterations", "1", code=1)

    assert said == (
        "",
        "it does not go on: Maximum iterations reached\n"
        "hint: git exp session resume -s loop --max-iterations 3\n",
    )
    told = json.loads(ask("session", "resume", "-s", "loop", "--json", code=1).out)
    assert (told["event"], told["go_on"]) == (None, False)
    assert git("rev-parse", "refs/sessions/loop") == before


def test_all_that_it_takes_is_said_at_once(ask: Ask) -> None:
    ask(*BEGIN, "--max-iterations", "3", "--plateau", "2", "--time-budget", "2h")
    record(ask, "9", "9", "9")

    said = ask("session", "resume", "--time-budget", "90m", code=1)

    hint = "git exp session resume -s loop --time-budget 5400 --max-iterations 6 --plateau 4"
    assert said.err == f"it does not go on: Maximum iterations reached\nhint: {hint}\n"
    ask(*shlex.split(hint)[2:])
    assert ask("session", "next").out == "iteration 4 of 6\n"


def test_what_holds_it_is_named_and_not_that_it_was_stopped(ask: Ask, git: Git_) -> None:
    ask(*BEGIN, "--max-iterations", "1")
    ask("session", "stop")
    record(ask, "9")
    before = git("rev-parse", "refs/sessions/loop")

    said = ask("session", "resume", code=1)

    assert said.err == (
        "it does not go on: Maximum iterations reached\n"
        "hint: git exp session resume -s loop --max-iterations 2\n"
    )
    assert git("rev-parse", "refs/sessions/loop") == before


def test_limits_as_they_are_change_nothing(ask: Ask, git: Git_) -> None:
    ask(*BEGIN, "--time-budget", "2h")
    before = git("rev-parse", "refs/sessions/loop")

    said = ask("session", "resume", "--time-budget", "7200", "--max-iterations", "20")

    assert said.err == "it goes on already\n"
    assert git("rev-parse", "refs/sessions/loop") == before


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--max-iterations", "0"), "error: --max-iterations: expected int >= 1, got 0\nhint: "),
        (("--plateau", "-1"), "error: --plateau: expected int >= 1, got -1\nhint: "),
        (("--max-failures", "0"), "error: --max-failures: expected int >= 1, got 0\nhint: "),
        (("--time-budget", "-5"), "error: --time-budget: expected float >= 0.0, got -5.0\nhint: "),
        (("--time-budget", "soon"), "error: invalid value for '--time-budget': 'soon'"),
        (("--max-iterations", "x"), "error: invalid value for '--max-iterations': 'x'"),
        (("--target-value", "high"), "error: invalid value for '--target-value': 'high'"),
    ],
)
def test_what_is_no_limit_is_refused_and_nothing_is_written(
    given: tuple[str, ...], said: str, ask: Ask, git: Git_
) -> None:
    ask(*BEGIN)
    ask("session", "pause")
    before = git("rev-parse", "refs/sessions/loop")

    found = ask("session", "resume", *given, code=2)

    assert (found.out, found.err[: len(said)]) == ("", said)
    assert git("rev-parse", "refs/sessions/loop") == before
