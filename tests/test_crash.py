"""kill -9 at every point of a run's start, tracks, checkpoint and end: nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pygit2
import pytest

from git_exp import Experiment, fsck, journal, records
from git_exp.run import Run
from git_exp.store import Store

TRACKS = 4
POINTS = ("write", "fsync", "rename", "unlink", "mkdir", "rmdir", "open", "close", "replace")


class Crash:
    """Kills this process at the Nth call of something that changes a file or a process."""

    def __init__(self, at: int, *, torn: bool = False) -> None:
        self.at = at
        self.torn = torn
        self.count = 0

    def arm(self) -> None:
        for name in POINTS:
            setattr(os, name, self.watched(getattr(os, name), torn=name == "write"))
        journal._write = os.write
        repository: Any = pygit2.Repository
        for name in ("create_blob", "create_commit"):
            setattr(repository, name, self.watched(getattr(repository, name)))
        process: Any = subprocess.Popen
        process.communicate = self.watched(process.communicate)

    def watched(self, call: Callable[..., Any], *, torn: bool = False) -> Callable[..., Any]:
        def watching(*args: Any, **given: Any) -> Any:
            self.count += 1
            if self.count == self.at:
                if torn and self.torn:
                    call(args[0], args[1][: len(args[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **given)

        return watching


def life(witness: Path, crash: Crash) -> None:
    """A whole run, with each call that returned told to a file that outlives the process."""
    tell = os.open(witness, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    write, arm = os.write, crash.arm
    arm()
    exp = Experiment("doomed", params={"lr": 0.1})
    write(tell, f"run {exp.run_id}\n".encode())
    for number in range(TRACKS):
        exp.track({"loss": number})
        write(tell, b"track\n")
        if number == TRACKS // 2:
            exp.artifact("train.py", "kept.py")
            exp.checkpoint()
            write(tell, b"checkpoint\n")
    exp.finish()
    write(tell, b"finish\n")
    write(tell, f"calls {crash.count}\n".encode())


def forked(witness: Path, crash: Crash) -> list[str]:
    """Live that life in a fork, and give what it told before it died."""
    witness.unlink(missing_ok=True)
    pid = os.fork()
    if pid == 0:
        try:
            life(witness, crash)
        except BaseException:
            witness.with_suffix(".error").write_text(traceback.format_exc())
        os._exit(0)
    os.waitpid(pid, 0)
    error = witness.with_suffix(".error")
    assert not error.exists(), error.read_text()
    return witness.read_text().splitlines() if witness.exists() else []


def losses(store: Store, run: Run) -> list[Any]:
    events = [records.parse(line) for line in store.series(run)]
    tracks = sorted((e.t, e.value["loss"]) for e in events if isinstance(e, records.Track))
    return [loss for _, loss in tracks]


def prove(repo: Path, told: list[str], before: str) -> None:
    """Everything told of is there once, the repository is sound, and a run can be made."""
    store = Store.open(repo, os.environ)
    verdict = fsck.check(store, repair=True)
    assert verdict.sound, verdict.findings
    assert fsck.check(store).findings == []
    git = ("git", "-c", "core.commitGraph=false")
    checked = subprocess.run((*git, "fsck", "--strict"), capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    assert "missing" not in checked.stdout + checked.stderr
    ids = [line.split()[1] for line in told if line.startswith("run ")]
    runs = {run.id: run for run in Store.open(repo, os.environ).runs() if run.name == "doomed"}
    assert len(runs) <= 1
    for run_id in ids:
        run = runs[run_id]
        kept = losses(store, run)
        assert kept == list(range(len(kept)))
        assert told.count("track") <= len(kept) <= told.count("track") + 1
        assert run.status == "finished" if "finish" in told else run.status in _POSSIBLE
        if "checkpoint" in told:
            assert store.file(run, "artifacts/kept.py") == (repo / "train.py").read_bytes()
        code = ("git", "cat-file", "-e", f"refs/runs/{run_id}:train.py")
        assert subprocess.run(code).returncode == 0
    assert status(repo) == before
    # What had no name yet is not taken for a journal; fsck removes it after a day.
    assert not list((repo / ".git/exp/spool").glob("*/[!.]*"))


_POSSIBLE = ("crashed", "finished")


def status(repo: Path) -> str:
    looked = ("git", "status", "--porcelain=v2", "--branch", "-z")
    return subprocess.run(looked, cwd=repo, capture_output=True, text=True).stdout


def forget(repo: Path) -> None:
    """Back to a repository that has no run, for the next point."""
    listed = ("git", "for-each-ref", "--format=delete %(refname)", "refs/runs", "refs/exp",
              "refs/notes")  # fmt: skip
    names = subprocess.run(listed, capture_output=True).stdout
    subprocess.run(("git", "update-ref", "--stdin"), input=names, check=True)


def points(total: int, *, every: int) -> Iterator[int]:
    yield from range(1, total + 1, every)


def survive(repo: Path, tmp_path: Path, *, every: int, torn: bool = False) -> int:
    (repo / "new.py").write_text("x = 1\n")
    (repo / "train.py").write_text("print('changed')\n")
    before = status(repo)
    witness = tmp_path / "witness"
    total = int(forked(witness, Crash(0))[-1].split()[1])
    for at in points(total, every=every):
        forget(repo)
        told = forked(witness, Crash(at, torn=torn))
        try:
            prove(repo, told, before)
        except AssertionError as error:
            raise AssertionError(f"killed at call {at} of {total}, told {told}") from error
    return total


def test_a_kill_at_any_call_loses_nothing(repo: Path, tmp_path: Path) -> None:
    total = survive(repo, tmp_path, every=7)

    assert total > 60


@pytest.mark.slow
def test_a_kill_at_every_call_loses_nothing(repo: Path, tmp_path: Path) -> None:
    survive(repo, tmp_path, every=1)


@pytest.mark.slow
def test_a_kill_in_the_middle_of_every_write_loses_nothing(repo: Path, tmp_path: Path) -> None:
    survive(repo, tmp_path, every=1, torn=True)
