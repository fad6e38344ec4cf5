"""git exp scrub: a run without what it should not hold, here and there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from git_exp import Experiment
from tests.cli.conftest import Ask, Git_, Runs
from tests.conftest import Exp

TOKEN = "ghp_" + "a9Zk" * 9


def everything(git: Git_, where: Path | None = None) -> bytes:
    """The bytes of every object that a ref reaches."""
    ids = git("rev-list", "--objects", "--all", "--no-object-names", cwd=where)
    words = ("git", "cat-file", "--batch")
    asked = subprocess.run(words, cwd=where, input=f"{ids}\n".encode(), capture_output=True)
    return asked.stdout


def test_what_would_stop_a_push_is_taken_out_and_the_push_goes(
    origin: Path, ask: Ask, git: Git_
) -> None:
    Path("conf.py").write_text(f"token = '{TOKEN}'\n")
    with Experiment("leaky", params={"token": TOKEN, "lr": 0.1}) as leaky:
        leaky.track({"loss": 0.5}, note=f"with {TOKEN}")
    Path("conf.py").unlink()
    old = str(leaky.run_id)
    ask("push", code=4)

    said = ask("scrub", "leaky")

    assert TOKEN.encode() not in everything(git)
    new = said.out.partition("it is run ")[2][:8]
    assert said.out.startswith(f"Scrubbed run {old[:8]} 'leaky': it is run {new} now\n  conf.py\n")
    ask("push")
    for where in (None, origin):
        assert TOKEN.encode() not in everything(git, where)
        assert old not in git("for-each-ref", cwd=where)
    shown = ask("show", "leaky").out
    assert "token  ***" in shown
    assert "lr     0.1" in shown
    assert ask("show", "leaky", "--series", "loss").out.endswith("0.5\n")
    assert ask("fsck").out == ""


@pytest.mark.slow
def test_a_path_goes_and_all_else_stays(repo: Path, runs: Runs, ask: Ask, git: Git_) -> None:
    Path("notes").mkdir()
    Path("notes/a.txt").write_text("mine\n")
    with Experiment("base"):
        pass

    ask("scrub", "base", "--path", "notes")

    new = git("for-each-ref", "--format=%(refname)", "refs/runs")
    assert git("ls-tree", "-r", "--name-only", new) == "train.py"
    assert f"Run-Id: {new.rpartition('/')[2]}" in git("log", "-1", "--format=%B", new)


@pytest.mark.slow
def test_the_values_of_a_key_are_masked(repo: Path, runs: Runs, ask: Ask) -> None:
    runs.add("base", params={"db": "mine", "lr": 0.5})

    ask("scrub", "base", "--key", "db")

    assert ask("log", "--format", "%(param:db) %(param:lr)").out == "*** 0.5\n"


def test_what_was_pushed_is_said_and_goes_on_other_clones(
    origin: Path, other: Path, runs: Runs, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.add("base", params={"db": "mine"})
    ask("push")
    here = Path.cwd()
    monkeypatch.chdir(other)
    ask("pull")
    ask("tag", "base", "good")
    monkeypatch.chdir(here)

    said = ask("scrub", "base", "--key", "db", "-m", "not ours")

    assert said.err == (
        "warning: 'origin' has had its records: change that secret\n"
        "hint: git exp push origin removes the run there\n"
    )
    ask("push")
    monkeypatch.chdir(other)
    ask("push")
    assert ask("log", "--format", "%n %(param:db)").out == "base ***\n"


def test_a_run_without_anything_of_that_is_left_alone(
    repo: Path, runs: Runs, ask: Ask, git: Git_
) -> None:
    runs.add("base")
    before = git("for-each-ref")

    said = ask("scrub", "base", code=3)

    assert said.err.startswith("fatal: run 11111111 has nothing of that\n")
    assert git("for-each-ref") == before


@pytest.mark.usefixtures("repo")
def test_a_running_run_is_refused(ask: Ask) -> None:
    with Experiment("live", params={"db": "mine"}):
        assert "is still running" in ask("scrub", "live", "--key", "db", code=4).err


@pytest.mark.parametrize("option", ["--key", "--path"])
def test_an_option_that_is_empty_is_refused(
    option: str, repo: Path, runs: Runs, ask: Ask, git: Git_
) -> None:
    runs.add("base", params={"seed": 1})
    before = git("for-each-ref")

    assert "that is empty" in ask("scrub", "base", option, "", code=2).err
    assert git("for-each-ref") == before


def test_a_key_that_is_misspelt_is_refused_though_there_are_secrets(
    repo: Path, runs: Runs, ask: Ask
) -> None:
    runs.add("base", params={"token": TOKEN})

    assert "run 11111111 has no key 'tokne'" in ask("scrub", "base", "--key", "tokne", code=3).err


def test_a_secret_in_the_name_of_a_run_or_a_file_goes_too(
    origin: Path, ask: Ask, git: Git_
) -> None:
    Path(f"of-{TOKEN}.txt").write_text("harmless\n")
    with Experiment(f"with {TOKEN}"):
        pass
    Path(f"of-{TOKEN}.txt").unlink()
    assert "of-ghp_" in ask("push", code=4).err.replace(TOKEN, "ghp_")

    ask("scrub", "@")

    ask("push")
    for where in (None, origin):
        assert TOKEN.encode() not in everything(git, where)


def test_a_run_in_an_archive_is_sent_once_it_is_scrubbed(
    origin: Path, runs: Runs, ask: Ask, git: Git_
) -> None:
    with Experiment("old", params={"db": "mine"}):
        pass
    ask("archive", "--older-than", "now")

    ask("scrub", "old", "--key", "db")

    assert ask("push").out == "To origin: sent the code of 1 run, 2 records\n"
    new = git("for-each-ref", "--format=%(refname)", "refs/runs", cwd=origin)
    assert new == git("for-each-ref", "--format=%(refname)", "refs/runs")


def test_what_is_printed_after_a_nul_is_found_and_goes_too(
    origin: Path, ask: Ask, git: Git_, exp: Exp
) -> None:
    Path("../said").write_text(f"{TOKEN}\n")
    exp("run", "-n", "printing", "--", "sh", "-c", "printf 'x\\0y\\n'; cat ../said")
    assert "output/stdout:2: github-token" in ask("push", code=4).err

    ask("scrub", "printing")

    ask("push")
    assert TOKEN.encode() not in everything(git, origin)
    assert ask("show", "printing", "--output").out == "x\0y\n***\n"


def test_an_archive_of_another_clone_that_holds_the_run_is_told(
    origin: Path, other: Path, ask: Ask, git: Git_, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Experiment("old", params={"db": "mine"}) as old:
        old.track(1)
    ask("archive", "--older-than", "now")
    ask("push")
    ref = git("for-each-ref", "--format=%(refname)", "refs/exp/archive", cwd=origin)
    here = Path.cwd()
    monkeypatch.chdir(other)
    ask("pull")

    said = ask("scrub", "old", "--key", "db")

    assert f"warning: '{ref}' is another clone's: it holds the old run until" in said.err
    ask("push")
    monkeypatch.chdir(here)
    ask("pull")
    ask("push")
    assert git("for-each-ref", "refs/exp/archive", cwd=origin) == ""


@pytest.mark.slow
def test_a_key_that_only_a_task_of_the_run_has_is_masked_too(
    repo: Path, ask: Ask, git: Git_
) -> None:
    Path("study.py").write_text(
        "from git_exp import Param, Task, experiment\n"
        "class T(Task):\n    phrase: Param[str]\n    def execute(self): pass\n"
        "with experiment('study'):\n    T(phrase=input()).submit()\n"
    )
    subprocess.run((sys.executable, "study.py"), input="open sesame\n", text=True, check=True)

    ask("scrub", "study", "--key", "phrase")
    ask("scrub", "T", "--key", "phrase")

    assert b"open sesame" not in everything(git)
