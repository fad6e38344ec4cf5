"""Worktrees that chance made: each is captured as `git add -A` would, and left as it was."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from git_exp.git import snapshot
from git_exp.git.untracked import Rules
from tests.git import witness
from tests.git.witness import git

NAMES = ("a", "b", "c", "d", "é", "x y", "-z", "n\nl")
SETTINGS = (
    ("config", "core.fileMode", "false"),
    ("config", "core.autocrlf", "input"),
    ("update-index", "--index-version", "4"),
    ("update-index", "--split-index"),
    ("update-index", "--force-untracked-cache"),
    ("sparse-checkout", "set", "--cone", "a"),
    ("sparse-checkout", "set", "--cone", "--sparse-index", "b"),
    ("sparse-checkout", "set", "--no-cone", "c"),
)


class Chance:
    """What a user may do to a worktree, by the dice."""

    def __init__(self, top: Path, seed: int) -> None:
        self.top = top
        self.dice = random.Random(seed)

    def path(self) -> str:
        return "/".join(self.dice.choice(NAMES) for _ in range(self.dice.randint(1, 3)))

    def change(self, times: int) -> None:
        acts = (self.put, self.put, self.put, self.remove, self.mode, self.link, self.stage)
        for _ in range(times):
            self.dice.choice(acts)(self.top / self.path())

    def put(self, path: Path) -> None:
        for folder in reversed(path.relative_to(self.top).parents):
            self._folder(self.top / folder)
        self.remove(path)
        if self.dice.random() < 0.2:
            path.symlink_to(self.dice.choice(("a", "b/c", "nowhere", "..", ".")))
        else:
            path.write_text(self.dice.choice("123") * self.dice.choice((1, 1, 2)) + "\n")

    def remove(self, path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        elif os.path.lexists(path):
            path.unlink()

    def mode(self, path: Path) -> None:
        if path.is_file():
            path.chmod(self.dice.choice((0o644, 0o755)))

    def link(self, path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            self.remove(path)
            # One that was reached by a symlink may have gone with what it was in.
            with suppress(OSError):
                path.symlink_to(self.dice.choice(("a", "nowhere")))

    def stage(self, path: Path) -> None:
        word = self.dice.choice((("add", "-A"), ("add", "-N"), ("rm", "-rq", "--cached")))
        self.may(*word, "--", f":(literal){path.relative_to(self.top)}")

    def may(self, *words: str) -> None:
        """A git command that may fail."""
        subprocess.run(("git", *words), cwd=self.top, capture_output=True)

    def commit(self) -> None:
        git(self.top, "add", "-A", "--sparse")
        git(self.top, "commit", "-q", "-m", "c", "--allow-empty")

    def merge(self) -> None:
        """Two branches that may conflict, in the middle of a merge."""
        for branch in ("topic", "main"):
            git(self.top, "checkout", "-q", *(("-b",) if branch == "topic" else ()), branch)
            self.change(8)
            self.commit()
        self.may("merge", "-q", "topic")

    def _folder(self, path: Path) -> None:
        if not path.is_dir() or path.is_symlink():
            self.remove(path)
            path.mkdir()


@pytest.mark.parametrize(
    "seed", [*range(20), *(pytest.param(at, marks=pytest.mark.slow) for at in range(20, 320))]
)
def test_any_worktree_is_captured_as_git_would_and_left_as_it_was(repo: Path, seed: int) -> None:
    chance = Chance(repo, seed)
    chance.change(chance.dice.randint(0, 15))
    chance.commit()
    if chance.dice.random() < 0.4:
        chance.merge()
    if chance.dice.random() < 0.2:
        witness.write(repo, {".gitignore": chance.dice.choice(("a\n", "b/\n", "*\n!c\n"))})
    for words in chance.dice.sample(SETTINGS, chance.dice.randint(0, 2)):
        chance.may(*words)
    chance.change(chance.dice.randint(0, 12))
    before = witness.state(repo)

    taken = snapshot.take(witness.discovered(repo), Rules())

    assert witness.state(repo) == before
    assert (taken.missed, taken.left_out) == ([], [])
    assert taken.tree == witness.reference(repo)
