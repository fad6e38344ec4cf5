"""pre-push: runs go along with the branch, and never hold it up."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from git_exp.git.repo import discover
from git_exp.session import ExperimentConfig, history
from tests.conftest import Exp
from tests.hook.conftest import CODE, Git_

Commit = Callable[..., str]


@pytest.fixture(autouse=True)
def server(hooked: Path, git: Git_, exp: Exp) -> Path:
    """A server that is the remote `origin`, and one run here."""
    git("init", "-q", "--bare", "../the server")
    git("remote", "add", "origin", "../the server")
    git("config", "exp.autoPush", "true")
    exp("run", "-n", "one", "--", "python3", "train.py")
    return Path("../the server").resolve()


def push(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(("git", "push", "-q", *args), capture_output=True, text=True)


def there(git: Git_, server: Path) -> list[str]:
    names = git("for-each-ref", "--format=%(refname)", cwd=server).split()
    return sorted({"/".join(name.split("/")[:2]) for name in names})


@pytest.mark.slow
def test_runs_go_along_with_the_branch(git: Git_, server: Path) -> None:
    done = push("origin", "main")

    assert (done.returncode, done.stderr) == (0, "exp.autoPush: sent 1 run to origin\n")
    assert there(git, server) == ["refs/exp", "refs/heads", "refs/notes", "refs/runs"]
    assert push("origin", "main").stderr == ""


@pytest.mark.slow
def test_sessions_go_along_too(hooked: Path, git: Git_, server: Path) -> None:
    config = ExperimentConfig(goal="a faster kernel")
    history.start(discover(hooked, dict(os.environ)), config, session_id="kernels")

    assert push("origin", "main").returncode == 0

    assert "refs/sessions" in there(git, server)


def test_without_the_setting_they_stay(git: Git_, server: Path) -> None:
    git("config", "exp.autoPush", "false")

    assert push("origin", "main").returncode == 0

    assert there(git, server) == ["refs/heads"]


@pytest.mark.slow
def test_with_a_remote_of_their_own_they_go_there_alone(
    git: Git_, server: Path, tmp_path: Path
) -> None:
    git("init", "-q", "--bare", "../private")
    git("remote", "add", "mine", "../private")
    git("config", "exp.remote", "mine")

    assert push("origin", "main").returncode == 0

    assert there(git, server) == ["refs/heads"]
    assert there(git, tmp_path / "private") == ["refs/exp", "refs/notes", "refs/runs"]


def test_to_a_url_that_is_no_remote_none_go(git: Git_, server: Path) -> None:
    assert push(str(server), "main").returncode == 0

    assert there(git, server) == ["refs/heads"]


def test_trouble_is_a_warning_and_the_branch_goes(git: Git_, server: Path) -> None:
    git("config", "exp.remote", "away")
    git("remote", "add", "away", "/no/such/place")

    done = push("origin", "main")

    assert done.returncode == 0
    assert done.stderr.startswith("warning: the pre-push hook of git exp: remote 'away': ")
    assert there(git, server) == ["refs/heads"]


@pytest.mark.slow
def test_a_server_that_takes_no_runs_takes_the_branch(git: Git_, server: Path) -> None:
    hook = server / "hooks/pre-receive"
    hook.write_text(
        "#!/bin/sh\nwhile read a b name; do case $name in refs/heads/*) ;; *) exit 1;; esac; done\n"
    )
    hook.chmod(0o755)

    done = push("origin", "main")

    assert done.returncode == 0, done.stderr
    assert there(git, server) == ["refs/heads"]
    assert "warning: " in done.stderr


@pytest.mark.slow
def test_what_git_exp_pushes_itself_sends_nothing_more(exp: Exp, git: Git_, commit: Commit) -> None:
    commit(CODE)

    told = exp("push", "origin")

    assert "exp.autoPush" not in told.stderr
