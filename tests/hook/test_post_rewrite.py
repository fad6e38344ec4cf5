"""post-rewrite: a run is never lost to history rewriting, its links go along."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from git_exp.hook import post_rewrite
from tests.conftest import Exp
from tests.hook.conftest import CODE, Git_, Runs, links

Commit = Callable[..., str]
pytestmark = pytest.mark.usefixtures("hooked")


def test_a_reworded_commit_keeps_its_runs(commit: Commit, git: Git_, runs: Runs) -> None:
    runs.add("better")
    first = commit()

    git("commit", "-q", "--amend", "-m", "in other words")

    assert links() == {"better": [first, git("rev-parse", "HEAD")]}


@pytest.mark.slow
def test_an_amended_tree_is_another(commit: Commit, git: Git_, runs: Runs) -> None:
    runs.add("better")
    first = commit()

    commit("x = 2\n", "--amend", "--no-edit")

    assert links() == {"better": [first]}


@pytest.mark.slow
def test_a_rebase_takes_links_along_by_what_the_commits_change(
    commit: Commit, git: Git_, runs: Runs
) -> None:
    runs.add("better")
    first = commit()
    Path("notes").write_text("n\n")
    git("add", "notes")
    git("commit", "-q", "-m", "notes")
    git("checkout", "-q", "-b", "side", "HEAD~2")
    Path("other").write_text("o\n")
    git("add", "other")
    git("commit", "-q", "-m", "other")

    git("rebase", "-q", "side", "main")

    assert links() == {"better": [first, git("rev-parse", "main~1")]}
    assert git("log", "--format=%s") == "notes\na commit\nother\nfirst"


@pytest.mark.slow
def test_a_rebase_that_stops_at_a_conflict_and_goes_on(
    commit: Commit, git: Git_, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of it git has variables of its own set for hooks."""
    git("config", "exp.trailers", "true")
    runs.add("better")
    runs.add("resolved", "x = 7\n")
    first = commit()
    git("checkout", "-q", "-b", "side", "HEAD~1")
    commit("x = 2\n")
    monkeypatch.setenv("GIT_EDITOR", "true")
    assert subprocess.run(("git", "rebase", "-q", "side", "main"), capture_output=True).returncode

    Path("train.py").write_text("x = 7\n")
    git("add", "train.py")
    git("rebase", "--continue")

    head = git("rev-parse", "main")
    assert links() == {"better": [first], "resolved": [head]}
    assert git("log", "-1", "--format=%(trailers:key=Exp-Run,valueonly)").split() == [
        "11111111-0000-4000-8000-000000000000", "22222222-0000-4000-8000-000000000000"
    ]  # fmt: skip


@pytest.mark.slow
def test_in_a_submodule(commit: Commit, git: Git_, exp: Exp, repo: Path) -> None:
    git("init", "-q", "../whole")
    whole = repo.parent / "whole"
    git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(repo), "sub", cwd=whole)
    sub = whole / "sub"
    (sub / "train.py").write_text(CODE)
    exp("hooks", "install", cwd=sub)
    exp("run", "-n", "inside", "--", "python3", "train.py", cwd=sub)

    git("commit", "-q", "-a", "-m", "x", cwd=sub)
    git("commit", "-q", "--amend", "-m", "y", cwd=sub)

    told = exp("log", "--json", cwd=sub).stdout
    assert git("rev-parse", "HEAD", cwd=sub) in told
    assert git("rev-parse", "HEAD@{1}", cwd=sub) in told


@pytest.mark.slow
def test_a_squash_keeps_the_runs_of_its_last_commit(
    commit: Commit, git: Git_, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.add("early", "x = 2\n")
    runs.add("late")
    early = commit("x = 2\n")
    late = commit(CODE, "-m", "fixup! a commit")

    monkeypatch.setenv("GIT_SEQUENCE_EDITOR", ":")
    git("rebase", "-q", "-i", "--autosquash", "HEAD~2")

    assert links() == {"early": [early], "late": [late, git("rev-parse", "HEAD")]}


@pytest.mark.slow
def test_many_links_are_one_write_and_none_is_made_twice(
    commit: Commit, git: Git_, runs: Runs
) -> None:
    pairs = []
    for number in range(5):
        runs.add(f"run{number}", f"x = {number}\n")
        old = commit(f"x = {number}\n")
        tree = git("rev-parse", f"{old}^{{tree}}")
        pairs.append((old, git("commit-tree", tree, "-m", "again", "-p", f"{old}^")))
    before = int(git("rev-list", "--count", "refs/notes/exp"))
    told = "".join(f"{old} {new} extra words\n" for old, new in pairs)

    for _ in range(2):
        done = subprocess.run(("git-exp", "hook", "post-rewrite", "rebase"), input=told, text=True)
        assert done.returncode == 0

    assert int(git("rev-list", "--count", "refs/notes/exp")) == before + 1
    assert links() == {f"run{at}": list(pair) for at, pair in enumerate(pairs)}


def test_commits_that_are_not_here_and_lines_that_are_none_are_passed_over(
    commit: Commit, git: Git_, runs: Runs
) -> None:
    runs.add("better")
    head = commit()
    told = f"{head} {'1' * 40}\n{'2' * 40} {head}\nnonsense\n\n{head}\n"

    done = subprocess.run(
        ("git-exp", "hook", "post-rewrite", "rebase"), input=told, text=True, capture_output=True
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert links() == {"better": [head]}
    assert len(post_rewrite.pairs(told.encode())) == 2


def test_the_users_hook_behind_it_gets_all_of_its_input(
    repo: Path, commit: Commit, git: Git_, runs: Runs
) -> None:
    kept = repo / ".git/hooks/post-rewrite.before-git-exp"
    (repo / ".git/hooks/post-rewrite").replace(kept)
    kept.write_text('#!/bin/sh\necho "$@" >seen; cat >>seen\n')
    subprocess.run(("git", "exp", "hooks", "install"), check=True, stdout=subprocess.DEVNULL)
    runs.add("better")
    first = commit()

    git("commit", "-q", "--amend", "-m", "again")

    head = git("rev-parse", "HEAD")
    assert Path("seen").read_text() == f"amend\n{first} {head}\n"
    assert links() == {"better": [first, head]}
    assert os.access(kept, os.X_OK)
