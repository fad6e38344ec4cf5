"""What the start of a run costs above the same plumbing by the git program."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
from itertools import count
from pathlib import Path

import pytest

from git_exp import Experiment
from tests.perf.measure import Row, interleaved, process, ratio, spent
from tests.perf.repository import make

WHOLE = "from git_exp import Experiment; Experiment('first'); import os; os._exit(0)"
IMPORTS = "import pygit2, msgspec; import os; os._exit(0)"


@pytest.mark.parametrize(("files", "rounds"), [(20, 40), (20_000, 15)])
def test_the_start_of_a_run_costs_little_more_than_git_alone(
    tmp_path: Path, rows: list[Row], files: int, rounds: int
) -> None:
    repo = make(tmp_path / "repo", files)
    numbers = count(1)

    def floor() -> float:
        _edit(repo, next(numbers))
        return spent(lambda: _plumbing(repo))

    def ours() -> float:
        _edit(repo, next(numbers))
        started: list[Experiment] = []
        lasted = spent(lambda: started.append(Experiment("measured", repo=repo)))
        started[0].finish()
        return lasted

    took = interleaved(rounds, floor=floor, ours=ours)

    what = f"start of a run, {files:,} files"
    rows.append(ratio(what, took["floor"], took["ours"], at_most=1.3))


def test_the_first_start_of_a_process_is_there_to_be_known(tmp_path: Path, rows: list[Row]) -> None:
    repo = make(tmp_path / "repo")
    numbers = count(1)

    def first(code: str) -> float:
        _edit(repo, next(numbers))
        return process((sys.executable, "-c", code), repo)()

    took = interleaved(10, floor=lambda: first(IMPORTS), ours=lambda: first(WHOLE))

    what = "first start of a process, above python importing pygit2 and msgspec"
    rows.append(ratio(what, took["floor"], took["ours"]))


def _edit(repo: Path, number: int) -> None:
    """Five files modified and one new, all as they never were before."""
    for at in range(5):
        (repo / "src0" / f"file{at}.py").write_text(f"changed = {number}\n" * 20)
    for old in repo.glob("new*.py"):
        old.unlink()
    (repo / f"new{number}.py").write_text(f"new = {number}\n")


def _plumbing(repo: Path) -> None:
    """The index copied with its modification time, staged into, and committed to a ref."""
    copy = repo / ".git" / "floor.index"
    shutil.copy2(repo / ".git" / "index", copy)
    env = {**os.environ, "GIT_INDEX_FILE": str(copy), "GIT_OPTIONAL_LOCKS": "0"}

    def run(*words: str) -> str:
        done = subprocess.run(
            ("git", *words), cwd=repo, env=env, stdout=subprocess.PIPE, check=True
        )
        return done.stdout.decode().strip()

    run("add", "-A")
    tree = run("write-tree")
    commit = run("commit-tree", "-p", "HEAD", "-m", "run: floor", tree)
    run("update-ref", f"refs/floor/{uuid.uuid4()}", commit)
