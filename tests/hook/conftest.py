"""For tests of hooks: a repository that has them, and runs that say which tree they are of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import programs
from tests.cli import conftest
from tests.conftest import Exp

Git_ = Callable[..., str]
CODE = "print('METRIC acc=0.9')\n"


class Runs(conftest.Runs):
    """Runs of `train.py` alone, as git exp records them: with the tree that they are of."""

    def add(self, name: str, code: str = CODE, **given: Any) -> str:
        blob = self._git("hash-object", "-w", "--stdin", stdin=code)
        tree = self._git("mktree", stdin=f"100644 blob {blob}\ttrain.py\n")
        return super().add(name, code, git={"tree": tree, **given.pop("git", {})}, **given)


@pytest.fixture
def runs(git: Git_) -> Runs:
    return Runs(git)


@pytest.fixture
def hooked(repo: Path, exp: Exp) -> Path:
    """The repository with git exp's hooks installed."""
    exp("hooks", "install")
    return repo


@pytest.fixture
def commit(git: Git_) -> Callable[..., str]:
    """Commit train.py as it is to be; the commit."""

    def made(code: str = CODE, *args: str) -> str:
        Path("train.py").write_text(code)
        git("commit", "-q", "-a", *(args or ("-m", "a commit")))
        return git("rev-parse", "HEAD")

    return made


def links() -> dict[str, list[str]]:
    """The commits that each run is linked to, by its name."""
    return {run.name: run.links for run in programs.runs()}
