"""The witness of runs sees whatever a run could change that is the user's."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.git import witness
from tests.git.witness import commit, git, write


def touched(path: Path) -> None:
    os.utime(path, ns=(1, 1))


CHANGES: dict[str, Callable[[Path], object]] = {
    "the time of the index": lambda top: touched(top / ".git/index"),
    "the bytes of the index": lambda top: git(top, "update-index", "--force-write-index"),
    "what is staged": lambda top: git(top, "rm", "-q", "--cached", "a/x"),
    "HEAD": lambda top: git(top, "checkout", "-q", "--detach"),
    "a branch": lambda top: git(top, "branch", "new"),
    "a tag": lambda top: git(top, "tag", "new"),
    "the stash": lambda top: git(top, "stash", "-q"),
    "a reflog": lambda top: write(top, {".git/logs/refs/runs/x": "x"}),
    "the configuration": lambda top: git(top, "config", "a.b", "c"),
    "a merge": lambda top: write(top, {".git/MERGE_HEAD": "x"}),
    "a file": lambda top: write(top, {"a/x": "y\n"}),
    "the time of a file": lambda top: touched(top / "a/x"),
    "the mode of a file": lambda top: (top / "a/x").chmod(0o755),
    "a new ignored file": lambda top: write(top, {"a/ignored": ""}),
    "a file that is gone": lambda top: (top / "a/x").unlink(),
    "the time of a folder": lambda top: touched(top / "a"),
    "the target of a link": lambda top: relinked(top / "link"),
}


def relinked(link: Path) -> None:
    link.unlink()
    link.symlink_to("elsewhere")


@pytest.mark.slow
@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_seen(repo: Path, what: str) -> None:
    (repo / "link").symlink_to("nowhere")
    commit(repo, {"a/x": "x\n", ".gitignore": "ignored\n"})
    write(repo, {"train.py": "changed\n"})
    before = witness.state(repo)

    CHANGES[what](repo)

    assert witness.state(repo) != before


def test_nothing_is_seen_where_nothing_changed(repo: Path) -> None:
    before = witness.state(repo)

    assert witness.state(repo) == before


def test_another_tree_is_told_from_the_reference(repo: Path) -> None:
    clean = witness.reference(repo)
    write(repo, {"a": "a\n", "b": "b\n"})

    whole, less = witness.reference(repo), witness.reference(repo, without=["b"])

    assert len({clean, whole, less}) == 3
    assert clean == git(repo, "rev-parse", "HEAD^{tree}").decode()
