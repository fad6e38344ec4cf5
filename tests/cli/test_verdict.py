"""git exp verdict: one line that says what is known, and an exit code for a loop."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

import pytest

from git_exp import Experiment
from tests.cli.conftest import Ask, Git_, Runs
from tests.conftest import Clock

pytestmark = pytest.mark.usefixtures("repo")
WIDER = "x = 2\n"


class Told(Runs):
    """Runs whose records tell the tree of their code."""

    def add(self, name: str, code: str = "x = 1\n", **given: Any) -> str:
        tree = hashlib.sha1(code.encode(), usedforsecurity=False).hexdigest()
        return super().add(name, code, git={"tree": tree, **given.pop("git", {})}, **given)


@pytest.fixture
def runs(git: Git_) -> Runs:
    return Told(git)


@pytest.fixture
def noisy(runs: Runs) -> Runs:
    """Three replicates of the base, which differ in their seeds, and two runs of other code."""
    for seed, acc in enumerate([0.70, 0.72, 0.74]):
        runs.add("base", params={"seed": seed}, metrics={"acc": [acc]})
    runs.add("wider", WIDER, metrics={"acc": [0.90]})
    runs.add("wider", WIDER, metrics={"acc": [0.92]})
    return runs


def test_the_latest_run_is_judged_against_the_best_before_it(noisy: Runs, ask: Ask) -> None:
    said = ask("verdict")

    assert said == (
        """\
