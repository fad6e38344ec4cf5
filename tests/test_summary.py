"""refs/notes/exp-summary: results under the code that made them, in plain `git log`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from git_exp import summary
from git_exp.index.search import Indexed
from git_exp.run import Run
from tests import programs
from tests.cli.conftest import Runs
from tests.conftest import Exp

Git_ = Callable[..., str]
pytestmark = pytest.mark.usefixtures("repo")


@pytest.fixture
def runs(git: Git_) -> Runs:
    git("config", "exp.summaryNotes", "true")
    return Runs(git)


def shown(git: Git_, *revisions: str) -> str:
    return git("log", "--notes=exp-summary", "--format=%s%n%N", *revisions).strip()


def store() -> Indexed:
    return Indexed(programs.store().repo)


def test_plain_git_log_shows_each_run_under_its_base(git: Git_, exp: Exp, runs: Runs) -> None:
    runs.add("base", metrics={"epochs": [3], "loss": [0.5], "acc": [0.75], "mem": [1e9]})
    runs.add("edited", "x = 2\n", metrics={"acc": [0.875]})
    runs.add("broken", status="failed")
    git("commit", "-q", "--allow-empty", "-m", "second")
    runs.add("later", metrics={"acc": [0.5]})

    exp("log")

    assert shown(git) == (
        "second\n44444444 later finished acc=0.5\n\n"
        "first\n11111111 base finished loss=0.5 acc=0.75 epochs=3\n"
        "22222222 edited finished * acc=0.875\n33333333 broken failed"
    )


def test_it_follows_what_changes(git: Git_, exp: Exp, runs: Runs) -> None:
    first, second = runs.add("one"), runs.add("two")
    exp("log")

    exp("rename", first, "other")
    assert shown(git) == "first\n11111111 other finished\n22222222 two finished"
    exp("rm", second)
    assert shown(git) == "first\n11111111 other finished"
    exp("rm", first)

    assert shown(git) == "first"
    assert git("notes", "--ref=exp-summary", "list") == ""


def test_the_end_of_a_run_brings_it_up(git: Git_, exp: Exp, runs: Runs) -> None:
    exp("run", "-n", "launched", "--", "python3", "train.py")
    programs.run("with Experiment('script') as exp: exp.track({'acc': 0.25})")

    lines = shown(git).splitlines()

    assert [line.split(" ", 1)[1] for line in lines[1:]] == [
        "launched finished acc=0.5", "script finished acc=0.25"
    ]  # fmt: skip


def test_a_private_run_stays_out_of_it(git: Git_, exp: Exp, runs: Runs) -> None:
    runs.add("public")
    exp("run", "--private", "--", "python3", "train.py")

    assert shown(git) == "first\n11111111 public finished"


def test_without_the_setting_there_is_none(git: Git_, exp: Exp, runs: Runs) -> None:
    git("config", "--unset", "exp.summaryNotes")
    runs.add("one")
    exp("log")
    assert git("for-each-ref", "refs/notes/exp-summary") == ""

    summary.rebuild(store())
    assert shown(git) == "first\n11111111 one finished"
    summary.remove(store())

    assert git("for-each-ref", "refs/notes/exp-summary") == ""


@pytest.mark.slow
def test_made_anew_it_is_the_same_tree(git: Git_, exp: Exp, runs: Runs) -> None:
    for number in range(9):
        runs.add(f"run{number}", f"x = {number}\n")
        if number % 2:
            git("commit", "-q", "--allow-empty", "-m", f"commit {number}")
        exp("log")
    exp("rm", "@~3")
    before = git("rev-parse", "refs/notes/exp-summary^{tree}")

    git("update-ref", "-d", "refs/notes/exp-summary")
    exp("log")

    assert git("rev-parse", "refs/notes/exp-summary^{tree}") == before
    count = len(git("notes", "--ref=exp-summary", "list").splitlines())
    assert git("log", "-1", "--format=%b", "refs/notes/exp-summary") == f"Notes-Count: {count}\n"


def test_what_somebody_else_wrote_there_does_not_last(git: Git_, exp: Exp, runs: Runs) -> None:
    runs.add("one")
    exp("log")
    git("notes", "--ref=exp-summary", "add", "-f", "-m", "mine", "HEAD")

    runs.add("two")
    exp("log")

    assert shown(git) == "first\n11111111 one finished\n22222222 two finished"


def test_the_cost_follows_what_has_changed(
    git: Git_, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        runs.add(f"run{number}")
        git("commit", "-q", "--allow-empty", "-m", f"commit {number}")
    summary.follow(store())
    written: list[str] = []
    line = summary.line

    def counted(run: Run) -> str:
        written.append(run.name)
        return line(run)

    monkeypatch.setattr(summary, "line", counted)

    runs.add("new")
    summary.follow(store())
    summary.follow(store())

    assert written == ["new"]


def test_its_commit_has_no_history_and_is_as_old_as_the_runs(
    git: Git_, exp: Exp, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2020-01-01T00:00:00+00:00")
    runs.add("old")
    exp("log")
    exp("note", "@", "words")

    told = git("log", "--format=%P|%cI", "refs/notes/exp-summary")

    assert told == "|2020-01-01T00:00:00+00:00"


def test_text_of_others_is_harmless(git: Git_, exp: Exp, runs: Runs) -> None:
    runs.add("a\x1b[31mred\nsecond\u202e" + "x" * 100, metrics={"m\r\x07": [1.0]})
    runs.add("astray", git={"base": "--output=x"})

    exp("log")

    assert shown(git) == (
        "first\n11111111 a\\x1b[31mred\\nsecond\\u202e" + "x" * 33 + "… finished m\\r\\x07=1"
    )


def test_trouble_is_a_warning(git: Git_, exp: Exp, runs: Runs) -> None:
    runs.add("one")
    exp("log")
    Path(".git/refs/notes/exp-summary").write_text("broken\n")
    runs.add("two")

    told = exp("log", "--format=%n")

    assert told.stdout == "two\none\n"
    assert told.stderr.startswith("warning: the summary in refs/notes/exp-summary could not be ")
