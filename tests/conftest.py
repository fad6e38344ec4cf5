"""The sealed world of every test: an empty home, fixed dates, and a repository of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import examples, promised

Exp = Callable[..., "subprocess.CompletedProcess[str]"]
examples.seal()
# What nohup and a shell in the background ignore is not ours, nor is the user's umask.
os.umask(0o022)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
DATE = "2026-01-02T03:04:05+00:00"


class Clock:
    """A pretended `time.time_ns`, which stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1_767_323_045_000_000_000

    def __call__(self) -> int:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += int(seconds * 1e9)


@pytest.fixture(autouse=True)
def sealed(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the machine's user, of its git or of its terminal reaches a test."""
    stray = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PAGER", "LESS", "MANPAGER",
             "NO_COLOR", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")  # fmt: skip
    for key in [key for key in os.environ if key.startswith(("GIT_", "XDG_")) or key in stray]:
        monkeypatch.delenv(key)
    home = tmp_path / "home"
    (home / ".config").mkdir(parents=True)
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n"
    )
    sealing = {
        "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "GIT_CONFIG_NOSYSTEM": "1",
        # Rules of the scanner take seconds to compile: once for all tests.
        "XDG_CACHE_HOME": str(tmp_path_factory.getbasetemp() / "cache"),
        "GIT_AUTHOR_DATE": DATE, "GIT_COMMITTER_DATE": DATE, "GIT_ALLOW_PROTOCOL": "file",
        "LC_ALL": "C", "TZ": "UTC", "COLUMNS": "80", "TERM": "dumb",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip
    for key, value in sealing.items():
        monkeypatch.setenv(key, value)


@pytest.fixture
def git() -> Callable[..., str]:
    """Run git in the current folder and give what it prints, without the last line feed."""

    def run(*args: str | Path, stdin: str | None = None, cwd: Path | None = None) -> str:
        done = subprocess.run(
            ("git", *map(str, args)), input=stdin, cwd=cwd, capture_output=True, text=True
        )
        assert done.returncode == 0, f"git {args}: {done.stderr}"
        return done.stdout.removesuffix("\n")

    return run


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, git: Callable[..., str]) -> Path:
    """A repository with one commit of `train.py`; it is the current folder."""
    path = tmp_path / "repo"
    path.mkdir()
    monkeypatch.chdir(path)
    (path / "train.py").write_text("print('METRIC acc=0.5')\n")
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    return path


@pytest.fixture
def exp() -> Exp:
    """Run `git exp …` as a user does; it must exit with `code` unless that is None."""

    def run(
        *args: str | Path, code: int | None = 0, stdin: str = "", cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        words = ("git", "exp", *map(str, args))
        done = subprocess.run(words, input=stdin, cwd=cwd, capture_output=True, text=True)
        assert code in (None, done.returncode), f"exit {done.returncode}: {done.stderr}"
        promised.check(done.stdout)
        return done

    return run


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Time for code in this process: `time.time_ns` stands still until `clock.move(seconds)`."""
    pretended = Clock()
    monkeypatch.setattr(time, "time_ns", pretended)
    return pretended