improved: acc 0.91 against 0.72 (+26 %), 97.5 % interval +0.12 to +0.26
candidate: 55555555 wider, mean of 2 runs
baseline: 33333333 base, mean of 3 runs
method: t interval, the noise pooled over 2 groups of replicates
noise: 0.0183 from run to run (standard deviation, 3 degrees of freedom)
note: replicates were made after a first look: this look is at 2.5 %, not at 5 %
""",
        "",
    )


def test_worse_and_indistinguishable_are_a_no(noisy: Runs, ask: Ask) -> None:
    noisy.add("worse", "x = 3\n", metrics={"acc": [0.5]})
    noisy.add("alike", "x = 4\n", metrics={"acc": [0.93]})

    worse = ask("verdict", "worse", "base", code=1).out
    alike = ask("verdict", code=1).out

    assert worse.startswith("worse: acc 0.5 against 0.72 (-31 %), 95 % interval -0.287 to -0.153\n")
    assert alike.splitlines()[0].startswith("indistinguishable: acc 0.93 against 0.91 (+2.2 %), ")
    assert alike.splitlines()[5:] == [
        "to settle it: 12 more of the candidate and 11 more of the baseline; 22 of each to find"
        " such a difference 4 times in 5",
        "note: the baseline was chosen as the best of 3, replicates counted once",
    ]


def test_a_win_where_only_a_seed_differs_is_none(noisy: Runs, ask: Ask) -> None:
    noisy.add("lucky", params={"seed": 9}, metrics={"acc": [0.99]})

    said = ask("verdict", "@", "base", code=1).out

    assert said.startswith("indistinguishable: acc 0.99 against 0.74 (+34 %)\n")
    assert said.endswith("note: only a seed differs: the difference is noise, however large\n")
    same = ask("verdict", "@~2", "@~1", code=1).out
    assert same.endswith("are the same: what differs is noise\n")
    assert ask("verdict", "@", "@", code=1).out.endswith("note: it is the same run\n")


def test_without_replicates_it_says_what_to_do(runs: Runs, ask: Ask) -> None:
    runs.add("one", metrics={"acc": [0.5]})
    runs.add("two", WIDER, metrics={"acc": [0.9]})

    assert ask("verdict", code=1).out.splitlines()[3:] == [
        "method: none: nothing tells the noise",
        "note: no replicates: run one of the two again",
    ]


def test_runs_of_one_seed_that_agree_are_no_replicates(runs: Runs, ask: Ask) -> None:
    for code in ("x = 1\n", WIDER):
        for _ in range(3):
            runs.add("one", code, params={"seed": 1}, metrics={"acc": [len(code) / 10 + 0.1]})

    said = ask("verdict", "@", "11111111", code=1).out

    assert "run one of the two with another seed\n" in said
    assert "note: 2 runs of the candidate left out: the seed and number of another\n" in said


def test_deterministic_runs_are_told_apart(runs: Runs, ask: Ask) -> None:
    for acc in (0.5, 0.75):
        for _ in range(3):
            runs.add("one", f"x = {acc}\n", metrics={"acc": [acc]})

    said = ask("verdict").out

    assert said.startswith("improved: acc 0.75 against 0.5 (+50 %)\n")
    assert "method: deterministic replicates: those of each agree exactly\n" in said


def test_the_direction_is_the_metrics_own_or_what_is_said(noisy: Runs, ask: Ask) -> None:
    assert ask("verdict", "wider", "base", "--min", code=1).out.startswith("worse: ")
    assert ask("verdict", "base", "wider", "--min").out.startswith("improved: ")
    assert ask("verdict", "base", "wider", "--metric=-acc").out.startswith("improved: ")
    assert "exclude each other" in ask("verdict", "--min", "--max", code=2).err


def test_an_aggregate_can_be_compared(runs: Runs, ask: Ask) -> None:
    for code, best in (("x = 1\n", [0.5, 0.51, 0.52]), (WIDER, [0.9, 0.91, 0.92])):
        for acc in best:
            runs.add("one", code, metrics={"acc": [acc, 0.1]})

    assert ask("verdict", "--metric", "max(acc)").out.startswith("improved: max(acc) 0.91 against")
    assert ask("verdict", code=1).out.startswith("indistinguishable: acc 0.1 against 0.1")


def test_with_several_metrics_one_has_to_be_named(runs: Runs, ask: Ask) -> None:
    runs.add("one", metrics={"acc": [0.5], "loss": [1], "only": [1]})
    runs.add("two", WIDER, metrics={"acc": [0.9], "loss": [2]})
    runs.add("none", WIDER)

    assert ask("verdict", "two", code=2).err == (
        "error: run '22222222' has several metrics: say which\n"
        "hint: --metric acc, or one of: loss\n"
    )
    assert ask("verdict", "two", "one", code=2).err.startswith("error: both runs have several met")
    assert ask("verdict", "none", code=1).err == "error: run '33333333' has no metric\n"
    assert (
        ask("verdict", "none", "two", code=1).err == "error: both runs have no metric in common\n"
    )
    assert ask("verdict", "one", "two", "--metric", "los", code=3).err == (
        "fatal: no run has a metric 'los'\nhint: did you mean loss?\n"
    )
    assert ask("verdict", "two", "--metric", "only", code=1).err == (
        "error: run '22222222' has no number for 'only'\n"
    )


def test_a_run_that_cannot_be_judged_is_a_no(runs: Runs, ask: Ask) -> None:
    runs.add("base", metrics={"acc": [0.5]})
    runs.add("failed", WIDER, metrics={"acc": [0.9]}, status="failed")
    runs.add("cheat", WIDER, metrics={"acc": [0.9]}, tags=["tainted"])
    runs.add("nan", WIDER, metrics={"acc": [math.nan]})

    def err(*names: str) -> str:
        return ask("verdict", *names, code=1).err

    assert err("failed") == "error: run '22222222' is failed: only finished runs are judged\n"
    assert err("cheat", "base") == "error: run '33333333' is tagged tainted: it is not judged\n"
    assert err("nan") == "error: run '44444444' has no number for 'acc': it is NaN\n"
    assert err("base", "nan") == err("nan")
    assert err("base") == (
        "error: no earlier run with other code, command or params has a number for 'acc'\n"
        "hint: name a baseline: git exp verdict @ RUN\n"
    )


def test_without_runs_or_names_it_is_not_found(ask: Ask, runs: Runs) -> None:
    assert ask("verdict", code=3).err.startswith("fatal: there are no runs yet\n")
    runs.add("one", metrics={"acc": [1]})
    assert ask("verdict", "@", "zz", code=3).err.startswith("fatal: no run 'zz'\n")


def test_what_diverged_is_worse_than_any(noisy: Runs, ask: Ask) -> None:
    noisy.add("inf", "x = 3\n", metrics={"acc": [math.inf]})
    noisy.add("base", params={"seed": 7}, metrics={"acc": [math.inf]})

    said = ask("verdict", "inf", "wider", code=1).out
    mixed = ask("verdict", "33333333", "wider", "--min", code=1).out

    assert said.splitlines()[0] == "worse: acc infinite against 0.91"
    assert "method: none: an infinite number is worse than any\n" in said
    assert mixed.startswith("indistinguishable: ")
    assert "note: 1 run of the candidate diverged: it is not called better\n" in mixed


def test_noise_that_is_of_other_code_is_said_to_be(noisy: Runs, ask: Ask) -> None:
    noisy.add("one", "x = 3\n", metrics={"acc": [0.8]})
    noisy.add("two", "x = 4\n", metrics={"acc": [0.99]})

    others = json.loads(ask("verdict", "two", "one", "--json").out)
    own = json.loads(ask("verdict", "two", "base", "--json").out)

    assert others["flags"] == ["noise-of-others"]
    assert others["notes"] == ["the noise is that of other code: neither side has replicates"]
    assert own["flags"] == []


def test_json_has_all_of_it(noisy: Runs, ask: Ask) -> None:
    told = json.loads(ask("verdict", "--json").out)

    assert list(told) == [
        "schema", "verdict", "metric", "aggregate", "higher_is_better", "candidate", "baseline",
        "difference", "percent", "confidence", "interval", "method", "noise", "settled_by",
        "flags", "notes",
    ]  # fmt: skip
    assert told["schema"] == "git-exp/verdict/1"
    assert told["baseline"].pop("value") == pytest.approx(0.72)
    assert told["baseline"] == {
        "run": "33333333-0000-4000-8000-000000000000", "name": "base",
        "values": [0.74, 0.72, 0.7], "diverged": 0, "nan": 0, "repeated": 0, "chosen_of": 1,
    }  # fmt: skip
    assert (told["verdict"], told["method"]) == ("improved", "pooled")
    assert told["confidence"] == pytest.approx(0.975)
    assert (told["noise"]["df"], told["noise"]["groups"]) == (3, 2)
    assert told["settled_by"] is None
    assert told["flags"] == ["looks"]


def test_json_says_what_would_settle_it_and_what_to_mind(noisy: Runs, ask: Ask) -> None:
    noisy.add("alike", "x = 4\n", metrics={"acc": [0.93]}, git={"capture": "partial"})

    told = json.loads(ask("verdict", "--json", code=1).out)

    assert told["settled_by"] == {"runs": 13, "powered": 22}
    assert told["flags"] == ["chosen-baseline", "partial"]
    assert len(told["notes"]) == 2


def test_a_name_from_a_run_is_no_order_to_a_terminal(runs: Runs, ask: Ask) -> None:
    runs.add("a\x1b[31m", metrics={"acc\x1b[0m": [1]})
    runs.add("b\x1b[31m", WIDER, metrics={"acc\x1b[0m": [1]})

    assert "\x1b" not in ask("verdict", code=1).out


def test_steps_need_no_replicates_and_say_what_they_leave_out(ask: Ask, clock: Clock) -> None:
    for start in (0.5, 0.9):
        clock.move(1)
        with Experiment("one", params={"start": start}) as run:
            for step in range(40):
                run.track({"acc": start + step % 2 / 100})

    said = ask("verdict", "--steps").out

    assert said.startswith("improved: acc 0.91 against 0.51 (+78 %), 95 % interval +0.37")
    assert "method: t interval, from the noise between the steps of each run\n" in said
    assert said.endswith(
        "note: steps that resemble those before them make the noise look too small\n"
    )
    assert ask("verdict", "--steps", "--metric", "max(acc)", code=2).err.startswith(
        "error: --steps is for the last value, not max(acc)\n"
    )


def test_short_series_tell_no_noise(runs: Runs, ask: Ask) -> None:
    runs.add("one", metrics={"acc": [0.5]})
    runs.add("two", WIDER, metrics={"acc": [0.9]})

    said = ask("verdict", "--steps", code=1).out

    assert said.endswith("note: a series has fewer than 16 numbers, or does not vary\n")
