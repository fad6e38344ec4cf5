"""git exp push: what it sends, says, and refuses to send."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from git_exp import Experiment
from git_exp.cli import push
from git_exp.git.repo import discover
from git_exp.session import ExperimentConfig, history
from tests.cli.conftest import Ask, Git_, Runs
from tests.conftest import Clock


def objects_of(where: Path) -> bytes:
    """The bytes of every object of a repository."""
    words = ("git", "cat-file", "--batch-all-objects", "--batch")
    return subprocess.run(words, cwd=where, capture_output=True, check=True).stdout


def test_code_and_records_go_and_then_everything_is_there(
    origin: Path, runs: Runs, ask: Ask, git: Git_
) -> None:
    first, second = runs.add("base"), runs.add("next")

    assert ask("push") == ("To origin: sent the code of 2 runs, 2 records\n", "")
    assert ask("push") == ("To origin: everything is there\n", "")
    there = git("for-each-ref", "--format=%(refname)", cwd=origin).splitlines()
    assert there == [
        "refs/heads/main", "refs/notes/exp", f"refs/runs/{first}", f"refs/runs/{second}",
    ]  # fmt: skip
    assert git("rev-parse", "refs/notes/exp^{tree}") == git(
        "rev-parse", "refs/notes/exp^{tree}", cwd=origin
    )


def test_a_dry_run_says_what_would_go_and_changes_nothing(
    origin: Path, runs: Runs, ask: Ask, git: Git_
) -> None:
    runs.add("base")
    here, there = git("for-each-ref"), git("for-each-ref", cwd=origin)

    assert ask("push", "-n").out == "To origin: would send the code of 1 run, 1 record\n"
    assert (git("for-each-ref"), git("for-each-ref", cwd=origin)) == (here, there)


def test_with_names_only_those_runs_go(origin: Path, runs: Runs, ask: Ask, git: Git_) -> None:
    one = runs.add("base")
    runs.add("next")

    assert ask("push", "origin", "base").out == "To origin: sent the code of 1 run, 1 record\n"
    there = git("for-each-ref", "--format=%(refname)", "refs/runs", cwd=origin)
    assert there == f"refs/runs/{one}"
    noted = git("notes", "--ref=exp", "list", cwd=origin).split()
    assert noted[1:] == [git("rev-parse", f"refs/runs/{one}")]
    assert ask("push").out == "To origin: sent the code of 1 run, 1 record\n"


def test_a_deleted_run_goes_from_the_remote_too(
    origin: Path, runs: Runs, ask: Ask, git: Git_
) -> None:
    runs.add("base")
    ask("push")
    ask("rm", "base")

    assert ask("push").out == ("To origin: sent 1 record\nTo origin: removed 1 ref\n")
    assert git("for-each-ref", "refs/runs", cwd=origin) == ""


def test_a_live_run_is_sent_as_far_as_it_is(origin: Path, ask: Ask, git: Git_) -> None:
    with Experiment("live") as experiment:
        experiment.track({"loss": 0.5})

        assert ask("push").out == "To origin: sent the code of 1 run, 1 record\n"
        ref = f"refs/exp/data/{experiment.run_id}:series"
        names = git("ls-tree", "--name-only", ref, cwd=origin).splitlines()
        assert '"loss":0.5' in git("cat-file", "blob", f"{ref}/{names[0]}", cwd=origin)


@pytest.mark.parametrize("how", ["argument", "setting"])
def test_a_private_run_never_leaves(
    how: str, origin: Path, ask: Ask, git: Git_, clock: Clock
) -> None:
    if how == "setting":
        git("config", "exp.private", "true")
    with Experiment("hidden", params={"word": "sesame"}, private=how == "argument") as hidden:
        hidden.track({"loss": 0.5})
    git("config", "exp.private", "false")
    clock.move(60)
    with Experiment("shown"):
        pass
    assert ask("log", "--format", "%n").out == "shown\nhidden\n"
    ask("tag", "hidden", "secret-tag")

    assert ask("push").out == "To origin: sent the code of 1 run, 1 record\n"
    # Nor by a plain push of all notes.
    git("push", "-q", "origin", "refs/notes/*:refs/notes/*")
    every = objects_of(origin)
    for word in ("sesame", "secret-tag", str(hidden.run_id)):
        assert word.encode() not in every
    assert str(hidden.run_id) not in git("for-each-ref", cwd=origin)
    assert ask("push", "origin", "hidden", code=4).err.startswith(
        f"error: run {str(hidden.run_id)[:8]} is private\n"
    )
    assert ask("show", "hidden").out.splitlines()[1] == "Name:     hidden"
    assert ask("fsck").out == ""


def test_a_secret_stops_it_before_anything_has_left(
    origin: Path, runs: Runs, ask: Ask, git: Git_
) -> None:
    token = "ghp_" + "a9Zk" * 9
    runs.add("base", f"token = '{token}'\n")
    before = git("for-each-ref", cwd=origin)

    said = ask("push", code=4)

    assert said.out == ""
    assert said.err.startswith("run 11111111: train.py:1: github-token ghp_… (id ")
    found = said.err.partition("(id ")[2].partition(")")[0]
    assert said.err.endswith(
        "error: this push would send a secret; nothing was sent\n"
        f"hint: take it out: git exp scrub RUN; or if it is none: git exp push --allow {found}\n"
    )
    assert token not in said.err
    assert git("for-each-ref", cwd=origin) == before
    assert ask("push", "--dry-run", code=4).out == ""
    assert ask("push", "--allow", found).out == "To origin: sent the code of 1 run, 1 record\n"


def test_what_the_setting_allows_is_sent(origin: Path, runs: Runs, ask: Ask, git: Git_) -> None:
    runs.add("base", params={"token": "ghp_" + "a9Zk" * 9})
    found = ask("push", code=4).err.partition("(id ")[2].partition(")")[0]

    git("config", "exp.allow", found)

    assert ask("push").out == "To origin: sent the code of 1 run, 1 record\n"


def test_json_says_all_that_was_done(origin: Path, runs: Runs, ask: Ask) -> None:
    run_id = runs.add("base")

    done = json.loads(ask("push", "--json").out)

    assert done["schema"] == "git-exp/push/2"
    assert (done["remote"], done["runs"], len(done["records"])) == ("origin", [run_id], 1)


def test_a_path_names_a_repository_from_any_folder(
    origin: Path, runs: Runs, ask: Ask, git: Git_, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.add("base")
    Path("sub").mkdir()
    monkeypatch.chdir("sub")

    assert ask("push", "../../origin.git").out.endswith(" sent the code of 1 run, 1 record\n")
    assert git("for-each-ref", "refs/runs", cwd=origin)


@pytest.mark.usefixtures("repo")
def test_without_a_remote_the_way_to_one_is_said(ask: Ask, git: Git_) -> None:
    assert ask("push", code=3).err == (
        "fatal: no remote to share runs with\nhint: add one: git remote add origin URL\n"
    )
    git("remote", "add", "a", "/nowhere/a")
    git("remote", "add", "b", "/nowhere/b")
    assert ask("push", code=3).err.endswith(
        "hint: name it, or git config exp.remote NAME; one of: a, b\n"
    )
    assert ask("push", "a", code=5).err.startswith("fatal: remote 'a': '/nowhere/a' does not ")


def test_a_name_that_is_no_remote_is_told_the_nearest(origin: Path, ask: Ask) -> None:
    assert ask("push", "orgin", code=3).err == (
        "fatal: no remote 'orgin'\n"
        "hint: did you mean 'origin'?; for a run, name the remote before it\n"
    )


def test_records_whose_code_is_nowhere_are_told_of(
    other: Path, runs: Runs, ask: Ask, git: Git_, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.add("base")
    ask("push")
    new = other.parent / "new.git"
    git("init", "-q", "--bare", new)
    monkeypatch.chdir(other)
    ask("pull")

    assert ask("push", str(new)).err == (
        "warning: 1 record went without code, which is not here\n"
        "hint: fetch it from who has it, then push again: git exp pull REMOTE --all\n"
    )
    ask("pull", "origin", "--all")
    assert "the code of 1 run" in ask("push", str(new)).out


def test_a_private_run_that_still_runs_never_leaves_though_it_was_noted(
    origin: Path, ask: Ask, git: Git_
) -> None:
    with Experiment("hidden", private=True) as hidden:
        hidden.track({"loss": 0.5})
        ask("note", "hidden", "sesame")
        ask("tag", "hidden", "open")
        ask("push")
    ask("push")

    assert b"sesame" not in objects_of(origin)
    assert git("for-each-ref", "refs/runs", "refs/exp", cwd=origin) == ""
    assert "sesame" in ask("show", "hidden").out


def _begun(session_id: str, goal: str = "a faster kernel") -> None:
    repo = discover(Path.cwd(), dict(os.environ))
    history.start(repo, ExperimentConfig(goal=goal), session_id=session_id)


def test_sessions_go_along(origin: Path, runs: Runs, ask: Ask, git: Git_) -> None:
    runs.add("base")
    _begun("kernels")
    _begun("other")

    assert ask("push", "-n").out == (
        "To origin: would send the code of 1 run, 1 record\nTo origin: would send 2 sessions\n"
    )
    assert ask("push", "origin", "base").out == "To origin: sent the code of 1 run, 1 record\n"
    assert ask("push") == ("To origin: sent 2 sessions\n", "")
    assert ask("push") == ("To origin: everything is there\n", "")
    there = git("for-each-ref", "--format=%(refname)", "refs/sessions", cwd=origin)
    assert there == "refs/sessions/kernels\nrefs/sessions/other"


def test_sessions_that_cannot_go_are_told(
    origin: Path, other: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    _begun("kernels")
    ask("push")
    monkeypatch.chdir(other)
    _begun("kernels", "another goal")
    with Experiment("hidden", private=True) as hidden:
        pass
    _begun("mine", f"better than {hidden.run_id}")

    said = ask("push")
    done = json.loads(ask("push", "--json").out)["sessions"]

    assert said.err == (
        "warning: session 'kernels' in 'origin' is passed over: session 'kernels' began twice, "
        "here and elsewhere\n"
        "hint: all else has come; two of one id: begin one anew, git exp session start --id\n"
        f"warning: session 'mine' stays here: it names the private run {str(hidden.run_id)[:8]}\n"
        "hint: all else has gone\n"
    )
    assert list(done) == ["sent", "new", "updated", "passed_over", "withheld", "secrets"]
    assert (list(done["passed_over"]), list(done["withheld"])) == (["kernels"], ["mine"])


def test_a_server_that_refuses_a_session_is_told(
    origin: Path, runs: Runs, ask: Ask, git: Git_
) -> None:
    hook = origin / "hooks/update"
    hook.write_text('#!/bin/sh\ncase "$1" in refs/sessions/*) exit 1;; esac\n')
    hook.chmod(0o755)
    runs.add("base")
    _begun("kernels")

    said = ask("push", code=5)

    assert said.out == "To origin: sent the code of 1 run, 1 record\n"
    assert said.err.startswith(
        "fatal: remote 'origin': it refuses refs/sessions/kernels: hook declined\n"
    )


def test_a_secret_in_a_session_holds_that_back(
    origin: Path, runs: Runs, ask: Ask, git: Git_
) -> None:
    runs.add("base")
    _begun("kernels", "ghp_" + "a9Zk" * 9)

    said = ask("push")

    assert said.out == "To origin: sent the code of 1 run, 1 record\n"
    assert "session 'kernels'" in said.err
    assert "it may hold a secret: sessions/kernels: records:1: github-token ghp_…" in said.err
    assert git("for-each-ref", "refs/sessions", cwd=origin) == ""
    (hint,) = re.findall("or if it is none: git exp (push --allow [0-9a-f]+)$", said.err, re.M)
    assert ask("push", "--json").out != ""
    assert ask(*hint.split()) == ("To origin: sent 1 session\n", "")


TOKENS = ["ghp_" + four * 9 for four in ("a9Zk", "b8Yj", "c7Xh", "d6Wg", "e5Vf")]


def hinted(err: str) -> str:
    (hint,) = re.findall("or if it is none: git exp (push .*)$", err, re.M)
    return str(hint)


def test_what_lets_a_session_go_can_be_typed_as_it_stands(
    origin: Path, runs: Runs, ask: Ask, git: Git_
) -> None:
    git("remote", "rename", "origin", "box")
    runs.add("base")
    _begun("kernels", " ".join(TOKENS))

    hint = hinted(ask("push", "box").err)

    assert hint.startswith("push box --allow ")
    assert ask(*hint.split()) == ("To box: sent 1 session\n", "")


def test_what_lets_a_run_go_names_all_that_was_allowed_before(
    origin: Path, runs: Runs, ask: Ask, git: Git_
) -> None:
    place = origin.rename(origin.with_name("a box"))
    runs.add("base", "".join(f"t = '{one}'\n" for one in TOKENS))
    runs.add("next")

    hint = hinted(ask("push", str(place), "base", "--allow", "0000000000", code=4).err)

    assert hint.startswith(f"push '{place}' base --allow 0000000000 --allow ")
    assert hint.count("--allow") == 6
    assert ask(*shlex.split(hint)).out == f"To {place}: sent the code of 1 run, 1 record\n"


def test_what_lets_a_run_go_does_not_show_who_a_url_says_we_are() -> None:
    said = push.Again(("https://ada:abc@host/x",), ()).allowing(["1"])

    assert said == "git exp push 'https://***@host/x' --allow 1"
