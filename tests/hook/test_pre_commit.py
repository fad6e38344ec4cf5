"""pre-commit: the gate that `exp.gate` sets up, and nothing else, stops a commit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from git_exp import errors
from git_exp.hook.pre_commit import regression
from tests.conftest import Exp
from tests.hook.conftest import CODE, Git_, Runs

pytestmark = pytest.mark.usefixtures("hooked")
BASE = "print('METRIC acc=0.5')\n"
ANYWAY = "hint: to commit all the same: git commit --no-verify\n"


def gate(git: Git_, *gates: str) -> None:
    for one in gates:
        git("config", "--add", "exp.gate", one)


def attempt(code: str = CODE) -> tuple[int, str]:
    """The exit code of a commit of train.py and what it says on stderr."""
    Path("train.py").write_text(code)
    words = ("git", "commit", "-q", "-a", "-m", "a commit")
    done = subprocess.run(words, capture_output=True, text=True)
    return done.returncode, done.stderr


def test_a_commit_without_a_run_is_stopped_and_told_how_to_make_one(git: Git_, runs: Runs) -> None:
    gate(git, "require-run")
    runs.add("other", "x = 2\n")
    head = git("rev-parse", "HEAD")

    assert attempt() == (
        1,
        "error: exp.gate 'require-run': no finished run has the code of this commit\n"
        f"hint: make one: git exp run python train.py\n{ANYWAY}",
    )
    assert git("rev-parse", "HEAD") == head


def test_where_there_is_no_run_at_all(git: Git_) -> None:
    gate(git, "require-run", "acc > 0.5", "no-regression:acc")

    code, said = attempt()

    assert code == 1
    assert said.count("error: exp.gate ") == 3
    assert said.endswith(f"hint: make one: git exp run COMMAND\n{ANYWAY}")


def test_a_finished_run_of_the_tree_opens_it(git: Git_, runs: Runs) -> None:
    gate(git, "require-run")
    runs.add("better", metrics={"acc": [0.9]})

    assert attempt() == (0, "exp.gate: run 11111111 'better' acc=0.9\n")


def test_what_counts_not_is_named(git: Git_, runs: Runs) -> None:
    gate(git, "require-run")
    runs.add("partial", git={"capture": "partial"})
    runs.add("bad", tags=["tainted"])
    runs.add("broken", status="failed")
    runs.add("blind", git={"capture": "none"})

    code, said = attempt()

    assert code == 1
    assert "hint: run 33333333 'broken' has it, but it failed\n" in said
    assert "hint: run 22222222 'bad' has it, but it is tainted\n" in said
    assert "hint: run 11111111 'partial' has it, but its snapshot is partial\n" in said
    assert "blind" not in said


def test_what_keeps_a_run_from_having_the_same_code_is_named(git: Git_, repo: Path) -> None:
    gate(git, "require-run")
    Path("notes.txt").write_text("untracked\n")

    _, said = attempt()

    assert "hint: a run would have the worktree's code, not this commit's: notes.txt\n" in said


@pytest.mark.slow
def test_an_expression_must_hold_for_the_newest_run(git: Git_, runs: Runs) -> None:
    gate(git, "acc >= 0.9 and loss < 1")
    runs.add("lucky", metrics={"acc": [0.95], "loss": [0.5]})
    runs.add("newest", metrics={"acc": [0.85], "loss": [0.5]})

    assert attempt() == (
        1,
        "error: exp.gate 'acc >= 0.9 and loss < 1': run 22222222 'newest' acc=0.85 loss=0.5"
        f" does not fit it\n{ANYWAY}",
    )
    runs.add("better", metrics={"acc": [0.91], "loss": [0.5]})
    assert attempt()[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("acc >== 0.9", "bad expression: "),
        ("acccc > 0.9", "no field, param or metric is called 'acccc'"),
        ("no-regression:", "it names no metric"),
    ],
)
def test_a_gate_that_cannot_be_understood_stays_shut(
    git: Git_, runs: Runs, expression: str, said: str
) -> None:
    gate(git, expression)
    runs.add("better", metrics={"acc": [0.9]})

    code, told = attempt()

    assert code == 1
    assert told.startswith(f"error: exp.gate '{expression}': {said}")


@pytest.mark.slow
def test_no_regression_against_the_best_run_of_head(git: Git_, runs: Runs) -> None:
    gate(git, "no-regression:acc")
    runs.add("first", BASE, metrics={"acc": [0.7]})
    runs.add("second", BASE, metrics={"acc": [0.6]})
    runs.add("worse", metrics={"acc": [0.69]})

    assert attempt() == (
        1,
        "error: exp.gate 'no-regression:acc': run 33333333 'worse' has 0.69, worse than the 0.7"
        f" of HEAD's run 11111111 'first'\n{ANYWAY}",
    )
    runs.add("better", metrics={"acc": [0.7]})
    assert attempt() == (
        0,
        "exp.gate: run 44444444 'better' has 0.7, not worse than the 0.7"
        " of HEAD's run 11111111 'first'\n",
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "now", "code"),
    [
        ("no-regression:loss", 0.51, 1),
        ("no-regression:loss:0.02", 0.51, 0),
        ("no-regression:loss:2%", 0.51, 0),
        ("no-regression:loss:1%", 0.51, 1),
        ("no-regression:+loss", 0.51, 0),
        ("no-regression:min(loss):0", 0.4, 0),
        ("no-regression:loss", float("nan"), 1),
        ("no-regression:other", 0.5, 1),
    ],
)
def test_direction_aggregate_and_tolerance(
    git: Git_, runs: Runs, text: str, now: float, code: int
) -> None:
    gate(git, text)
    runs.add("before", BASE, metrics={"loss": [0.5]})
    runs.add("now", metrics={"loss": [now]})

    assert attempt()[0] == code


def test_where_head_has_no_run_there_is_nothing_to_be_worse_than(git: Git_, runs: Runs) -> None:
    gate(git, "no-regression:acc")
    runs.add("now", metrics={"acc": [0.5]})

    assert attempt() == (
        0, "exp.gate: run 11111111 'now' acc=0.5; no run of HEAD has a number for 'acc'\n"
    )  # fmt: skip


@pytest.mark.slow
def test_code_paths_count_for_the_gate_too(git: Git_, runs: Runs) -> None:
    gate(git, "require-run")
    git("config", "exp.codePaths", "*.py")
    runs.add("better")
    Path("README").write_text("read me\n")
    git("add", "README")

    assert attempt()[0] == 0
    Path("README").write_text("read it again\n")
    assert attempt()[0] == 0


def test_code_paths_count_for_what_head_is_compared_by(git: Git_, runs: Runs) -> None:
    gate(git, "no-regression:acc")
    git("config", "exp.codePaths", "*.py")
    Path("README").write_text("read me\n")
    git("add", "README")
    git("commit", "-q", "--no-verify", "-m", "a file more")
    runs.add("without it", BASE, metrics={"acc": [0.9]})
    runs.add("worse", metrics={"acc": [0.5]})

    code, said = attempt()

    assert (code, "HEAD's run 11111111 'without it'" in said) == (1, True)


def test_the_first_commit_of_a_repository(tmp_path: Path, git: Git_, exp: Exp) -> None:
    new = tmp_path / "a new one"
    git("init", "-q", str(new))
    git("config", "exp.gate", "no-regression:acc", cwd=new)
    (new / "train.py").write_text(CODE)
    exp("hooks", "install", cwd=new)
    exp("run", "--", "python3", "train.py", cwd=new)

    git("add", ".", cwd=new)
    git("commit", "-q", "-m", "first", cwd=new)


def test_trouble_opens_it_with_one_line(git: Git_, runs: Runs, repo: Path) -> None:
    gate(git, "require-run")
    git("update-ref", "refs/notes/exp", "HEAD")
    (repo / ".git/refs/notes/exp").write_text("broken\n")

    code, said = attempt()

    assert code == 0
    assert said.startswith("warning: the pre-commit hook of git exp: ")
    assert said.count("\n") == 1


def test_a_git_exp_that_cannot_start_stops_nothing(
    git: Git_, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate(git, "require-run")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "git-exp").write_text("#!/bin/sh\nexit 1\n")
    (broken / "git-exp").chmod(0o755)
    monkeypatch.setenv("PATH", f"{broken}:/usr/bin:/bin")
    assert attempt()[0] == 0

    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert attempt("x = 7\n") == (0, "")


def test_what_a_gate_compares_is_read_from_its_text() -> None:
    asked = regression("no-regression:a:b:1e-3")

    assert (asked.goal.measure.metric, asked.tolerance, asked.percent) == ("a:b", 0.001, False)
    assert regression("no-regression:a:b").goal.measure.metric == "a:b"
    assert not regression("no-regression:-acc").goal.higher
    with pytest.raises(errors.UsageError):
        regression("no-regression:+")
