"""git exp seen: the runs of this very code, and an exit code that a script can ask for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Ask, Git_, Runs
from tests.conftest import Exp

pytestmark = pytest.mark.usefixtures("repo")
TRAIN = ("python", "train.py")


@pytest.fixture
def two(runs: Runs) -> Runs:
    """base, of the code that is there, other, of another, and again, which failed."""
    runs.add("base", params={"lr": 0.1}, metrics={"acc": [0.5, 0.75]})
    runs.add("other", "x = 2\n", metrics={"acc": [0.9]})
    runs.add("again", params={"lr": 0.2}, status="failed", exit_code=1)
    return runs


def test_runs_of_this_code_are_listed_newest_first(two: Runs, ask: Ask) -> None:
    said = ask("seen")

    assert said.err == ""
    assert (
        said.out
        == """\
ID        AGE            NAME   STATUS     lr   acc
33333333  0 seconds ago  again  failed    0.2     -
11111111  2 hours ago    base   finished  0.1  0.75
"""
    )


def test_code_that_has_not_run_is_a_no_with_nothing_on_stdout(two: Runs, ask: Ask) -> None:
    Path("train.py").write_text("x = 3\n")

    assert ask("seen", code=1) == ("", "error: this code has not run yet\n")


def test_without_any_run_the_answer_is_no(ask: Ask) -> None:
    assert ask("seen", code=1).err == "error: this code has not run yet\n"


def test_a_command_narrows_it_and_takes_all_words_behind_it(two: Runs, ask: Ask) -> None:
    assert ask("seen", "--format=%n", *TRAIN).out == "again\nbase\n"
    assert ask("seen", "--format=%n", "--", *TRAIN).out == "again\nbase\n"
    said = ask("seen", *TRAIN, "--status", code=1)
    assert said == ("", "error: this code has run, but not so\nhint: how it has: git exp seen\n")


def test_params_narrow_it(two: Runs, ask: Ask) -> None:
    assert ask("seen", "-p", "lr=0.1", "--format=%n").out == "base\n"
    ask("seen", "-p", "lr=0.1", "-p", "seed=1", code=1)
    assert "a param is key=value" in ask("seen", "-p", "lr", code=2).err


def test_a_status_narrows_it(two: Runs, ask: Ask) -> None:
    assert ask("seen", "--status=finished", "--format=%n").out == "base\n"
    assert ask("seen", "--status=finished", "--status=failed", "--format=%n").out == "again\nbase\n"
    assert ask("seen", "--status=lost", code=1).err.startswith("error: this code has run, but not")
    assert (
        "no status 'done': they are running, finished," in ask("seen", "--status=done", code=2).err
    )


def test_json_tells_the_tree_the_runs_and_the_doubts(two: Runs, ask: Ask, git: Git_) -> None:
    two.add("partial", git={"capture": "partial"})

    told = json.loads(ask("seen", "--json").out)

    assert list(told) == ["schema", "tree", "missed", "runs", "doubts"]
    assert told["schema"] == "git-exp/seen/1"
    assert told["tree"] == git("rev-parse", "HEAD^{tree}")
    assert [run["name"] for run in told["runs"]] == ["partial", "again", "base"]
    assert told["doubts"] == {told["runs"][0]["id"]: ["its snapshot is partial"]}
    assert told["missed"] == []


def test_json_is_a_document_when_the_answer_is_no(ask: Ask) -> None:
    told = json.loads(ask("seen", "--json", code=1).out)

    assert told["runs"] == []


def test_lines_of_json_and_csv_are_those_of_log(two: Runs, ask: Ask) -> None:
    assert ask("seen", "--jsonl").out == ask("log", "again", "base", "--jsonl").out
    assert ask("seen", "--csv").out == ask("log", "again", "base", "--csv").out


def test_a_partial_snapshot_is_marked_and_warned_of(runs: Runs, ask: Ask) -> None:
    runs.add("base", git={"capture": "partial"})

    said = ask("seen")

    assert said.out.splitlines()[1].startswith("11111111  !  ")
    assert said.err == (
        "warning: run 11111111 'base' may have had other code: its snapshot is partial\n"
    )


def test_what_the_worktree_hides_is_warned_of(two: Runs, ask: Ask, git: Git_) -> None:
    git("update-index", "--assume-unchanged", "train.py")
    Path("train.py").write_text("x = 3\n")

    said = ask("seen", "--format=%n")

    assert said.out == "again\nbase\n"
    assert said.err == ("warning: the code may be another: a snapshot of it is without: train.py\n")


def test_many_doubtful_runs_are_warned_of_in_a_few_lines(runs: Runs, ask: Ask) -> None:
    for number in range(7):
        runs.add(f"run {number}", git={"capture": "none"})

    warned = ask("seen").err.splitlines()

    assert len(warned) == 6
    assert warned[-1] == "warning: 2 more runs may have had other code"


def test_a_masked_word_is_warned_of(repo: Path, exp: Exp) -> None:
    exp("run", "-n", "one", "echo", "--api-key=1")

    done = exp("seen", "--format=%n", "echo", "--api-key=2")

    assert done.stdout == "one\n"
    assert done.stderr.startswith("warning: a word of the command is masked in records")


def test_a_name_from_a_run_is_no_order_to_a_terminal(runs: Runs, ask: Ask) -> None:
    runs.add("a\x1b[31m", git={"capture": "none"})

    said = ask("seen")

    assert "\x1b" not in said.out + said.err


@pytest.mark.slow
def test_it_works_in_a_folder_below(repo: Path, exp: Exp) -> None:
    (repo / "below").mkdir()
    exp("run", "-n", "one", "true", cwd=repo / "below")

    assert exp("seen", "--format=%n", "true", cwd=repo / "below").stdout == "one\n"
    exp("seen", "true", code=1)
    assert exp("seen", "--format=%n").stdout == "one\n"


def test_in_a_bare_repository_there_is_no_code_to_look_for(
    tmp_path: Path, git: Git_, exp: Exp
) -> None:
    git("init", "-q", "--bare", tmp_path / "bare.git")

    done = exp("seen", code=5, cwd=tmp_path / "bare.git")

    assert "bare repository" in done.stderr
