"""git exp tree: what it says of each run; what was derived from what is lineage's to test."""

from __future__ import annotations

import json

import pytest

from git_exp import records
from git_exp.records import Note
from tests.cli.conftest import HOUR, START, Ask, Git_, Runs

pytestmark = pytest.mark.usefixtures("repo")


def code(*lines: str) -> str:
    return "".join(f"{line}\n" for line in ("print('METRIC acc=0.5')", *lines))


@pytest.fixture
def four(runs: Runs) -> Runs:
    runs.add("base", code(), metrics={"acc": [0.5]})
    wider = runs.add("wider", code("w", "x"), metrics={"acc": [0.75], "loss": [1.0]})
    note = Note(t=records.stamp(START + 5 * HOUR), text="twice as wide\nfor a reason \x1b[31m")
    runs.append(wider, records.line(note).decode())
    runs.add("deeper", code("w", "x", "d"), status="failed")
    runs.add("best", code("w", "x", "y"), metrics={"acc": [0.875]})
    return runs


def test_runs_stand_below_what_they_were_derived_from(four: Runs, ask: Ask) -> None:
    assert ask("tree") == (
        "* 11111111 base finished acc=0.5\n"
        "* 22222222 wider finished acc=0.75 (+0.25)  twice as wide\n"
        "|\\\n"
        "| o 33333333 deeper failed\n"
        "* 44444444 best finished acc=0.875 (+0.125)\n",
        "",
    )


def test_another_metric_marks_another_path(four: Runs, ask: Ask) -> None:
    assert ask("tree", "--metric", "min(loss)").out.splitlines()[:2] == [
        "* 11111111 base finished",
        "* 22222222 wider finished min(loss)=1  twice as wide",
    ]


def test_what_is_not_shown_is_counted(four: Runs, ask: Ask) -> None:
    said = ask("tree", "-n", "1", "deeper")

    assert said == (
        "* 11111111 base finished acc=0.5\n"
        ": 1 run not shown\n"
        "o 33333333 deeper failed\n",
        "1 run is not shown: -n shows more\n",
    )  # fmt: skip
    assert ask("tree", "-n", "9", "deeper").err == ""


def test_without_a_clear_metric_it_is_a_tree_too(runs: Runs, ask: Ask) -> None:
    runs.add("a", code(), metrics={"acc": [0.5], "loss": [1.0]})

    assert ask("tree") == (
        "o 11111111 a finished\n",
        "hint: no run is marked as the best: say it: --metric NAME, of acc, loss\n",
    )


def test_text_of_others_is_escaped(runs: Runs, ask: Ask) -> None:
    runs.add("a\x1b[31m", code(), metrics={"acc\x1b": [0.5]})

    assert ask("tree").out == "* 11111111 a^[[31m finished acc^[=0.5\n"


def test_json_has_every_parent(four: Runs, ask: Ask) -> None:
    found = json.loads(ask("tree", "-n", "1", "deeper", "--json").out)

    assert found["schema"] == "git-exp/tree/1"
    assert (found["metric"], found["higher_is_better"], found["left_out"]) == ("acc", True, 1)
    assert [one[:8] for one in found["path"]] == ["11111111", "22222222", "44444444"]
    assert [(one["id"][:8], (one["parent"] or "")[:8]) for one in found["nodes"]] == [
        ("11111111", ""),
        ("33333333", "22222222"),
    ]
    assert found["nodes"][1] | {"id": "", "parent": "", "started": ""} == {
        "id": "", "parent": "", "how": "nearest", "name": "deeper", "status": "failed",
        "started": "", "value": None, "change": None, "best_path": False, "note": None,
    }  # fmt: skip


def test_where_there_is_nothing_it_says_so(ask: Ask, git: Git_) -> None:
    assert ask("tree").err == "hint: there are no runs yet; record one: git exp run COMMAND\n"
    assert json.loads(ask("tree", "--json").out)["nodes"] == []


def test_a_metric_or_a_run_that_there_is_not_is_not_found(four: Runs, ask: Ask) -> None:
    assert ask("tree", "--metric", "max(zz)", code=3).err == (
        "fatal: no run has a metric 'zz'\nhint: known metrics: acc, loss\n"
    )
    assert ask("tree", "zz", code=3).err.startswith("fatal: no run 'zz'\n")
