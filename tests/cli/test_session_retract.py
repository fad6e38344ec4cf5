"""git exp session retract: a result that was wrong counts no more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from git_exp.session import adoption
from tests.cli.conftest import Ask, Git_, Runs
from tests.conftest import Exp

pytestmark = pytest.mark.usefixtures("repo")


@pytest.fixture
def loop(ask: Ask) -> str:
    ask("session", "start", "--goal", "g", "--metric", "ms", "--direction", "minimize",
        "--plateau", "3", "--id", "loop")  # fmt: skip
    return "loop"


def record(ask: Ask, **values: float) -> None:
    for name, value in values.items():
        ask("session", "record", "-n", name, "--metric", f"ms={value}")


def add(ask: Ask, runs: Runs, name: str, value: float) -> str:
    """A run of the session; its id."""
    run_id = runs.add(name, metrics={"ms": [value]})
    ask("session", "record", "--run", run_id)
    return run_id


def status(ask: Ask) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ask("session", "status", "--json").out)
    return found


def test_a_result_without_a_run_is_taken_back_by_its_name(loop: str, ask: Ask, git: Git_) -> None:
    record(ask, first=9, wrong=0.001, a=8, b=7)
    assert ask("session", "record", "-n", "c", "--metric", "ms=6").err == (
        "the session ends: Performance plateau detected\n"
    )

    said = ask("session", "retract", "wrong", "-m", "the clock stood still")

    assert said.out == "retract: wrong: the clock stood still\n"
    assert said.err == "session loop goes on again\n"
    assert (status(ask)["best"], status(ask)["failed"]) == (6, 1)
    assert ask("session", "next").out == "iteration 6 of 20\n"
    subject = git("log", "-1", "--format=%s", "refs/sessions/loop")
    assert subject == "retract: wrong: the clock stood still"
    assert "the clock stood still" in ask("session", "report").out


def test_a_run_is_taken_back_by_any_name_of_it(loop: str, ask: Ask, runs: Runs) -> None:
    for at, name in enumerate(("wrong", "latest", "short")):
        add(ask, runs, name, 9 - at)

    for name in ("wrong", "@~1", "3333"):
        assert ask("session", "retract", name).out.startswith("retract: ")

    assert (status(ask)["best"], status(ask)["failed"]) == (None, 3)


def test_what_was_killed_before_the_tag_is_done_by_the_next(
    loop: str, ask: Ask, runs: Runs, git: Git_
) -> None:
    add(ask, runs, "wrong", 0.1)
    before = git("rev-parse", "refs/notes/exp")
    ask("session", "retract", "wrong", "-m", "it leaked")
    git("update-ref", "refs/notes/exp", before)

    said = ask("session", "retract", "wrong")

    assert said.err.splitlines() == [
        "'wrong' counts for nothing already: it has failed", "run 11111111 is tagged tainted",
    ]  # fmt: skip
    assert json.loads(ask("show", "wrong", "--json").out)["run"]["tags"] == ["tainted"]


def test_a_run_that_failed_by_itself_is_not_tagged(loop: str, ask: Ask, runs: Runs) -> None:
    run_id = runs.add("broken", status="failed", exit_code=1)
    ask("session", "record", "--run", run_id)

    assert ask("session", "retract", "broken").err == (
        "'broken' counts for nothing already: it has failed\n"
    )
    assert json.loads(ask("show", "broken", "--json").out)["run"]["tags"] == []


def test_what_failed_already_is_no_event(loop: str, ask: Ask, git: Git_) -> None:
    ask("session", "record", "-n", "broken", "--error", "no memory")
    before = git("rev-parse", "refs/sessions/loop")

    said = ask("session", "retract", "broken")

    assert said.err == "'broken' counts for nothing already: it has failed\n"
    assert git("rev-parse", "refs/sessions/loop") == before


def test_what_is_no_result_is_refused(loop: str, ask: Ask, runs: Runs, git: Git_) -> None:
    add(ask, runs, "twice", 5)
    add(ask, runs, "twice", 5)
    runs.add("apart")
    before = git("rev-parse", "refs/sessions/loop")

    assert ask("session", "retract", "nosuch", code=3).err == (
        "fatal: no result 'nosuch', and no run\nhint: its results: git exp session log -s loop\n"
    )
    assert ask("session", "retract", "apart", code=3).err == (
        "fatal: run 33333333 is no result of session 'loop'\n"
        "hint: its results: git exp session log -s loop\n"
    )
    assert ask("session", "retract", "twice", code=3).err == (
        "fatal: 'twice' is ambiguous\nhint: it could be: iteration 1, iteration 2\n"
    )
    assert ask("session", "retract", "@{best:x", code=3).err.startswith("fatal: ")
    assert ask("session", "retract", "twice", "-m", " ", code=2).err.startswith(
        "error: the reason is blank"
    )
    assert git("rev-parse", "refs/sessions/loop") == before


def test_a_run_that_is_tagged_tainted_is_taken_back(loop: str, ask: Ask, runs: Runs) -> None:
    add(ask, runs, "leaked", 0.1)
    add(ask, runs, "good", 5)

    said = ask("tag", "leaked", "odd", "tainted")

    assert said.err == "session loop: retract: leaked: tagged tainted\n"
    assert (status(ask)["best"], status(ask)["best_experiment"]) == (5, "good")
    assert ask("tag", "leaked", "tainted") == ("", "")
    assert ask("tag", "good", "fine") == ("", "")


def test_the_best_of_a_session_is_none_that_was_taken_back(
    loop: str, ask: Ask, runs: Runs, exp: Exp
) -> None:
    wrong = add(ask, runs, "wrong", 0.1)
    good = add(ask, runs, "good", 5)
    assert ask("session", "retract", "wrong").err == "run 11111111 is tagged tainted\n"

    said = exp("run", "--session", "@", "-n", "next", "--", "echo", "METRIC ms=7").stderr

    assert good[:8] in said
    assert wrong[:8] not in said
    assert json.loads(ask("brief", "--json").out)["best"]["run"] == good
    assert json.loads(ask("best", "ms", "--min", "--json").out)["run"]["id"] == good
    assert json.loads(ask("restore", "best", "--metric", "ms", "--json").out)["run"] == good


def test_a_run_is_taken_back_in_every_session(loop: str, ask: Ask, runs: Runs) -> None:
    run_id = add(ask, runs, "wrong", 0.1)
    ask("session", "start", "--goal", "g", "--metric", "ms", "--id", "other")
    ask("session", "record", "-s", "other", "--run", run_id)

    said = ask("session", "retract", "-s", "loop", "wrong", "-m", "it leaked")

    assert said.err.splitlines() == [
        "run 11111111 is tagged tainted", "session other: retract: wrong: tagged tainted",
    ]  # fmt: skip


def test_a_tag_that_comes_from_elsewhere_takes_a_result_back(
    loop: str, ask: Ask, runs: Runs, git: Git_
) -> None:
    leaked, good = add(ask, runs, "leaked", 0.1), add(ask, runs, "good", 5)
    tag = {"t": "2026-01-02T06:00:00.000000Z", "event": "tag", "tags": ["tainted"]}
    runs.append(leaked, json.dumps(tag))

    said = ask("session", "next")

    assert (said.out, said.err) == (
        "iteration 3 of 20\n", "session loop: retract: leaked: tagged tainted\n"
    )  # fmt: skip
    assert status(ask)["best_run"] == good
    before = git("rev-parse", "refs/sessions/loop")
    assert ask("session", "next").err == ""
    assert git("rev-parse", "refs/sessions/loop") == before


def test_a_run_that_became_a_result_in_between_counts_once(
    loop: str, ask: Ask, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was in progress when `next` looked, and is a result when that reads the session."""
    run_id = add(ask, runs, "quick", 5)
    monkeypatch.setattr(adoption, "running", lambda *_: frozenset({run_id, "another"}))

    assert ask("session", "next").out == "iteration 3 of 20\n"


