"""What has finished with the very same code is not executed again."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from git_exp import errors, experiment
from tests import programs
from tests.conftest import Exp
from tests.task.tasks import DONE, Add, Score, Train

Git = Callable[..., str]


def once(number: int = 1, *, rerun: bool = False, private: bool = False) -> None:
    with experiment("once", private=private):
        Add(number=number).submit(rerun=rerun)


def test_a_task_that_finished_with_this_code_is_not_executed_again(
    repo: Path, git: Git, capfd: pytest.CaptureFixture[str]
) -> None:
    once()
    git("commit", "--allow-empty", "-q", "-m", "the same tree")
    once()

    assert DONE == [1]
    parent = programs.runs()[0]
    assert (parent.name, parent.status, len(programs.runs())) == ("once", "finished", 3)
    assert capfd.readouterr().err == (
        "git-exp: 1 task had finished with this very code, not executed again: rerun=True\n"
    )


def test_its_output_is_there_for_those_that_depend_on_it(repo: Path) -> None:
    for _ in range(2):
        with experiment("chain"):
            Score(model=Train(width=2).submit()).submit()

    assert DONE == ["train 2", "score 2"]


def test_rerun_executes_it_again(repo: Path) -> None:
    once()
    once(rerun=True)

    assert DONE == [1, 1]


def test_one_that_failed_is_executed_again(repo: Path) -> None:
    for _ in range(2):
        with pytest.raises(errors.TasksFailed), experiment("fails"):
            Train(width=1, fails=True).submit()

    assert DONE == ["train 1", "train 1"]


@pytest.mark.parametrize(
    "change",
    [
        "echo changed >train.py",
        "echo new >untracked.txt",
        "echo secret >.env",
        "head -c 11000000 /dev/zero >large.bin",
    ],
)
def test_other_code_or_another_file_beside_it_executes_it_again(repo: Path, change: str) -> None:
    once()
    subprocess.run(change, shell=True, check=True)  # noqa: S602
    once()
    once()

    assert DONE == [1, 1]


def test_a_file_that_is_left_out_counts_by_its_content_too(repo: Path) -> None:
    (repo / "large.bin").write_bytes(b"a" * (11 << 20))
    once()
    once()
    (repo / "large.bin").write_bytes(b"b" * (11 << 20))
    once()

    assert DONE == [1, 1]


def test_of_more_files_than_a_record_lists_nothing_is_known(repo: Path) -> None:
    for number in range(1_001):
        (repo / f"{number}.pem").touch()
    once()
    once()

    assert DONE == [1, 1]


def test_what_was_not_captured_whole_may_have_been_another(repo: Path, git: Git) -> None:
    git("update-index", "--assume-unchanged", "train.py")
    (repo / "train.py").write_text("changed\n")
    once()
    once()

    assert DONE == [1, 1]
    assert {run.git.capture for run in programs.runs() if run.git} == {"partial"}


@pytest.mark.slow
def test_a_run_of_another_clone_does_not_count(
    repo: Path, tmp_path: Path, git: Git, exp: Exp, monkeypatch: pytest.MonkeyPatch
) -> None:
    git("init", "-q", "--bare", tmp_path / "origin")
    git("remote", "add", "origin", tmp_path / "origin")
    git("push", "-q", "origin", "HEAD")
    once()
    exp("push", "--all", code=None)
    exp("push")
    git("clone", "-q", tmp_path / "origin", tmp_path / "other")
    monkeypatch.chdir(tmp_path / "other")
    exp("pull")
    assert [run.own for run in programs.runs()] == [False, False]

    once()
    once()

    assert DONE == [1, 1]


def test_one_that_finished_a_moment_ago_in_a_living_experiment_counts(repo: Path) -> None:
    with experiment("outer") as outer:
        Add(number=1).submit()
        outer.wait()
        once()

    assert DONE == [1]
