"""git_exp.git.diff: which commits touch a path, and a patch in text."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from git_exp import errors
from git_exp.git import diff
from git_exp.git.repo import discover

Git = Callable[..., str]


@pytest.fixture
def commits(repo: Path, git: Git) -> list[str]:
    """The first commit, one that changes train.py, one that adds lib/new.py, a clean one."""
    made = [git("rev-parse", "HEAD")]
    for name, text in (("train.py", "x = 2\n"), ("lib/new.py", "y = 1\n"), ("", "")):
        if name:
            (repo / name).parent.mkdir(exist_ok=True)
            (repo / name).write_text(text)
        git("add", ".")
        git("commit", "-q", "--allow-empty", "-m", "next")
        made.append(git("rev-parse", "HEAD"))
    return made


def test_a_commit_touches_the_paths_in_which_it_differs_from_its_parent(
    repo: Path, commits: list[str]
) -> None:
    found = discover(repo, os.environ)

    assert diff.touching(found, commits, ["train.py"]) == set(commits[:2])
    assert diff.touching(found, commits, ["lib"]) == {commits[2]}
    assert diff.touching(found, commits, ["*.py"]) == set(commits[:3])
    assert diff.touching(found, commits, ["other"]) == set()
    assert diff.touching(found, [*commits, "1" * 40], ["lib"]) == {commits[2]}
    assert diff.touching(found, [], ["lib"]) == set()


def test_paths_are_those_of_the_users_folder(repo: Path, commits: list[str]) -> None:
    inside = discover(repo / "lib", os.environ)

    assert diff.touching(inside, commits, ["new.py"]) == {commits[2]}
    assert diff.touching(inside, commits, ["train.py"]) == set()


def test_a_patch_is_of_some_paths_and_no_longer_than_asked(repo: Path, commits: list[str]) -> None:
    inside, trees = discover(repo / "lib", os.environ), (commits[0], commits[3])
    whole = diff.patch(inside, trees)

    assert diff.patch(inside, trees, ["new.py"]).endswith("+y = 1\n")
    assert "train.py" not in diff.patch(inside, trees, ["new.py"], most=10_000)
    assert diff.patch(inside, trees, most=40) == whole[:40]
    assert diff.patch(inside, trees, most=10_000) == whole
    with pytest.raises(errors.GitFailed):
        diff.patch(inside, (commits[0], "1" * 40), most=10)


def test_a_patch_is_plain_text_whatever_the_user_has_set(
    repo: Path, commits: list[str], git: Git
) -> None:
    git("config", "color.ui", "always")
    git("config", "diff.external", "false")
    found = discover(repo, os.environ)

    patch = diff.patch(found, (commits[0], commits[1]))

    assert patch.startswith("diff --git a/train.py b/train.py\n")
    assert patch.endswith("@@ -1 +1 @@\n-print('METRIC acc=0.5')\n+x = 2\n")
