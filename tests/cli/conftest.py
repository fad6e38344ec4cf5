"""For tests of commands: runs with fixed ids and times, written by a stock git, and an asker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from git_exp import records, scan
from git_exp.cli import ending
from git_exp.records import Git, Host, Process, RunEnd, RunStart, Summary
from tests import promised
from tests.conftest import Clock

START = 1_767_323_045_000_000
HOUR = 3_600_000_000
Git_ = Callable[..., str]


class Said(NamedTuple):
    """What a command wrote."""

    out: str
    err: str


Ask = Callable[..., Said]


class Runs:
    """Adds runs to a repository: one an hour from 2026-01-02 03:04:05 on, ids 1111…, 2222…."""

    def __init__(self, git: Git_) -> None:
        self._git = git
        self.count = 0

    def add(self, name: str, code: str = "print('METRIC acc=0.5')\n", **given: Any) -> str:
        """A run whose snapshot has `code` as train.py; its id."""
        self.count += 1
        run_id = f"{str(self.count) * 8}-0000-4000-8000-000000000000"
        t = START + (self.count - 1) * HOUR
        base = self._git("rev-parse", "HEAD")
        commit = self._snapshot(name, code, base)
        changed = code != self._git("show", "HEAD:train.py") + "\n"
        git = {"commit": commit, "base": base, "branch": "main", "capture": "full",
               "dirty": changed, **given.pop("git", {})}  # fmt: skip
        start = RunStart(
            t=records.stamp(t), v=1, run_id=run_id, name=name, git=Git(**git), user="Ada",
            host=Host(name="box", os="Linux", cpu_count=2, memory=1 << 33),
            process=Process(pid=7, argv=["python", "train.py"], python="3.11.7"),
            params=given.pop("params", {}), tags=given.pop("tags", []),
        )  # fmt: skip
        metrics = {path: summary(values) for path, values in given.pop("metrics", {}).items()}
        end = RunEnd(t=records.stamp(t + 90_000_000), **{
            "status": "finished", "duration_ms": 90_000.0, "metrics": metrics, **given,
        })  # fmt: skip
        note = records.line(start) + records.line(end)
        self._git("update-ref", f"refs/runs/{run_id}", commit)
        self._git("notes", "--ref=exp", "add", "-F", "-", commit, stdin=note.decode())
        return run_id

    def append(self, run_id: str, line: str) -> None:
        """One more line in a run's note, whatever it is."""
        self._git("notes", "--ref=exp", "append", "-F", "-", f"refs/runs/{run_id}", stdin=line)

    def _snapshot(self, name: str, code: str, base: str) -> str:
        blob = self._git("hash-object", "-w", "--stdin", stdin=code)
        tree = self._git("mktree", stdin=f"100644 blob {blob}\ttrain.py\n")
        return self._git("commit-tree", "-p", base, "-m", f"run: {name} {self.count}", tree)


def summary(values: list[float]) -> Summary:
    """The summary of values tracked at the steps 0, 1, 2, …"""
    low, high = min(values), max(values)
    return Summary(
        first=values[0], last=values[-1], min=low, max=high, count=len(values),
        min_step=values.index(low), max_step=values.index(high),
    )  # fmt: skip


@pytest.fixture
def runs(git: Git_) -> Runs:
    return Runs(git)


@pytest.fixture
def ask(capfd: pytest.CaptureFixture[str], clock: Clock) -> Ask:
    """Run a command in this process, two hours after the first run; it must exit with `code`."""
    clock.move(7_200)

    def asked(*args: str, code: int = 0) -> Said:
        capfd.readouterr()
        ended = ending.code(args)
        said = Said(*capfd.readouterr())
        assert ended == code, f"exit {ended}: {said.err}"
        promised.check(said.out)
        return said

    return asked


@pytest.fixture
def origin(repo: Path, tmp_path: Path, git: Git_, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bare repository that the current one knows as `origin`, and that has its branch."""
    # The extra's scanner takes seconds to be made in each new repository.
    monkeypatch.setattr(scan, "installed", lambda repo: None)
    path = tmp_path / "origin.git"
    git("init", "-q", "--bare", path)
    git("remote", "add", "origin", path)
    git("push", "-q", "origin", "main")
    return path


@pytest.fixture
def other(origin: Path, tmp_path: Path, git: Git_) -> Path:
    """Somebody else's clone of that."""
    path = tmp_path / "other"
    git("clone", "-q", "-b", "main", origin, path)
    return path
