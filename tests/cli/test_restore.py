"""git exp restore: which run `best` is, and what it says; what it does is restore's to test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Ask, Git_, Runs

pytestmark = pytest.mark.usefixtures("repo")


@pytest.fixture
def three(runs: Runs) -> Runs:
    runs.add("low", "x = 1\n", metrics={"acc": [0.5], "loss": [0.1]})
    runs.add("high", "x = 2\n", metrics={"acc": [0.9]})
    runs.add("best", "x = 3\n", metrics={"acc": [0.7]})
    return runs


def train() -> str:
    return Path("train.py").read_text()


def test_the_best_run_of_the_only_metric_that_all_have_wins_over_a_run_of_that_name(
    three: Runs, ask: Ask, git: Git_
) -> None:
    head = git("rev-parse", "HEAD")
    Path("train.py").write_text("worse\n")
    Path("failed.py").write_text("1\n")

    said = ask("restore", "best")

    saved = git("for-each-ref", "--format=%(refname)", "refs/exp/saved")
    assert said == (
        "",
        f"HEAD is now at {head[:8]} on branch main, the files are those of run 22222222 'high'\n"
        "removed: failed.py\n"
        f"local changes are in {saved}\n"
        "hint: to return: git exp restore @{saved}\n",
    )
    assert (train(), git("status", "--short")) == ("x = 2\n", " M train.py")


def test_a_run_named_best_is_reached_by_its_id(three: Runs, ask: Ask) -> None:
    ask("restore", "33333333")

    assert train() == "x = 3\n"


def test_the_printed_way_back_is_a_command_that_goes_back_and_forth(three: Runs, ask: Ask) -> None:
    Path("train.py").write_text("mine\n")
    Path("new.py").write_text("mine too\n")
    seen = []

    words = ["restore", "best"]
    for _ in range(3):
        said = ask(*words)
        seen.append((train(), Path("new.py").exists()))
        words = said.err.partition("to return: git exp ")[2].split()

    assert seen == [("x = 2\n", False), ("mine\n", True), ("x = 2\n", False)]


def test_where_nothing_is_put_aside_the_way_back_is_the_branch(
    three: Runs, ask: Ask, git: Git_
) -> None:
    head = git("rev-parse", "HEAD")

    assert ask("restore", "best").err.endswith("hint: to return: git exp restore --commit main\n")
    assert ask("restore", "--commit", "main").err.startswith(
        f"HEAD is now at {head[:8]} on branch main, the files are those of 'main'\n"
    )
    assert git("status", "--short") == ""


def test_another_metric_and_way_are_asked_for(three: Runs, ask: Ask) -> None:
    ask("restore", "best", "--metric", "-acc")

    assert train() == "x = 1\n"


def test_the_session_of_the_process_says_the_metric(
    runs: Runs, ask: Ask, git: Git_, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.add("a", "x = 1\n", metrics={"acc": [0.5], "size": [1.0]})
    runs.add("b", "x = 2\n", metrics={"acc": [0.9], "size": [9.0]})
    ask("session", "start", "--goal", "smaller", "--metric", "size", "--direction", "minimize")
    (ref,) = git("for-each-ref", "--format=%(refname)", "refs/sessions").split()
    monkeypatch.setenv("GIT_EXP_SESSION", ref.removeprefix("refs/sessions/"))

    ask("restore", "best")

    assert train() == "x = 1\n"


def test_where_head_leaves_its_branch_that_is_said(three: Runs, ask: Ask, git: Git_) -> None:
    base = git("rev-parse", "HEAD")
    git("commit", "-q", "--allow-empty", "-m", "second")

    first, again = ask("restore", "best").err, ask("restore", "low").err

    assert first.startswith(
        f"HEAD is now detached at {base[:8]} (branch main stays where it is), the files are those"
    )
    assert again.startswith(f"HEAD is now at {base[:8]}, the files are those of run 11111111")


def test_what_snapshots_leave_out_is_told_on_the_way_there_and_on_the_way_back(
    three: Runs, ask: Ask
) -> None:
    Path(".env").write_text("T=1\n")
    said = "untracked files that snapshots leave out, left where they are: .env\n"

    for words in (["best"], ["@{saved}"], ["@{saved}"], ["--commit", "main"]):
        assert ask("restore", *words).err.endswith(said)


def test_a_path_alone_is_restored(three: Runs, ask: Ask, git: Git_) -> None:
    Path("train.py").write_text("worse\n")
    Path("other.py").write_text("stays\n")

    said = ask("restore", "best", "--", "train.py")

    assert said.err.startswith("updated 1 file from run 22222222 'high'\n")
    assert said.err.endswith("hint: to return: git exp restore @{saved}\n")
    assert (train(), Path("other.py").exists()) == ("x = 2\n", True)


def test_what_was_put_aside_is_listed_newest_first(three: Runs, ask: Ask, git: Git_) -> None:
    head = git("rev-parse", "HEAD")
    for run, text in (("low", "one\n"), ("high", "two\n")):
        Path("train.py").write_text(text)
        ask("restore", run)
    ask("restore", "--commit", "main")

    rows = [line.split() for line in ask("restore", "--list").out.splitlines()]
    listed = json.loads(ask("restore", "--list", "--json").out)

    assert rows[0] == ["SAVED", "AGE", "HEAD", "WENT", "TO", "REF"]
    assert [(row[0], row[4:6], *row[6:-1]) for row in rows[1:]] == [
        ("@{saved}", [head[:8], "main"], "-"),
        ("@{saved~1}", [head[:8], "main"], "22222222", "high"),
        ("@{saved~2}", [head[:8], "main"], "11111111", "low"),
    ]
    assert listed["schema"] == "git-exp/restore-list/1"
    newest, second, _ = listed["saved"]
    assert (newest["name"], newest["run"]) == ("@{saved}", None)
    assert (second["head"], second["branch"], second["run"][:8]) == (
        head, "refs/heads/main", "22222222",
    )  # fmt: skip
    assert second["ref"].startswith(rows[2][-1])


def test_that_nothing_was_put_aside_is_said(ask: Ask) -> None:
    assert ask("restore", "--list") == ("", "hint: nothing was put aside yet\n")


def test_json_tells_all_that_was_done(three: Runs, ask: Ask) -> None:
    Path("train.py").write_text("worse\n")

    answer = json.loads(ask("restore", "best", "--json").out)

    assert answer["schema"] == "git-exp/restore/1"
    assert answer["run"][:8] == "22222222"
    assert answer["way_back"] == "git exp restore @{saved}"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "error: missing <run>\nhint: say which run: git exp restore best\n"),
        (["best", "--list"], 2, "error: a run, --commit and --list exclude each other\n"),
        (["--commit", "main", "--metric", "acc"], 2, "error: --commit goes to all files"),
        (["low", "--metric", "acc"], 2, "error: --metric goes with the run 'best' alone\n"),
        (["zz"], 3, "fatal: no run 'zz'\n"),
        (["@{saved}"], 3, "fatal: nothing was put aside in this worktree\nhint: list all: git"),
        (["best", "--metric", "nope"], 3, "fatal: no run has a metric 'nope'"),
        (["--commit", "nope"], 3, "fatal: no commit 'nope'\n"),
        (["best", "--", "nope.py"], 3, "fatal: run 22222222 has no 'nope.py'\nhint: list its "),
        (["best", "--", "../../x"], 2, "error: '../../x' is outside repository\nhint: give "),
        (["best", "--", ""], 2, "error: empty string is not a valid pathspec"),
    ],
)
def test_what_cannot_be_is_one_line_and_touches_nothing(
    words: list[str], code: int, said: str, three: Runs, ask: Ask, git: Git_
) -> None:
    before = git("for-each-ref")

    assert ask("restore", *words, code=code).err.startswith(said)

    assert git("for-each-ref") == before
    assert git("status", "--short", "--branch") == "## main"


def test_where_several_metrics_could_be_meant_they_are_named(runs: Runs, ask: Ask) -> None:
    assert ask("restore", "best", code=3).err.startswith("fatal: no finished run has a metric\n")
    runs.add("a", "x = 1\n", metrics={"acc": [0.5], "loss": [1.0]})
    runs.add("b", "x = 2\n", metrics={"acc": [0.9], "loss": [2.0], "extra": [1.0]})
    runs.add("c", "x = 2\n", metrics={"other": [0.9]}, status="failed")
    runs.add("d", "x = 2\n", metrics={"other": [0.9]}, tags=["tainted"])

    assert ask("restore", "best", code=3).err == (
        "fatal: which metric the best run is best in is not clear\n"
        "hint: say it: --metric NAME, of acc, loss\n"
    )


def test_a_metric_that_no_run_has_is_said_to_be_unknown(three: Runs, ask: Ask) -> None:
    three.add("broken", status="failed", metrics={"only": [1.0]})

    assert ask("restore", "best", "--metric", "los", code=3) == (
        "", "fatal: no run has a metric 'los'\nhint: did you mean loss?\n",
    )  # fmt: skip
    assert ask("restore", "best", "--metric", "only", code=3).err == (
        "fatal: no finished run has a number for 'only'\nhint: see: git exp log\n"
    )
