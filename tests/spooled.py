"""Spools as processes leave them: runs that live, have ended, or died, made by hand."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from git_exp import journal, locks, records, seal, spool
from git_exp.git import objects
from git_exp.git.repo import Repo, discover
from git_exp.run import Run
from git_exp.store import Store

# Imports come first: another user may not read the folders of this one's Python.
_BECOME = """
import os
import pygit2, pytest
from pathlib import Path
from git_exp import cli, fsck, seal, store
from tests.spooled import found, opened, waiting
opened(Path.cwd())
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
"""
START = 1_767_323_045_000_000
HOUR = 3_600_000_000


class Spooled:
    """One run's spool and the journals in it that are open; every line is a millisecond later."""

    def __init__(self, repo: Repo, *, at: int = START, name: str = "a run", **where: Any) -> None:
        self.repo = repo
        self.name = name
        self.run_id = str(uuid.uuid4())
        self.now = at
        self.where = where
        self.commit = self._snapshot()
        self.opened: list[journal.Opened] = []
        git = records.Git(commit=self.commit, capture="full")
        start = records.RunStart(t=self.t(), v=1, run_id=self.run_id, name=name, git=git)
        self.join(owner=True, first=records.line(start))
        self._make_own()

    @property
    def folder(self) -> Path:
        return seal.spools(self.repo) / self.run_id

    @property
    def path(self) -> Path:
        """Its first journal."""
        return self.opened[0][0]

    @property
    def stem(self) -> str:
        return self.path.name.removesuffix(".jsonl")

    def t(self) -> str:
        self.now += 1000
        return records.stamp(self.now)

    def join(self, *, rank: int = 0, owner: bool = False, first: bytes = b"", **where: str) -> int:
        """One more journal; its number, for `journal=`."""
        here = spool.here()
        known: dict[str, Any] = {"boot": here.boot, "machine": here.machine, "host": here.host}
        writer = records.Writer(
            t=records.stamp(self.now), run_id=self.run_id, commit=self.commit, owner=owner,
            rank=rank, pid=os.getpid(), **{**known, **self.where, **where},
        )  # fmt: skip
        self.opened.append(journal.create(self.folder, writer, first))
        return len(self.opened) - 1

    def raw(self, text: bytes, *, journal: int = 0) -> None:
        os.write(self.opened[journal][1], text)

    def write(self, *events: type[records.Event], journal: int = 0, **given: Any) -> None:
        for kind in events:
            self.raw(records.line(kind(t=self.t(), **given)), journal=journal)

    def track(self, *values: Any, journal: int = 0) -> None:
        for value in values:
            self.write(records.Track, value=value, journal=journal)

    def end(self, status: str = "finished", **given: Any) -> Spooled:
        """The owner says how it ended and closes its journal; those who joined go too."""
        self.write(records.RunEnd, status=status, **given)
        return self.die()

    def die(self, journal: int | None = None) -> Spooled:
        """What the kernel does for a process that is gone."""
        for _, fd in self.opened if journal is None else [self.opened[journal]]:
            with suppress(OSError):
                os.close(fd)
        return self

    def _snapshot(self) -> str:
        writer = objects.Writer(self.repo)
        tree = writer.tree(None, {"train.py": (objects.BLOB, writer.blob(b"x = 1\n"))})
        who = objects.Ident(name="Ada", email="ada@example.org", time=self.now // 1_000_000)
        message = f"run: {self.name}\n\nRun-Id: {self.run_id}\n"
        return writer.commit(tree, [], message, author=who, committer=who)

    def _make_own(self) -> None:
        ref = self.repo.common_dir / f"refs/runs/{self.run_id}"
        ref.parent.mkdir(exist_ok=True)
        ref.write_text(f"{self.commit}\n")
        with (self.repo.home / "local").open("a") as local:
            local.write(f"{self.run_id}\n")


def found(top: Path) -> Repo:
    """The repository of a folder, looked up now."""
    return discover(top, dict(os.environ))


def opened(top: Path) -> Store:
    return Store(found(top))


def get(store: Store, run: Spooled) -> Run:
    got = store.get(run.run_id)
    assert got is not None
    return got


def values(store: Store, run: Spooled) -> list[Any]:
    """What a run has tracked, in the order of time."""
    events = [records.parse(line) for line in store.series(get(store, run))]
    return [e.value for e in sorted(_tracks(events), key=lambda e: e.t)]


def as_another_user(script: str, top: Path) -> str:
    """What a script prints that another user runs in a copy of a repository that he may read."""
    with tempfile.TemporaryDirectory() as place:
        there = Path(place) / "repo"
        shutil.copytree(top, there, symlinks=True)
        Path(place).chmod(0o755)
        (Path(place) / ".gitconfig").write_text("[safe]\n\tdirectory = *\n")
        code = str(Path(__file__).parents[1])
        env = {**os.environ, "PYTHONPATH": code, "HOME": place, "XDG_CONFIG_HOME": place}
        done = subprocess.run(
            (sys.executable, "-c", f"{_BECOME}{script}"),
            capture_output=True, text=True, env=env, cwd=there,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def waiting(repo: Repo) -> list[str]:
    """The runs that have a spool."""
    return spool.run_ids(seal.spools(repo))


def whole(top: Path) -> str:
    """What a strict `git fsck` complains of, dangling objects apart."""
    done = subprocess.run(
        ("git", "fsck", "--strict", "--no-dangling"), cwd=top, capture_output=True, text=True
    )
    return done.stdout + "".join(
        line for line in done.stderr.splitlines() if not line.startswith("Checking")
    )


@contextmanager
def counted(patch: pytest.MonkeyPatch, owner: Any, name: str) -> Iterator[list[Any]]:
    """The arguments of every call of a function meanwhile."""
    calls: list[Any] = []
    real = getattr(owner, name)

    def counting(*args: Any, **given: Any) -> Any:
        calls.append(args)
        return real(*args, **given)

    with patch.context() as patched:
        patched.setattr(owner, name, counting)
        yield calls


def _tracks(events: list[Any]) -> list[records.Track]:
    return [event for event in events if isinstance(event, records.Track)]


def leave_marker(repo: Repo, *names: str) -> None:
    """What a process leaves that was killed as its git had locked some refs."""
    locks._marker(repo).parent.mkdir(parents=True, exist_ok=True)
    locks._marker(repo).write_text("\n".join(names))
    # It is there before the locks are.
    os.utime(locks._marker(repo), (0, 0))
