"""git exp doctor: what runs cost, and what could harm them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Ask, Git_, Runs


def test_a_repository_that_is_well_has_figures_alone(repo: Path, runs: Runs, ask: Ask) -> None:
    runs.add("base")

    lines = ask("doctor").out.splitlines()

    assert lines[:3] == [
        "Runs:     1, 0 of them in archives",
        "Refs:     2, 1 of them loose",
        "Fetch:    offers 0 commits of runs",
    ]


def test_many_loose_refs_and_old_runs_are_put_right(
    repo: Path, runs: Runs, ask: Ask, git: Git_
) -> None:
    git("config", "exp.archiveAfter", "1")
    commit = git("rev-parse", f"refs/runs/{runs.add('base')}")
    Path(".git/exp").mkdir(exist_ok=True)
    ids = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(16, 226)]
    orders = "".join(f"create refs/runs/{one} {commit}\n" for one in ids)
    git("update-ref", "--stdin", stdin=orders)

    said = ask("doctor", code=1)
    assert "211 refs of runs are loose files\n" in said.out
    assert said.err == "hint: git exp gc\n"
    assert "done: 211 refs of runs are loose files\n" in ask("doctor", "--fix").out
    assert json.loads(ask("doctor", "--json").out)["cost"]["loose"] == 0


def test_a_refspec_that_prunes_runs_is_warned_of(repo: Path, ask: Ask, git: Git_) -> None:
    git("remote", "add", "--mirror=fetch", "copy", "/nowhere")
    forced = "remote 'copy' fetches '+refs/*:refs/*': a git fetch drops records of yours\n"
    assert ask("doctor", code=1).out.endswith(f"\n{forced}")

    git("config", "fetch.prune", "true")

    said = ask("doctor", code=1)
    assert "remote 'copy' prunes 'refs/*:refs/*'" in said.out
    assert said.err.endswith(
        "hint: git config remote.copy.prune false, or a narrower remote.copy.fetch\n"
    )


def test_lfs_files_that_only_runs_use_are_warned_of(repo: Path, ask: Ask, git: Git_) -> None:
    Path(".git/lfs/objects").mkdir(parents=True)

    assert "git lfs prune removes files that only runs use" in ask("doctor", code=1).out
    git("config", "lfs.pruneverifyremotealways", "true")
    assert ask("doctor").err == ""


def test_runs_dated_after_what_a_server_has_are_counted(
    origin: Path, runs: Runs, ask: Ask, git: Git_
) -> None:
    runs.add("base")

    said = ask("doctor", code=1)

    assert "Fetch:    offers 2 commits of runs\n" in said.out
