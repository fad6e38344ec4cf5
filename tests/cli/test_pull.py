"""git exp pull: what comes, and what comes only when it is asked for."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from git_exp import Experiment
from git_exp.git.repo import discover
from git_exp.session import ConversationEntry, ExperimentConfig, events, history
from tests.cli.conftest import Ask, Git_, Runs


def test_records_come_and_code_when_it_is_first_needed(
    origin: Path, other: Path, runs: Runs, ask: Ask, git: Git_, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = runs.add("base", "x = 1\n")
    ask("push")
    monkeypatch.chdir(other)

    assert ask("pull") == ("From origin: 1 new\n", "")
    assert ask("pull") == ("From origin: no new records\n", "")
    assert ask("log", "--format", "%n").out == "base\n"
    assert git("for-each-ref", "refs/runs") == ""
    said = ask("diff", "base", "--name-only")
    assert said.err == f"fetching run {run_id[:8]} from origin\n"
    assert git("for-each-ref", "--format=%(refname)", "refs/runs") == f"refs/runs/{run_id}"
    assert ask("diff", "base", "--name-only").err == ""


def test_a_checkout_fetches_the_code_it_needs(
    origin: Path, other: Path, runs: Runs, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.add("base", "x = 1\n")
    ask("push")
    monkeypatch.chdir(other)
    ask("pull")

    ask("checkout", "base")

    assert Path("train.py").read_text() == "x = 1\n"


def test_named_runs_or_all_come_whole(
    origin: Path, other: Path, runs: Runs, ask: Ask, git: Git_, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = runs.add("base"), runs.add("next")
    with Experiment("tracked") as tracked:
        tracked.track(1)
    ask("push")
    monkeypatch.chdir(other)

    said = ask("pull", "origin", "base")
    assert said.out == "From origin: 3 new\nFrom origin: the code of 1 run\n"
    assert git("for-each-ref", "--format=%(refname)", "refs/runs") == f"refs/runs/{one}"
    done = json.loads(ask("pull", "--all", "--json").out)
    assert done["runs"] == sorted([two, str(tracked.run_id)])
    assert ask("show", "tracked", "--series", "value").out.count("\n") >= 1


def test_a_run_whose_code_nobody_sent_is_said(
    origin: Path, other: Path, runs: Runs, ask: Ask, git: Git_, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = runs.add("base")
    ask("push")
    git("update-ref", "-d", f"refs/runs/{run_id}", cwd=origin)
    git("gc", "-q", "--prune=now", cwd=origin)
    monkeypatch.chdir(other)

    assert ask("pull", "origin", "base").err == "warning: 'origin' has no code of run 11111111\n"
    said = ask("checkout", "base", code=3)
    assert said.err.splitlines()[1:] == [
        "fatal: the code of run 11111111 is not here",
        "hint: fetch it from who has it: git exp pull REMOTE RUN",
    ]


def test_notes_that_a_prune_removed_are_put_back(
    origin: Path, other: Path, runs: Runs, ask: Ask, git: Git_, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.add("base")
    runs.add("next")
    ask("push")
    monkeypatch.chdir(other)
    ask("pull")
    # Here are notes alone: a stock git takes them for notes on nothing.
    git("notes", "--ref=exp", "prune")
    assert git("notes", "--ref=exp", "list") == ""

    ask("push")

    assert ask("log", "--format", "%n").out == "next\nbase\n"
    assert len(git("notes", "--ref=exp", "list", cwd=origin).splitlines()) == 2


@pytest.mark.usefixtures("origin")
def test_names_and_all_exclude_each_other(ask: Ask) -> None:
    assert ask("pull", "origin", "base", "--all", code=2).err.startswith(
        "error: names of runs and --all exclude each other\n"
    )


def test_series_come_though_a_clone_by_a_path_has_the_objects(
    origin: Path, tmp_path: Path, ask: Ask, git: Git_, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Experiment("tracked") as tracked:
        tracked.track({"loss": 0.5})
    ask("push")
    git("clone", "-q", "-b", "main", origin, tmp_path / "near")
    monkeypatch.chdir(tmp_path / "near")
    ask("pull")

    assert ask("show", "tracked", "--series", "loss").out.endswith("0.5\n")


def test_code_comes_for_a_record_that_a_stock_git_has_fetched(
    origin: Path, tmp_path: Path, runs: Runs, ask: Ask, git: Git_, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.add("base", "x = 1\n")
    ask("push")
    git("clone", "-q", "--no-local", "-b", "main", origin, tmp_path / "far")
    monkeypatch.chdir(tmp_path / "far")
    git("fetch", "-q", "origin", "refs/notes/exp:refs/notes/exp")

    assert ask("diff", "base", "--name-only").out.endswith("train.py\n")


def test_sessions_come_and_are_merged(
    origin: Path, other: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def add(session_id: str) -> None:
        repo = discover(Path.cwd(), dict(os.environ))
        entry = ConversationEntry(role="user", content=f"go on with {session_id} in {repo.top}")
        history.add(repo, session_id, lambda state, now: events.Message(t=now, entry=entry))

    here, config = Path.cwd(), ExperimentConfig(goal="a faster kernel")
    for name in ("a", "b", "c"):
        history.start(discover(here, dict(os.environ)), config, session_id=name)
    ask("push")
    monkeypatch.chdir(other)

    assert ask("pull").out == "From origin: no new records\nFrom origin: 3 sessions new\n"
    assert ask("pull").out == "From origin: no new records\n"
    add("a")
    monkeypatch.chdir(here)
    add("a")
    history.start(discover(here, dict(os.environ)), config, session_id="d")
    ask("push")
    monkeypatch.chdir(other)
    done = json.loads(ask("pull", "--json").out)["sessions"]
    assert (done["new"], done["updated"]) == (["d"], ["a"])
    add("b")
    assert ask("push").out == "To origin: sent 2 sessions\n"
    monkeypatch.chdir(here)
    assert ask("pull").out.splitlines()[1] == "From origin: 2 sessions updated"
