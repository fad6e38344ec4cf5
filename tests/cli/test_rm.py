"""git exp rm: deleting runs, and refusing to."""

from __future__ import annotations

import pytest

from git_exp import Experiment
from tests.cli.conftest import Ask, Git_, Runs

pytestmark = pytest.mark.usefixtures("repo")


def test_runs_go_and_what_is_printed_brings_their_code_back(
    runs: Runs, ask: Ask, git: Git_
) -> None:
    run_id = runs.add("base", "x = 1\n")
    runs.add("other")
    runs.add("next")
    commits = [git("rev-parse", f"refs/runs/{str(at) * 8}{run_id[8:]}") for at in (1, 3)]

    said = ask("rm", "base", "@")

    assert said == (
        f"Deleted run 11111111 'base' (was {commits[0]})\n"
        f"Deleted run 33333333 'next' (was {commits[1]})\n",
        "",
    )
    assert ask("log", "--format", "%n").out == "other\n"
    assert git("for-each-ref", "--format=%(refname)", "refs/runs") == (
        "refs/runs/22222222-0000-4000-8000-000000000000"
    )
    git("branch", "back", commits[0])
    assert git("show", "back:train.py") == "x = 1"


def test_a_dry_run_says_what_would_go_and_deletes_nothing(runs: Runs, ask: Ask, git: Git_) -> None:
    runs.add("base")
    commit = git("rev-parse", "refs/runs/11111111-0000-4000-8000-000000000000")
    before = git("for-each-ref")

    for option in ("-n", "--dry-run"):
        assert ask("rm", option, "base") == (
            f"Would delete run 11111111 'base' (was {commit})\n", "",
        )  # fmt: skip
    assert git("for-each-ref") == before


def test_a_run_that_is_named_twice_is_deleted_once(runs: Runs, ask: Ask) -> None:
    runs.add("base")

    assert len(ask("rm", "base", "@", "1111").out.splitlines()) == 1


@pytest.mark.parametrize("options", [[], ["-n"]])
def test_a_running_run_is_refused_and_then_none_is_deleted(
    options: list[str], runs: Runs, ask: Ask, git: Git_
) -> None:
    runs.add("base")
    with Experiment("live") as experiment:
        before = git("for-each-ref")

        said = ask("rm", "base", "live", *options, code=4)

        short = str(experiment.run_id)[:8]
        assert said == ("", f"error: run {short} 'live' is still running\nhint: stop it first\n")
        assert git("for-each-ref") == before


def test_one_name_that_is_not_there_keeps_all_runs(runs: Runs, ask: Ask) -> None:
    runs.add("base")

    assert ask("rm", "base", "zz", code=3).err.startswith("fatal: no run 'zz'\n")
    assert ask("rm", code=2).err.startswith("error: missing <run>\n")
    assert ask("log", "--format", "%n").out == "base\n"


def test_a_deleted_run_cannot_be_found_again(runs: Runs, ask: Ask) -> None:
    run_id = runs.add("base")
    runs.add("next")
    ask("rm", "base")

    for name in ("base", run_id, "1111"):
        assert ask("show", name, code=3).err.startswith(f"fatal: no run '{name}'\n")


def test_escapes_in_a_name_reach_no_reader(runs: Runs, ask: Ask) -> None:
    runs.add("\x1b[2J")

    assert ask("rm", "@").out.startswith("Deleted run 11111111 '^[[2J' (was ")
