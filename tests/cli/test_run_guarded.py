"""git exp run under conditions: protected paths, a time limit, a key, and no output."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Exp

Git = Callable[..., str]
PRINT = ("--", "sh", "-c", "echo METRIC acc=0.9")


def latest(exp: Exp, name: str = "@") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(exp("show", name, "--json").stdout)["run"]
    return found


@pytest.fixture
def guarded(repo: Path, git: Git) -> Path:
    """A repository whose evaluation is a file, a folder and a link."""
    (repo / "eval.py").write_text("print('METRIC acc=0.5')\n")
    (repo / "data").mkdir()
    (repo / "data/test.csv").write_text("1\n")
    (repo / "data/link").symlink_to("test.csv")
    git("add", ".")
    git("commit", "-q", "-m", "evaluation")
    return repo


def test_a_run_whose_protected_files_are_the_bases_is_like_any(guarded: Path, exp: Exp) -> None:
    (guarded / "train.py").write_text("print('METRIC acc=0.6')\n")

    done = exp("run", "--protect", "eval.py", "--protect", "data", *PRINT)

    assert "warning" not in done.stderr
    assert latest(exp)["tags"] == []
    assert exp("best", "acc").returncode == 0


EDITS: dict[str, tuple[Callable[[Path], object], str]] = {
    "edited": (lambda top: (top / "eval.py").write_text("print('METRIC acc=1')\n"), "eval.py"),
    "deleted": (lambda top: (top / "data/test.csv").unlink(), "data/test.csv"),
    "made executable": (lambda top: (top / "eval.py").chmod(0o755), "eval.py"),
    "added": (lambda top: (top / "data/more.csv").write_text("2\n"), "data/more.csv"),
    "linked elsewhere": (lambda top: _relinked(top / "data/link", "../train.py"), "data/link"),
    "a link in its place": (lambda top: _relinked(top / "eval.py", "train.py"), "eval.py"),
    "a folder in its place": (lambda top: _folder(top / "eval.py"), "eval.py"),
}


def _relinked(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "x.py").write_text("\n")


@pytest.mark.parametrize("how", EDITS)
def test_a_run_whose_protected_files_differ_is_tainted(how: str, guarded: Path, exp: Exp) -> None:
    edit, file = EDITS[how]
    edit(guarded)

    done = exp("run", "--protect", "eval.py", "--protect", "data", *PRINT)

    assert f"warning: tainted: {file}" in done.stderr
    assert "it never counts as best\n" in done.stderr
    run = latest(exp)
    assert run["tags"] == ["tainted"]
    assert run["notes"][-1]["text"].startswith(f"tainted: {file}")
    assert exp("best", "acc", code=1).stdout == ""


def test_what_the_command_itself_changes_taints_its_run(guarded: Path, exp: Exp) -> None:
    exp("run", "--protect", "eval.py", "--", "sh", "-c", "echo >> eval.py; echo METRIC acc=1")

    assert latest(exp)["tags"] == ["tainted"]


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_no_flag_of_the_index_hides_a_change(flag: str, guarded: Path, exp: Exp, git: Git) -> None:
    git("update-index", flag, "eval.py")
    (guarded / "eval.py").write_text("print('METRIC acc=1')\n")

    exp("run", "--protect", "eval.py", *PRINT)

    assert latest(exp)["tags"] == ["tainted"]


def test_a_change_that_is_staged_is_one_though_the_file_is_as_before(
    guarded: Path, exp: Exp, git: Git
) -> None:
    before = (guarded / "eval.py").read_text()
    (guarded / "eval.py").write_text("print('METRIC acc=1')\n")
    git("add", "eval.py")
    (guarded / "eval.py").write_text(before)

    exp("run", "--protect", "eval.py", *PRINT)

    assert latest(exp)["tags"] == []


def test_configuration_protects_too_from_any_folder(guarded: Path, exp: Exp, git: Git) -> None:
    git("config", "--add", "exp.protect", "data/")
    (guarded / "data/test.csv").write_text("9\n")

    exp("run", "--protect", "../eval.py", *PRINT, cwd=guarded / "data")

    assert latest(exp)["notes"][0]["text"] == "tainted: data/test.csv not as in the base"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--protect", "none.py"), "error: protected path 'none.py' is not in HEAD\n"),
        (("--protect", "../x"), "error: protected path '../x' is not in the worktree\n"),
        (("--protect", ""), "error: protected path '' is not in the worktree\n"),
        (("--protect", "eval.py", "--no-snapshot"),
         "error: --protect and --no-snapshot exclude each other\n"),
        (("--timeout", "soon"), "error: invalid value for '--timeout': 'soon' is no length"),
        (("--timeout", "0"), "error: invalid value for '--timeout': '0' is no time limit: it"),
        (("--timeout", "0s"), "error: invalid value for '--timeout': '0s' is no time limit: it"),
        (("--timeout", "-1"), "error: invalid value for '--timeout': '-1' is no time limit: it"),
        (("--timeout", "inf"), "error: invalid value for '--timeout': 'inf' is no time limit: it"),
        (("--timeout", "1e400"), "error: invalid value for '--timeout': '1e400' is no time limit"),
        (("--parent", ""), "error: --parent names a run, and is blank\nhint: "),
        (("-m", ""), "error: a note must not be blank\nhint: "),
        (("-m", "good", "-m", " "), "error: a note must not be blank\nhint: "),
        (("--key", " "), "error: a key is one line of text\n"),
        (("--key", "a\nb"), "error: a key is one line of text\n"),
        (("--key", "x" * 201), "error: a key is one line of text\n"),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_to_runs_nothing(
    args: tuple[str, ...], said: str, guarded: Path, exp: Exp
) -> None:
    done = exp("run", *args, "--", "touch", "ran", code=125)

    assert done.stderr.startswith(said)
    assert "\nhint: " in done.stderr
    assert not (guarded / "ran").exists()
    assert exp("log", "--json", code=None).stdout in ("", '{"schema":"git-exp/log/1","runs":[]}\n')


def test_an_unborn_branch_has_nothing_to_protect_by(tmp_path: Path, exp: Exp, git: Git) -> None:
    git("init", "-q", tmp_path / "new")

    done = exp("run", "--protect", "x", "--", "true", code=125, cwd=tmp_path / "new")

    assert done.stderr.startswith("error: protected path 'x' is not in HEAD\n")


def test_a_command_is_ended_when_its_time_is_over(repo: Path, exp: Exp) -> None:
    began = time.monotonic()

    done = exp("run", "--timeout", "300ms", "-n", "slow", "--", "sleep", "60", code=124)

    assert time.monotonic() - began < 30
    assert "run " in done.stderr
    assert ": its time was over\n" in done.stderr
    run = latest(exp)
    assert (run["status"], run["exit_code"]) == ("failed", 124)
    assert run["error"] == {"type": "TimeoutExpired", "message": "after 0.3 s"}


@pytest.mark.slow
def test_a_key_is_done_once_and_answers_with_its_exit_code(repo: Path, exp: Exp) -> None:
    exp("run", "--key", "k1", "-n", "first", *PRINT)
    exp("run", "--key", "k2", "--", "sh", "-c", "exit 7", code=7)

    done = exp("run", "--key", "k1", "--", "touch", "ran")
    assert (done.stdout, done.returncode) == ("", 0)
    assert done.stderr.startswith("key 'k1' is done: run ")
    assert done.stderr.splitlines()[0].endswith(" finished: acc=0.9")
    exp("run", "--key", "k2", "--", "touch", "ran", code=7)
    assert not (repo / "ran").exists()
    assert len(json.loads(exp("log", "--json").stdout)["runs"]) == 2
    exp("run", "--key", "k3", "--", "touch", "ran")
    assert (repo / "ran").exists()


def test_a_key_whose_run_was_killed_is_done_again(repo: Path, exp: Exp) -> None:
    words = ("git", "exp", "run", "--key", "k", "--", "sh", "-c", "touch began; exec sleep 60")
    with subprocess.Popen(words, start_new_session=True, stderr=subprocess.DEVNULL) as killed:
        until = time.monotonic() + 30
        while not (repo / "began").exists() and time.monotonic() < until:
            time.sleep(0.02)
        refused = exp("run", "--key", "k", "--", "touch", "ran", code=125)
        os.killpg(killed.pid, signal.SIGKILL)

    assert refused.stderr.startswith("error: a run of it with the key 'k' is running\n")
    assert not (repo / "ran").exists()
    exp("run", "--key", "k", "--", "touch", "ran")
    assert (repo / "ran").exists()
    assert latest(exp)["metadata"] == {"git_exp.key": "k"}


def test_only_a_key_that_was_given_as_one_answers(repo: Path, exp: Exp) -> None:
    script = (
        "from git_exp import Experiment, errors\n"
        "Experiment('plain', metadata={'key': 'k'}).finish()\n"
        "for odd in ({'git_exp.key': 'k'}, {'git_exp': {'key': 'k'}}):\n"
        "    try: Experiment('odd', metadata=odd)\n"
        "    except errors.BadName as error: print(error)\n"
    )
    (repo / "plain.py").write_text(script)
    with_python = subprocess.run((sys.executable, "plain.py"), capture_output=True, text=True)
    assert with_python.stdout.splitlines() == [
        "metadata 'git_exp.key' is git exp's own", "metadata 'git_exp' is git exp's own"
    ]  # fmt: skip

    done = exp("run", "--key", "k", "--", "sh", "-c", "echo REALLY RAN")

    assert done.stdout == "REALLY RAN\n"
    assert len(json.loads(exp("log", "--json").stdout)["runs"]) == 2


def test_a_key_of_somebody_else_s_run_is_theirs(repo: Path, exp: Exp) -> None:
    exp("run", "--key", "k", "--", "true")
    (repo / ".git/exp/local").write_text("")

    exp("run", "--key", "k", "--", "touch", "ran")

    assert (repo / "ran").exists()


def test_a_key_whose_command_could_not_be_started_is_done_again(repo: Path, exp: Exp) -> None:
    exp("run", "--key", "k", "--", "./train", code=127)
    (repo / "train").write_text("#!/bin/sh\ntouch ran\n")
    (repo / "train").chmod(0o755)

    exp("run", "--key", "k", "--", "./train")

    assert (repo / "ran").exists()


def test_a_key_that_is_given_to_another_command_says_so(repo: Path, exp: Exp) -> None:
    exp("run", "--key", "k", "--", "echo", "--lr", "0.1", "a b")

    again = exp("run", "--key", "k", "--", "echo", "--lr", "0.1", "a b")
    other = exp("run", "--key", "k", "--", "echo", "--lr", "0.2", "a b")

    assert "warning" not in again.stderr
    warning = "warning: that run's command was another one: echo --lr 0.1 'a b'"
    assert other.stderr.splitlines()[-1] == warning


def test_quietly_only_the_closing_lines_are_seen_and_all_is_kept(repo: Path, exp: Exp) -> None:
    done = exp("run", "-q", "--", "sh", "-c", "echo METRIC acc=0.9; echo oh >&2")

    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert exp("show", "@", "--output").stdout == "METRIC acc=0.9\n"
    assert latest(exp)["metrics"]["acc"]["last"] == 0.9


def test_a_crash_that_nobody_saw_is_told_of_by_its_last_lines(repo: Path, exp: Exp) -> None:
    (repo / "train.py").write_text("def f():\n    return {}['lr']\n\n\nf()\n")

    done = exp("run", "-q", "--", sys.executable, "train.py", code=1)

    assert done.stderr.splitlines()[-3] == "KeyError: 'lr'"
    assert len(done.stderr.splitlines()) == 7
    error = latest(exp)["error"]
    assert (error["type"], error["message"]) == ("KeyError", "'lr'")
    assert error["traceback"].startswith("Traceback (most recent call last):\n")
    assert "KeyError" not in exp("run", "--", "sh", "-c", "exit 1", code=1).stderr


def test_a_tainted_run_is_a_failure_in_a_session(guarded: Path, exp: Exp) -> None:
    exp("session", "start", "--goal", "g", "--metric", "acc", "--id", "s")
    (guarded / "eval.py").write_text("print('METRIC acc=1')\n")

    done = exp("run", "--session", "s", "--protect", "eval.py", "-n", "one", *PRINT)

    assert done.stderr.splitlines()[-1] == ("session s: iteration 1: failed, one: tagged tainted")


def test_a_parent_that_is_not_there_runs_nothing(repo: Path, exp: Exp) -> None:
    done = exp("run", "--parent", "zz", "--", "touch", "ran", code=125)

    assert done.stderr.startswith("fatal: ")
    assert not (repo / "ran").exists()
