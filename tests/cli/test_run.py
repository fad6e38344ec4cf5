"""git exp run: a command as a run."""

from __future__ import annotations

import json
import os
import re
import shutil
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


def shown(exp: Exp, run: str = "@") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(exp("show", run, "--json").stdout)["run"]
    return found


def test_it_passes_the_output_on_keeps_it_and_counts_the_metrics(repo: Path, exp: Exp) -> None:
    script = "echo out; echo err >&2; echo METRIC loss=0.5 step=1; echo METRIC loss=0.25 step=2"

    done = exp("run", "-n", "first", "--", "sh", "-c", script)

    assert done.stdout == "out\nMETRIC loss=0.5 step=1\nMETRIC loss=0.25 step=2\n"
    assert done.stderr.startswith("err\nrun ")
    assert done.stderr.rstrip().endswith("loss=0.25")
    run = shown(exp)
    assert (run["name"], run["status"], run["exit_code"]) == ("first", "finished", 0)
    assert run["metrics"]["loss"]["min_step"] == 2
    assert exp("show", "@", "--output").stdout.startswith("out\n")


def test_the_exit_code_is_the_commands(repo: Path, exp: Exp) -> None:
    exp("run", "sh", "-c", "exit 3", code=3)

    assert (shown(exp)["status"], shown(exp)["exit_code"]) == ("failed", 3)


def test_a_command_that_a_signal_ended_gives_128_and_its_number(repo: Path, exp: Exp) -> None:
    exp("run", "sh", "-c", "kill -9 $$", code=137)

    assert shown(exp)["status"] == "failed"


@pytest.mark.parametrize(
    ("name", "mode", "code"), [("no-such-command", None, 127), ("./plain", 0o644, 126)]
)
def test_what_cannot_be_started_is_a_failed_run(
    repo: Path, exp: Exp, name: str, mode: int | None, code: int
) -> None:
    if mode:
        (repo / name).write_text("x")
        (repo / name).chmod(mode)

    done = exp("run", name, code=code)

    assert f"git exp run: {name}: " in done.stderr
    assert shown(exp)["exit_code"] == code


def test_options_stop_at_the_first_word_that_is_none(repo: Path, exp: Exp) -> None:
    done = exp("run", "-n", "x", "echo", "-n", "y", "--help")

    assert done.stdout == "y --help"


def test_params_tags_notes_and_group_are_recorded(repo: Path, exp: Exp) -> None:
    exp("run", "-p", "lr=1e-3", "-p", "opt=adam", "-p", "amp=true", "-p", "eq=a=b", "-t", "a",
        "-t", "b", "-m", "why", "-g", "sweep", "true")  # fmt: skip

    run = shown(exp)
    assert run["params"] == {"lr": 0.001, "opt": "adam", "amp": True, "eq": "a=b"}
    assert (run["tags"], run["group"]) == (["a", "b"], "sweep")
    assert [note["text"] for note in run["notes"]] == ["why"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-p", "lr", "true"), "a param is key=value, not 'lr'"),
        (("-n", " ", "true"), "a run's name cannot be blank"),
        (("-n", "-x", "true"), "a run's name cannot start with '-'"),
        (("-t", "", "true"), "a tag is one line of text"),
        ((), "missing"),
        (("--nonsense", "true"), "unknown option '--nonsense'"),
    ],
)
def test_a_wrong_call_exits_with_125_and_records_nothing(
    repo: Path, exp: Exp, git: Git, words: tuple[str, ...], said: str
) -> None:
    done = exp("run", *words, code=125)

    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert git("for-each-ref", "refs/runs", "refs/notes") == ""
    assert not (repo / ".git/exp/spool").exists()


def test_no_snapshot_no_command(tmp_path: Path, exp: Exp) -> None:
    done = exp("run", "touch", "ran", code=125, cwd=tmp_path)

    assert done.stderr.startswith("fatal: not a git repository")
    assert not (tmp_path / "ran").exists()


def test_without_a_snapshot_the_run_stands_on_head(repo: Path, exp: Exp, git: Git) -> None:
    (repo / "train.py").write_text("changed\n")

    exp("run", "--no-snapshot", "true")

    run = shown(exp)
    assert run["git"]["capture"] == "none"
    assert git("rev-parse", f"{run['commit']}^{{tree}}") == git("rev-parse", "HEAD^{tree}")


def test_an_experiment_inside_joins_the_run_and_a_second_is_its_child(repo: Path, exp: Exp) -> None:
    (repo / "train.py").write_text(
        "from git_exp import Experiment\n"
        "with Experiment(params={'lr': 0.5}) as exp:\n    exp.track({'acc': 0.75})\n"
        "with Experiment('second') as exp:\n    exp.track(1)\n"
    )

    exp("run", "-n", "outer", "--", sys.executable, "train.py")

    runs = {run["name"]: run for run in json.loads(exp("log", "--json").stdout)["runs"]}
    assert set(runs) == {"outer", "second"}
    assert runs["outer"]["params"] == {"lr": 0.5}
    assert runs["outer"]["metrics"]["acc"]["last"] == 0.75
    assert runs["second"]["parent_run"] == runs["outer"]["id"]


