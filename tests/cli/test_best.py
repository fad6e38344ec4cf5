"""git exp best: the run that is best in a metric."""

from __future__ import annotations

import json
import math

import pytest

from tests.cli.conftest import Ask, Runs

pytestmark = pytest.mark.usefixtures("repo")


@pytest.fixture
def four(runs: Runs) -> Runs:
    """low, high (dirty), tied with it, and a failed one that is better."""
    runs.add("low", params={"lr": 0.1}, metrics={"acc": [0.9, 0.5], "val.loss": [0.25]})
    runs.add("high", "x = 2\n", params={"lr": 0.01}, metrics={"acc": [0.75], "val.loss": [4]})
    runs.add("tied", params={"lr": 0.01}, metrics={"acc": [0.75], "val.loss": [4]})
    runs.add("failed", metrics={"acc": [0.99], "only": [1]}, status="failed")
    return runs


def test_it_is_the_line_of_log(four: Runs, ask: Ask) -> None:
    said = ask("best", "acc")

    assert said == ("22222222* high acc=0.75 val.loss=4\n", "")
    assert said == ask("log", "high", "--oneline")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["acc"], "high"),
        (["acc", "--max"], "high"),
        (["acc", "--min"], "low"),
        (["val.loss"], "low"),
        (["val.loss", "--max"], "high"),
        (["max(acc)"], "low"),
        (["--", "-acc"], "low"),
        (["--max", "--", "-acc"], "high"),
        (["acc", "--where", "lr < 0.1 and started > 2026-01-02T04:30"], "tied"),
    ],
)
def test_the_direction_is_the_metrics_own_or_what_is_said(
    words: list[str], name: str, four: Runs, ask: Ask
) -> None:
    assert ask("best", "--format=%n", *words).out == f"{name}\n"


def test_it_is_the_run_that_the_revision_means(four: Runs, ask: Ask) -> None:
    for metric in ("acc", "val.loss", "max(acc)", "-acc"):
        named = ask("log", f"@{{best:{metric}}}", "--format=%H").out
        assert ask("best", "--format=%H", "--", metric).out == named


def test_nan_and_tainted_runs_never_win(runs: Runs, ask: Ask) -> None:
    runs.add("good", metrics={"acc": [0.5]})
    runs.add("nan", metrics={"acc": [math.nan]})
    runs.add("cheat", metrics={"acc": [1.0]}, tags=["tainted"])

    assert ask("best", "acc", "--format=%n").out == "good\n"
    assert ask("best", "acc", "--format=%n", "--where", "not name = nothing").out == "good\n"


def test_json_tells_the_value_and_the_run(four: Runs, ask: Ask) -> None:
    told = json.loads(ask("best", "max(val.loss)", "--json").out)

    assert list(told) == ["schema", "metric", "aggregate", "higher_is_better", "value", "run"]
    assert told["schema"] == "git-exp/best/1"
    assert (told["metric"], told["aggregate"], told["higher_is_better"]) == (
        "val.loss", "max", False,
    )  # fmt: skip
    assert (told["value"], told["run"]["name"]) == (0.25, "low")


def test_lines_of_json_and_csv_are_those_of_log(four: Runs, ask: Ask) -> None:
    assert ask("best", "acc", "--jsonl").out == ask("log", "high", "--jsonl").out
    assert ask("best", "acc", "--csv").out == ask("log", "high", "--csv").out


def test_where_no_run_qualifies_the_answer_is_no(four: Runs, ask: Ask) -> None:
    assert ask("best", "only", code=1) == (
        "", "error: no finished run has a number for 'only'\n",
    )  # fmt: skip
    assert ask("best", "acc", "--where", "lr > 1", code=1) == (
        "", "error: no finished run that fits has a number for 'acc'\n",
    )  # fmt: skip


def test_a_metric_that_no_run_has_is_not_found_with_those_spelt_like_it(
    four: Runs, ask: Ask
) -> None:
    def hint(metric: str) -> str:
        return ask("best", metric, code=3).err.splitlines()[-1]

    assert ask("best", "ac", code=3).err.startswith("fatal: no run has a metric 'ac'\n")
    assert hint("ac") == "hint: did you mean acc?"
    assert hint("loss") == "hint: did you mean val.loss?"
    assert hint("zzz").startswith("hint: known metrics: ")
    assert set(hint("zzz")[21:].split(", ")) == {"only", "acc", "val.loss"}


def test_without_a_run_it_says_how_to_record_one(ask: Ask) -> None:
    assert ask("best", "acc", code=3).err == (
        "fatal: there are no runs yet\nhint: record one: git exp run COMMAND\n"
    )


def test_two_directions_exclude_each_other(four: Runs, ask: Ask) -> None:
    assert "exclude each other" in ask("best", "acc", "--min", "--max", code=2).err
