"""git exp promote: what it says and asks for; the commit is promote's to test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Ask, Git_, Runs

pytestmark = pytest.mark.usefixtures("repo")


@pytest.fixture
def two(runs: Runs) -> Runs:
    runs.add("wider layers", "x = 1\n", metrics={"acc": [0.9]})
    runs.add("deeper", "x = 2\n", metrics={"acc": [0.5]})
    return runs


def test_the_branch_and_its_commit_are_told(two: Runs, ask: Ask, git: Git_) -> None:
    said = ask("promote", "best")

    commit = git("rev-parse", "exp/wider-layers")
    assert said == (
        f"exp/wider-layers {commit}\n",
        f"branch exp/wider-layers is at {commit[:8]}: wider layers\n"
        "hint: look at it: git show exp/wider-layers\n"
        "hint: go on from it: git exp restore --commit exp/wider-layers\n",
    )
    assert ask("log", commit, "--format", "%n").out == "wider layers\n"
    assert Path("train.py").read_text() == "print('METRIC acc=0.5')\n"


def test_of_a_tainted_run_its_taint_is_told(two: Runs, ask: Ask) -> None:
    ask("tag", "deeper", "tainted")

    assert "warning: run 22222222 is tainted" in ask("promote", "deeper").err


def test_the_branch_and_what_it_stands_on_are_asked_for(two: Runs, ask: Ask, git: Git_) -> None:
    git("commit", "-q", "--allow-empty", "-m", "more")

    answer = json.loads(ask("promote", "deeper", "-b", "x/y", "--onto", "HEAD", "--json").out)

    assert answer == {
        "schema": "git-exp/promote/1", "run": "22222222-0000-4000-8000-000000000000",
        "branch": "x/y", "commit": git("rev-parse", "x/y"), "onto": git("rev-parse", "HEAD"),
        "subject": "deeper",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "error: missing <run>\n"),
        (["zz"], 3, "fatal: no run 'zz'\n"),
        (["deeper", "-b", "main"], 4, "error: a branch named 'main' already exists\n"),
        (["deeper", "--metric", "acc"], 2, "error: --metric goes with the run 'best' alone\n"),
        (["best", "--metric", "zz"], 3, "fatal: no run has a metric 'zz'\n"),
    ],
)
def test_what_cannot_be_is_one_line_and_writes_nothing(
    words: list[str], code: int, said: str, two: Runs, ask: Ask, git: Git_
) -> None:
    before = git("for-each-ref")

    assert ask("promote", *words, code=code).err.startswith(said)

    assert git("for-each-ref") == before
