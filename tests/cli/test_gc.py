"""git exp gc: what dead processes left is sealed and cleared away, refs are packed."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Ask, Git_, Runs
from tests.spooled import Spooled, found


def test_dead_runs_are_sealed_and_refs_packed(repo: Path, runs: Runs, ask: Ask, git: Git_) -> None:
    dead = Spooled(found(repo)).die()
    runs.add("base")

    said = ask("gc").out.splitlines()

    assert said == [f"Sealed run {dead.run_id[:8]}", "Packed 2 refs"]
    assert not list(Path(".git/refs/runs").glob("*"))
    assert git("rev-parse", f"refs/runs/{dead.run_id}") == dead.commit
    assert ask("gc") == ("", "")


def test_json_says_what_was_done(repo: Path, runs: Runs, ask: Ask) -> None:
    runs.add("base")

    assert json.loads(ask("gc", "--json").out) == {
        "schema": "git-exp/gc/1", "sealed": [], "aside": {}, "removed": [], "packed": 1,
    }  # fmt: skip
