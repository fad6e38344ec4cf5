"""Many who push at once: all of their runs arrive, and nobody is told no."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from git_exp import share
from tests import programs
from tests.share.test_servers import held, noted
from tests.share.world import Clone, clone, git

pytestmark = pytest.mark.usefixtures("plain_rules")


def push_all(folders: Sequence[Path]) -> list[tuple[int, str]]:
    """A `git exp push` in each of some clones at the same time: exit codes and errors."""
    words = ("git", "exp", "push")
    pipe = subprocess.PIPE
    started = [
        subprocess.Popen(words, cwd=one, stdout=pipe, stderr=pipe, text=True) for one in folders
    ]
    said = [one.communicate()[1] for one in started]
    return [(one.returncode, err) for one, err in zip(started, said, strict=True)]


def pushed_at_once(there: Path, here: Clone, top: Path, *, clones: int, each: int) -> None:
    everyone = [here, *(clone(there, top / f"clone{at}") for at in range(1, clones))]
    made = {one.run().commit for one in everyone for _ in range(each)}
    assert len(made) == clones * each

    done = push_all([one.path for one in everyone])

    assert done == [(0, "")] * clones
    assert noted(there) == made
    assert len(held(there, "refs/runs")) == len(held(there, "refs/exp/data")) == len(made)
    assert not git(there, "fsck", "--connectivity-only", "--no-dangling")
    for one in everyone:
        share.pull(one.store)
        assert len(one.runs()) == len(made)
        assert one.tree() == git(there, "rev-parse", "refs/notes/exp^{tree}")


@pytest.mark.slow
def test_four_who_push_at_once_all_arrive(there: Path, here: Clone, tmp_path: Path) -> None:
    pushed_at_once(there, here, tmp_path, clones=4, each=3)


@pytest.mark.slow
def test_sixteen_who_push_twenty_runs_at_once_all_arrive(
    there: Path, here: Clone, tmp_path: Path
) -> None:
    pushed_at_once(there, here, tmp_path, clones=16, each=20)


def test_several_pushes_of_one_clone_at_once_all_succeed(there: Path, here: Clone) -> None:
    runs = [here.run() for _ in range(6)]

    done = push_all([here.path] * 3)

    assert done == [(0, "")] * 3
    assert noted(there) == {run.commit for run in runs}


@pytest.mark.slow
def test_pushes_go_on_while_runs_are_recorded_and_sealed(
    there: Path, here: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(here.path)
    source = """
for number in range(3):
    with Experiment(f"run {number}") as exp:
        for step in range(20):
            exp.track({"loss": step})
        exp.checkpoint()
"""
    writers = [programs.start(source) for _ in range(2)]
    done = []
    while any(one.poll() is None for one in writers):
        done += push_all([here.path])
    said = [one.communicate()[1] for one in writers]
    done += push_all([here.path])

    assert [one.returncode for one in writers] == [0, 0], said
    assert set(done) == {(0, "")}
    share.pull((mate := clone(there, tmp_path / "mate")).store, everything=True)
    found = mate.store.runs()
    assert [run.status for run in found] == ["finished"] * 6
    for run in found:
        assert sorted(point.value for point in run.series("loss")) == list(range(20))
    assert here.tree() == mate.tree()