def test_one_of_several_is_named_by_its_iteration(loop: str, ask: Ask, runs: Runs) -> None:
    add(ask, runs, "dup", 3)
    record(ask, dup=2)
    record(ask, other=9)

    assert ask("session", "retract", "2").out == "retract: dup\n"
    assert status(ask)["best"] == 3
    # What is taken back already is not meant where another is.
    assert ask("session", "retract", "dup").out == "retract: dup\n"
    assert status(ask)["best"] == 9
    assert ask("session", "retract", "7", code=3).err.startswith("fatal: no result '7'")


@pytest.mark.slow
def test_of_two_results_that_two_clones_called_the_same_one_is_taken_back(
    loop: str, ask: Ask, git: Git_, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(ask, first=5)
    git("init", "-q", "--bare", "-b", "main", tmp_path / "origin.git")
    git("remote", "add", "origin", tmp_path / "origin.git")
    git("push", "-q", "origin", "HEAD")
    ask("push")
    git("clone", "-q", tmp_path / "origin.git", tmp_path / "other")
    here = Path.cwd()
    monkeypatch.chdir(tmp_path / "other")
    ask("pull")
    ask("session", "record", "--metric", "ms=2")
    ask("push")
    monkeypatch.chdir(here)
    ask("session", "record", "--metric", "ms=0.0001")
    ask("session", "retract", "experiment_2", "-m", "the clock stood still")
    ask("pull")

    assert (status(ask)["best"], status(ask)["failed"]) == (2, 1)
