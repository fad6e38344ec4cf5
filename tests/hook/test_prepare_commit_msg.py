"""prepare-commit-msg: the runs of what is committed stand in its message."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Exp
from tests.hook.conftest import CODE, Git_, Runs

Commit = Callable[..., str]
FIRST = "11111111-0000-4000-8000-000000000000"
SECOND = "22222222-0000-4000-8000-000000000000"


@pytest.fixture(autouse=True)
def on(hooked: Path, git: Git_) -> None:
    git("config", "exp.trailers", "true")


@pytest.fixture
def message(git: Git_) -> Callable[..., str]:
    return lambda revision="HEAD": git("log", "-1", "--format=%B", revision).strip("\n")


def editor(script: str) -> str:
    """An editor that does something to the message it is given."""
    path = Path("../editor.sh")
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path.resolve())


def test_a_run_of_the_tree_is_named_with_its_metrics(
    commit: Commit, runs: Runs, message: Callable[..., str]
) -> None:
    runs.add("better", metrics={"epochs": [3], "acc": [0.5, 0.93], "loss": [0.25], "mem": [1e9]})

    commit(CODE, "-m", "a better model")

    assert message() == f"a better model\n\nExp-Run: {FIRST} acc=0.93 loss=0.25 epochs=3"


@pytest.mark.slow
def test_the_newest_three_finished_ones_oldest_first(
    commit: Commit, runs: Runs, message: Callable[..., str], exp: Exp
) -> None:
    Path("train.py").write_text(CODE)
    for number in range(5):
        runs.add(f"run{number}")
    runs.add("failed", status="failed")
    exp("rm", runs.add("gone"))
    runs.add("tainted", tags=["tainted"])
    runs.add("blind", git={"capture": "none"})
    exp("run", "--private", "--", "python3", "train.py")
    runs.add("other", "x = 2\n")

    commit()

    assert [line[9:13] for line in message().splitlines()[2:]] == ["3333", "4444", "5555"]


def test_without_the_setting_nothing_is_added(
    commit: Commit, git: Git_, runs: Runs, message: Callable[..., str]
) -> None:
    git("config", "exp.trailers", "false")
    runs.add("better")

    commit()

    assert message() == "a commit"


def test_trailers_that_are_there_stay_and_ours_come_after(
    commit: Commit, runs: Runs, message: Callable[..., str]
) -> None:
    runs.add("better")

    commit(CODE, "-m", "subject", "-m", "body\n---\nmore", "-m", "Reviewed-by: Bo <b@example.org>")

    assert message() == (
        f"subject\n\nbody\n---\nmore\n\nReviewed-by: Bo <b@example.org>\nExp-Run: {FIRST}"
    )


@pytest.mark.slow
def test_to_amend_adds_no_second_one(
    commit: Commit, git: Git_, runs: Runs, message: Callable[..., str]
) -> None:
    runs.add("better", metrics={"acc": [0.5]})
    commit()
    runs.add("again", metrics={"acc": [0.5]})

    git("commit", "-q", "--amend", "--no-edit")
    git("commit", "-q", "--amend", "--no-edit", "--allow-empty")

    assert message() == f"a commit\n\nExp-Run: {FIRST} acc=0.5\nExp-Run: {SECOND} acc=0.5"


def test_in_an_editor_there_is_room_for_the_subject(
    commit: Commit, runs: Runs, message: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.add("better")
    monkeypatch.setenv("GIT_EDITOR", editor('cp "$1" ../seen; sed -i "1s/^/typed/" "$1"'))

    commit(CODE, "--verbose")

    assert message() == f"typed\n\nExp-Run: {FIRST}"
    seen = Path("../seen").read_text()
    assert seen.startswith(f"\n\nExp-Run: {FIRST}\n")
    assert "\n# Please enter" in seen
    assert "------------------------ >8 ---" in seen


def test_a_template_and_another_comment_sign(
    commit: Commit, git: Git_, runs: Runs, message: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    runs.add("better")
    Path("../template").write_text("topic: \n\n; what is it for?\n")
    git("config", "commit.template", str(Path("../template").resolve()))
    git("config", "core.commentChar", ";")
    monkeypatch.setenv("GIT_EDITOR", editor('sed -i "1s/$/more/" "$1"'))

    commit(CODE, "--status")

    assert message() == f"topic: more\n\nExp-Run: {FIRST}"


def test_what_the_user_has_set_for_trailers_does_nothing_here(
    commit: Commit, git: Git_, runs: Runs, message: Callable[..., str]
) -> None:
    git("config", "trailer.sign.key", "Signed-off-by: ")
    git("config", "trailer.sign.command", "echo Bo")
    git("config", "trailer.ifexists", "doNothing")
    git("config", "trailer.where", "start")
    runs.add("better")
    runs.add("again")

    commit(CODE, "-m", "subject", "-m", "Key: value")

    assert message() == f"subject\n\nKey: value\nExp-Run: {FIRST}\nExp-Run: {SECOND}"


def test_a_metric_with_an_odd_name_makes_no_second_line(
    commit: Commit, runs: Runs, message: Callable[..., str]
) -> None:
    runs.add("better", metrics={"a\nSigned-off-by: me\x1b[31m\u202e": [1.0]})

    commit()

    added = f"Exp-Run: {FIRST} a\\nSigned-off-by: me\\x1b[31m\\u202e=1"
    assert message() == f"a commit\n\n{added}"


def test_a_part_of_the_worktree_and_a_merge(
    git: Git_, runs: Runs, message: Callable[..., str], commit: Commit
) -> None:
    runs.add("better")
    Path("train.py").write_text(CODE)
    Path("more.py").write_text("more\n")
    git("add", "more.py")
    git("commit", "-q", "-m", "one file", "train.py")
    assert message() == f"one file\n\nExp-Run: {FIRST}"

    git("commit", "-q", "-m", "the rest")
    git("checkout", "-q", "-b", "side", "HEAD~2")
    git("merge", "-q", "--no-ff", "-m", "both", "main~1")

    assert message() == f"both\n\nExp-Run: {FIRST}"


def test_the_index_is_as_it_would_be_without_it(commit: Commit, git: Git_, runs: Runs) -> None:
    runs.add("better")
    Path("train.py").write_text(CODE)
    Path("new.py").write_text("n\n")
    git("add", "-N", "new.py")

    git("commit", "-q", "-a", "-m", "x", "--dry-run")
    git("commit", "-q", "-m", "x", "train.py")

    assert git("status", "--porcelain") == " A new.py"
    assert git("fsck", "--strict", "--no-dangling") == ""
    assert not list(Path(".git").glob("*.lock"))


def test_a_message_that_cannot_be_read_stops_nothing(commit: Commit, runs: Runs) -> None:
    runs.add("better")

    done = subprocess.run(
        ("git-exp", "hook", "prepare-commit-msg", "no/such/file"),
        capture_output=True, text=True, env={**os.environ, "GIT_INDEX_FILE": _index(CODE)},
    )  # fmt: skip

    assert done.returncode == 0
    assert done.stderr.startswith("warning: the prepare-commit-msg hook of git exp: ")


def _index(code: str) -> str:
    env = {**os.environ, "GIT_INDEX_FILE": str(Path("../other.index").resolve())}
    Path("train.py").write_text(code)
    subprocess.run(("git", "add", "train.py"), env=env, check=True)
    return env["GIT_INDEX_FILE"]
