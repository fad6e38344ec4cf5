"""git exp compare: runs side by side."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest

from tests import pseudo_terminal
from tests.cli.conftest import Ask, Git_, Runs

pytestmark = pytest.mark.usefixtures("repo")


@pytest.fixture
def three(runs: Runs) -> Runs:
    """a, b of other code, and c, which failed."""
    runs.add("a", params={"lr": 0.1, "seed": 1}, metrics={"acc": [0.9, 0.5], "loss": [0.25]})
    runs.add("b", "x = 2\n", params={"lr": 0.01, "seed": 1, "acc": "top"},
             metrics={"acc": [0.75], "loss": [0.5]})  # fmt: skip
    runs.add("c", params={"lr": 0.1, "seed": 1}, metrics={"acc": [0.99]}, status="failed")
    return runs


def test_runs_stand_side_by_side(three: Runs, ask: Ask) -> None:
    said = ask("compare", "a", "b", "c")

    assert said.err == ""
    assert (
        said.out
        == """\
                11111111 a      22222222 b     33333333 c
status            finished        finished         failed
age            2 hours ago  60 minutes ago  0 seconds ago
duration        1 min 30 s      1 min 30 s     1 min 30 s
changed files            -               1              0
lr                     0.1            0.01            0.1
param:acc                -             top              -
acc                    0.5            0.75           0.99
loss                  0.25             0.5              -
"""
    )


def test_params_that_are_the_same_are_shown_if_asked_for(three: Runs, ask: Ask) -> None:
    assert "seed" not in ask("compare", "a", "b").out
    assert [line.split() for line in ask("compare", "a", "b", "--all").out.splitlines()][6] == [
        "seed", "1", "1",
    ]  # fmt: skip


def test_the_best_values_of_the_courses_are_compared_if_asked_for(three: Runs, ask: Ask) -> None:
    def acc(*words: str) -> list[object]:
        told = json.loads(ask("compare", "a", "b", "--json", *words).out)["metrics"]
        return [(one["values"], one["best"][:4]) for one in told if one["name"] == "acc"]

    assert acc() == [([0.5, 0.75], "2222")]
    assert acc("--best") == [([0.9, 0.75], "1111")]


def test_json_has_a_value_for_each_run(three: Runs, ask: Ask) -> None:
    told = json.loads(ask("compare", "c", "b", "a", "--json").out)

    assert list(told) == ["schema", "runs", "changed_files", "params", "metrics"]
    assert told["schema"] == "git-exp/compare/1"
    assert [run["name"] for run in told["runs"]] == ["c", "b", "a"]
    assert told["changed_files"] == [0, 1, 0]
    assert told["params"][0] == {"name": "lr", "values": [0.1, 0.01, 0.1], "best": None}
    # That of a failed run is never the best.
    assert [(one["name"], one["best"][:4]) for one in told["metrics"]] == [
        ("acc", "2222"), ("loss", "1111"),
    ]  # fmt: skip


def test_among_equals_nobody_is_ahead_and_nan_never_is(runs: Runs, ask: Ask) -> None:
    runs.add("a", metrics={"acc": [0.5], "f1": [math.nan], "n": [1]})
    runs.add("b", metrics={"acc": [0.5], "f1": [0.25]}, tags=[])
    runs.add("c", metrics={"acc": [0.5], "f1": [0.5], "n": [2]}, tags=["tainted"])

    told = json.loads(ask("compare", "a", "b", "c", "--json").out)["metrics"]

    assert {one["name"]: (one["best"] or "none")[:4] for one in told} == {
        "acc": "none", "f1": "2222", "n": "1111",
    }  # fmt: skip


def test_the_best_value_is_bold_on_a_terminal(three: Runs) -> None:
    shown = pseudo_terminal.shown(["git", "exp", "compare", "a", "b"], GIT_PAGER="cat")

    bold = re.findall(r"\x1b\[1m +([0-9.]+)\x1b\[0m", shown)

    assert bold == ["0.75", "0.25"]


def test_code_that_is_not_here_cannot_be_counted(three: Runs, ask: Ask, git: Git_) -> None:
    run_id = json.loads(ask("show", "b", "--json").out)["run"]["id"]
    commit = git("rev-parse", f"refs/runs/{run_id}")
    git("update-ref", "-d", f"refs/runs/{run_id}")
    Path(f".git/objects/{commit[:2]}/{commit[2:]}").unlink()

    assert json.loads(ask("compare", "a", "b", "c", "--json").out)["changed_files"] == [0, None, 0]


def test_a_snapshot_that_is_not_whole_has_a_line(runs: Runs, ask: Ask) -> None:
    runs.add("a")
    runs.add("b", git={"capture": "partial"})

    lines = [line.split() for line in ask("compare", "a", "b").out.splitlines()]

    assert ["snapshot", "full", "partial"] in lines


def test_one_run_is_no_comparison(three: Runs, ask: Ask) -> None:
    assert ask("compare", "a", code=2).err == (
        "error: compare takes two runs or more\nhint: git exp show a\n"
    )
    assert "missing" in ask("compare", code=2).err


def test_a_run_that_is_not_there_is_not_found(three: Runs, ask: Ask) -> None:
    assert ask("compare", "a", "zz", code=3).err.startswith("fatal: no run 'zz'")


def test_what_a_session_says_of_a_metric_goes_for_every_view(runs: Runs, ask: Ask) -> None:
    less = runs.add("less", metrics={"widgets": [3, 1, 2]})
    more = runs.add("more", metrics={"widgets": [8, 9]})
    assert json.loads(ask("compare", "less", "more", "--json").out)["metrics"][0]["best"] == more

    ask("session", "start", "--goal", "g", "--metric", "widgets", "--direction", "minimize")

    assert json.loads(ask("compare", "less", "more", "--json").out)["metrics"][0]["best"] == less
    shown = next(line for line in ask("show", "less").out.splitlines() if "widgets" in line)
    assert shown.split()[:5] == ["widgets", "3", "1", "1", "2"]


def test_the_session_that_one_is_in_comes_before_a_newer_one(
    runs: Runs, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    less = runs.add("less", metrics={"widgets": [1]})
    more = runs.add("more", metrics={"widgets": [9]})
    for name, way in (("old", "minimize"), ("new", "maximize")):
        ask("session", "start", "--goal", "g", "--metric", "widgets", "--direction", way,
            "--id", name)  # fmt: skip

    assert json.loads(ask("best", "widgets", "--json").out)["run"]["id"] == more
    monkeypatch.setenv("GIT_EXP_SESSION", "old")
    assert json.loads(ask("best", "widgets", "--json").out)["run"]["id"] == less
