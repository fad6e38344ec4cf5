"""post-commit: a commit is linked to the runs that were made of its code."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from git_exp import Experiment
from tests import programs
from tests.conftest import Exp
from tests.hook.conftest import CODE, Git_, Runs, links

Commit = Callable[..., str]
pytestmark = pytest.mark.usefixtures("hooked")


def test_a_commit_is_linked_to_the_runs_of_its_tree(commit: Commit, exp: Exp, runs: Runs) -> None:
    runs.add("better")
    runs.add("other", "x = 2\n")

    head = commit()

    assert links() == {"better": [head], "other": []}
    assert exp("log", "--format=%n", head).stdout == "better\n"
    assert exp("show", head[:10]).stdout.startswith("run 11111111")


def test_what_was_run_and_then_committed_is_linked(commit: Commit, exp: Exp) -> None:
    Path("train.py").write_text(CODE)
    exp("run", "-n", "real", "--", "python3", "train.py")

    head = commit()

    assert links() == {"real": [head]}


def test_all_runs_of_a_tree_are_linked_in_one_write(
    commit: Commit, git: Git_, exp: Exp, runs: Runs
) -> None:
    for number in range(4):
        runs.add(f"run{number}", status="failed" if number else "finished")
    before = git("rev-list", "--count", "refs/notes/exp")

    head = commit()

    assert links() == {f"run{number}": [head] for number in range(4)}
    assert int(git("rev-list", "--count", "refs/notes/exp")) == int(before) + 1
    assert git("log", "-1", "--format=%s", "refs/notes/exp") == "exp: link 4 runs"
    assert exp("log", "--format=%n", head[:12]).stdout == "run3\nrun2\nrun1\nrun0\n"
    assert "is ambiguous" in exp("show", head, code=3).stderr


def test_a_running_run_is_linked_too(commit: Commit) -> None:
    Path("train.py").write_text(CODE)
    program = programs.start("exp = Experiment('alive')\nprint('up', flush=True)\ninput()\n")
    assert program.stdout
    program.stdout.readline()

    head = commit()
    program.communicate("\n")

    assert links() == {"alive": [head]}


def test_a_deleted_run_and_one_without_a_snapshot_are_not(
    commit: Commit, exp: Exp, runs: Runs, git: Git_
) -> None:
    exp("rm", runs.add("gone"))
    runs.add("blind", git={"capture": "none"})
    runs.add("kept")
    before = git("log", "-1", "--format=%T", "refs/notes/exp")

    head = commit()

    assert links() == {"blind": [], "kept": [head]}
    assert before != git("log", "-1", "--format=%T", "refs/notes/exp")


@pytest.mark.slow
def test_a_commit_that_differs_outside_of_the_code_is_linked(
    commit: Commit, git: Git_, runs: Runs
) -> None:
    git("config", "--add", "exp.codePaths", "*.py")
    git("config", "--add", "exp.codePaths", "lib/")
    runs.add("better")
    runs.add("other", "x = 2\n")
    Path("README").write_text("read me\n")
    git("add", "README")

    first = commit()
    Path("README").write_text("read it again\n")
    second = commit()
    third = commit("x = 3\n")

    assert links() == {"better": [first, second], "other": []}
    assert third


def test_without_code_paths_every_file_counts(commit: Commit, git: Git_, runs: Runs) -> None:
    runs.add("better")
    Path("README").write_text("read me\n")
    git("add", "README")

    commit()

    assert links() == {"better": []}


def test_runs_of_others_whose_code_is_not_here_are_no_trouble(
    commit: Commit, git: Git_, runs: Runs
) -> None:
    git("config", "exp.codePaths", "*.py")
    runs.add("theirs", git={"tree": "1234567890" * 4})
    runs.add("odd", git={"tree": "--output=x"})
    runs.add("mine")
    Path("README").write_text("read me\n")
    git("add", "README")

    head = commit()

    assert links() == {"theirs": [], "odd": [], "mine": [head]}


def test_part_of_the_worktree_committed_by_its_path(git: Git_, runs: Runs) -> None:
    runs.add("better")
    Path("train.py").write_text(CODE)
    Path("more.py").write_text("more\n")
    git("add", "more.py")

    git("commit", "-q", "-m", "one file", "train.py")

    assert links() == {"better": [git("rev-parse", "HEAD")]}
    assert git("status", "--porcelain") == "A  more.py"


def test_in_a_linked_worktree_with_spaces_and_a_subdirectory(git: Git_, runs: Runs) -> None:
    runs.add("better")
    git("worktree", "add", "-q", "../linked tree", "-b", "side")
    folder = Path("../linked tree/a folder")
    folder.mkdir()
    (folder.parent / "train.py").write_text(CODE)

    git("commit", "-q", "-a", "-m", "there", cwd=folder)

    assert links() == {"better": [git("rev-parse", "side")]}


def test_without_a_user_name_in_the_configuration(
    runs: Runs, commit: Commit, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.add("better")
    Path(os.environ["HOME"], ".gitconfig").unlink()
    for word in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{word}_NAME", "Bo")
        monkeypatch.setenv(f"GIT_{word}_EMAIL", "bo@example.org")

    head = commit()

    assert links() == {"better": [head]}


def test_a_merge_and_a_cherry_pick_are_linked(git: Git_, runs: Runs, commit: Commit) -> None:
    git("checkout", "-q", "-b", "side")
    side = commit("x = 2\n")
    git("checkout", "-q", "main")
    runs.add("picked", "x = 2\n")
    git("cherry-pick", side)
    head = git("rev-parse", "HEAD")
    git("reset", "-q", "--hard", "HEAD~1")
    Path("other").write_text("o\n")
    git("add", "other")

    git("commit", "-q", "-m", "other")
    git("merge", "-q", "--no-ff", "-m", "both", "side")

    assert links() == {"picked": [head]}
    assert git("status", "--porcelain") == ""


def test_trouble_is_one_line_and_the_commit_is_made(
    commit: Commit, repo: Path, runs: Runs, git: Git_
) -> None:
    runs.add("better")
    (repo / ".git/exp").write_text("no folder\n")
    Path("train.py").write_text(CODE)

    done = subprocess.run(("git", "commit", "-q", "-a", "-m", "x"), capture_output=True, text=True)

    assert done.returncode == 0
    assert done.stderr.startswith("warning: the post-commit hook of git exp: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["GIT_EXP_PUSHING", "GIT_EXP_DISABLED"])
def test_it_returns_at_once_when_told_to(
    name: str, commit: Commit, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.add("better")
    monkeypatch.setenv(name, "1")

    commit()
    monkeypatch.delenv(name)

    assert links() == {"better": []}


def test_a_private_run_that_still_runs_is_linked_where_nobody_else_looks(
    commit: Commit, git: Git_
) -> None:
    Path("train.py").write_text(CODE)
    with Experiment("hidden", private=True):
        head = commit()

        assert git("for-each-ref", "refs/notes") == ""
        assert links() == {"hidden": [head]}
    assert git("for-each-ref", "refs/notes") == ""
    assert links() == {"hidden": [head]}