def test_what_the_snapshot_leaves_out_is_said_on_stderr(repo: Path, exp: Exp) -> None:
    (repo / ".env").write_text("TOKEN=1\n")

    done = exp("run", "true")

    assert "1 untracked file is not in the snapshot" in done.stderr
    assert done.stdout == ""


def test_metric_lines_that_cannot_be_read_are_counted_and_the_first_is_shown(
    repo: Path, exp: Exp
) -> None:
    good = "echo METRIC loss=0.5"

    one = exp("run", "-n", "x", "sh", "-c", f"{good}; printf 'METRIC acc=\\033[2Jhigh\\007\\n'")
    two = exp("run", "-n", "x", "sh", "-c", f"{good}; echo METRIC acc: 1; echo METRIC lr=x >&2")
    none = exp("run", "-n", "x", "sh", "-c", good)

    assert one.stderr.splitlines()[0] == (
        "warning: 1 METRIC line could not be read whole: METRIC acc=high^G"
    )
    assert two.stderr.splitlines()[1] == (
        "warning: 2 METRIC lines could not be read whole, the first: METRIC acc: 1"
    )
    for done in (one, two, none):
        assert re.search(r"^run .* loss=0\.5$", done.stderr, re.M)
    assert "warning" not in none.stderr
    assert shown(exp)["metrics"]["loss"]["count"] == 1


def test_secrets_on_the_command_line_are_masked(repo: Path, exp: Exp) -> None:
    exp("run", "true", "--api-key", "s3cret", "--token=abc", "https://me:pw@example.org/x")

    argv = shown(exp)["process"]["argv"]
    assert argv == ["true", "--api-key", "***", "--token=***", "https://***@example.org/x"]


def started(repo: Path, script: str) -> subprocess.Popen[bytes]:
    """`git exp run` of a shell script, once that has said at READY that it is ready."""
    script = script.replace("READY", f"echo $$ > {repo}/.git/pid")
    words = (shutil.which("git-exp") or "", "run", "-n", "watched", "--", "sh", "-c", script)
    process = subprocess.Popen(words, cwd=repo, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not (repo / ".git/pid").exists() or not (repo / ".git/pid").read_text().endswith("\n"):
        time.sleep(0.01)
    return process


def wait_for_end(pid: int) -> None:
    while Path(f"/proc/{pid}/stat").exists():
        time.sleep(0.01)


@pytest.mark.slow
def test_killing_git_exp_kills_neither_the_command_nor_its_output(repo: Path, exp: Exp) -> None:
    go = repo / ".git/go"
    os.mkfifo(go)
    process = started(
        repo, f"READY; echo before; cat {go} > /dev/null; echo METRIC acc=1; echo after"
    )

    process.kill()
    process.communicate()
    live = shown(exp, "watched")
    go.write_text("go")
    wait_for_end(int((repo / ".git/pid").read_text()))

    assert live["status"] == "running"
    assert live["live"]
    run = shown(exp, "watched")
    assert run["status"] == "crashed"
    assert exp("show", "watched", "--output").stdout == "before\nMETRIC acc=1\nafter\n"
    assert exp("fsck").returncode == 0


def test_sigterm_goes_to_the_command_and_the_run_is_interrupted(repo: Path, exp: Exp) -> None:
    process = started(repo, "trap 'echo bye; exit 143' TERM; READY; while :; do sleep 0.01; done")

    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate()

    assert process.returncode == 143
    assert out == b"bye\n"
    assert shown(exp, "watched")["exit_code"] == 143


def test_bisect_run_can_use_it(repo: Path, exp: Exp, git: Git) -> None:
    git("tag", "good")
    for number in range(3):
        (repo / "train.py").write_text(f"raise SystemExit({int(number > 0)})  # {number}\n")
        git("commit", "-qam", f"step {number}")
    git("bisect", "start", "HEAD", "good")

    told = git("bisect", "run", "git", "exp", "run", sys.executable, "train.py")

    assert "step 1" in git("log", "-1", "--format=%s", "refs/bisect/bad")
    assert "is the first bad commit" in told


def test_what_runs_inside_a_private_run_is_private_too(repo: Path, exp: Exp) -> None:
    (repo / "two.py").write_text(
        "from git_exp import Experiment\n"
        "for name in ('joined', 'child'):\n"
        "    with Experiment(name):\n"
        "        pass\n"
    )
    script = f"{sys.executable} two.py && git exp run -n nested true"

    exp("run", "--private", "-n", "outer", "--", "sh", "-c", script)

    listed = json.loads(exp("log", "--json").stdout)["runs"]
    assert {one["name"]: one.get("private") for one in listed} == {
        "outer": True, "child": True, "nested": True,
    }  # fmt: skip
