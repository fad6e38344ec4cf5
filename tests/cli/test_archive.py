"""git exp archive: old runs on one ref, as good as before."""

from __future__ import annotations

from pathlib import Path

import pytest

from git_exp import Experiment
from tests.cli.conftest import Ask, Git_
from tests.conftest import Clock


def tracked(name: str, clock: Clock | None = None) -> str:
    if clock:
        clock.move(60)
    with Experiment(name) as experiment:
        experiment.track({"loss": 0.5})
    return str(experiment.run_id)


def test_a_run_in_an_archive_is_what_it_was(repo: Path, ask: Ask, git: Git_) -> None:
    run_id = tracked("old")
    commit = git("rev-parse", f"refs/runs/{run_id}")
    shown, series = ask("show", "old").out, ask("show", "old", "--series", "loss").out

    said = ask("archive", "--older-than", "now")

    assert said.out == f"Archived run {run_id[:8]} 'old'\n"
    assert git("for-each-ref", "refs/runs", "refs/exp/data") == ""
    git("gc", "-q", "--prune=now")
    assert git("cat-file", "-t", commit) == "commit"
    assert ask("show", "old").out == shown
    assert ask("show", "old", "--series", "loss").out == series
    assert ask("fsck").out == ""
    ask("checkout", "old")
    assert git("rev-parse", "HEAD") == commit


def test_without_a_date_those_go_that_are_over_the_newest(
    repo: Path, ask: Ask, git: Git_, clock: Clock
) -> None:
    git("config", "exp.archiveAfter", "2")
    for name in ("a", "b", "c", "d"):
        tracked(name, clock)

    assert [line.split("'")[1] for line in ask("archive", "-n").out.splitlines()] == ["a", "b"]
    assert ask("archive").out.count("Archived") == 2
    assert ask("archive").err == "no run is old enough\n"
    assert ask("log", "--format", "%n").out == "d\nc\nb\na\n"


def test_a_push_archives_on_the_remote_and_others_still_get_the_code(
    origin: Path, other: Path, ask: Ask, git: Git_, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = tracked("old")
    ask("push")
    assert git("for-each-ref", "refs/runs", cwd=origin)
    ask("archive", "--older-than", "now")

    ask("push")

    names = git("for-each-ref", "--format=%(refname)", "refs/exp", "refs/runs", cwd=origin)
    assert names.startswith("refs/exp/archive/")
    assert "\n" not in names
    monkeypatch.chdir(other)
    ask("pull")
    assert ask("show", "old", "--series", "loss").err == f"fetching run {run_id[:8]} from origin\n"
    # What was fetched does not go back as a ref of its own.
    ask("push")
    assert git("for-each-ref", "--format=%(refname)", "refs/exp", "refs/runs", cwd=origin) == names


def test_a_run_that_is_deleted_leaves_its_archive_here_and_there(
    origin: Path, ask: Ask, git: Git_
) -> None:
    run_id, kept = tracked("old"), tracked("kept")
    commits = [git("rev-parse", f"refs/runs/{one}") for one in (run_id, kept)]
    ask("archive", "--older-than", "now")
    ask("push")
    ask("rm", "old")

    ask("push")

    for where in (None, origin):
        held = git("rev-list", "--all", cwd=where).splitlines()
        assert commits[0] not in held
        assert commits[1] in held


@pytest.mark.usefixtures("repo")
def test_a_date_that_is_none_is_refused(ask: Ask) -> None:
    assert ask("archive", "--older-than", "soonish", code=2).err.startswith(
        "error: bad date 'soonish'\n"
    )


def test_a_private_run_is_in_no_archive_that_is_pushed(origin: Path, ask: Ask, git: Git_) -> None:
    with Experiment("hidden", private=True) as hidden:
        hidden.track({"loss": 0.5})
    tracked("shown")

    ask("archive", "--older-than", "now")
    ask("push")

    assert git("rev-parse", f"refs/runs/{hidden.run_id}") not in git(
        "rev-list", "--all", cwd=origin
    )
    assert ask("show", "hidden").out.splitlines()[1] == "Name:     hidden"


def test_an_archive_whose_runs_are_all_deleted_goes_here_and_there(
    origin: Path, ask: Ask, git: Git_
) -> None:
    commit = git("rev-parse", f"refs/runs/{tracked('old')}")
    ask("archive", "--older-than", "now")
    ask("push")
    ask("rm", "old")

    ask("push")

    for where in (None, origin):
        assert commit not in git("rev-list", "--all", cwd=where)
        assert git("for-each-ref", "refs/exp/archive", cwd=where) == ""
