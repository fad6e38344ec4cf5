"""What differs between two trees, as git itself says it."""

from __future__ import annotations

import os
from pathlib import Path

from git_exp.git import steps
from git_exp.git.repo import discover
from tests.cli.conftest import Git_


def test_every_path_that_differs_is_told_as_by_git(repo: Path, git: Git_) -> None:
    files = {"a/b/c": "1", "a/same/d": "same", "gone/x": "2", "turned": "3", "folder/in": "4"}
    for name, text in files.items():
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / name).write_text(text)
    git("add", ".")
    git("commit", "-qm", "before")
    git("rm", "-q", "gone/x", "folder/in", "turned")
    (repo / "turned").mkdir()
    for name in ("turned/into", "folder", "a/b/c", "new"):
        (repo / name).write_text("other")
    (repo / "train.py").chmod(0o755)
    git("add", ".")
    git("commit", "-qm", "after")
    old, new = git("rev-parse", "HEAD~1", "HEAD").split()

    found = steps.between(discover(repo, os.environ), old, new)

    assert found
    told = git("diff-tree", "-r", "--raw", "--no-abbrev", "--no-renames", old, new)
    ours = [f":{one.before:06o} {one.mode:06o} {one.old} {one.oid}\t{one.path}" for one in found]
    theirs = [f"{line[:96]}{line[98:]}" for line in told.split("\n")]
    assert sorted(ours) == sorted(theirs)


def test_what_cannot_be_read_is_nothing(repo: Path, git: Git_) -> None:
    here = discover(repo, os.environ)

    assert steps.between(here, "1" * 40, git("rev-parse", "HEAD")) is None
    assert steps.blob(here, "1" * 40) is None
