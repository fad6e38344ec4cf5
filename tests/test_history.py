"""git_exp.history: what a notebook asks, and what the runs that it gets can tell."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import git_exp
from git_exp import Experiment, errors, records
from git_exp.run import Run
from tests import programs

Git = Callable[..., str]


@pytest.fixture
def four(repo: Path) -> Path:
    """A run each of four learning rates; the last has no accuracy and failed."""
    for at, lr in enumerate((0.1, 0.01, 0.001)):
        with Experiment(f"run {at}", params={"lr": lr}, tags=["low"] if lr < 0.1 else []) as exp:
            for step in range(at + 1):
                exp.track({"acc": 0.5 + step / 10, "loss": -lr}, step=step)
    with pytest.raises(ZeroDivisionError), Experiment("failure", params={"lr": "auto"}):
        raise ZeroDivisionError
    return repo


def names(runs: list[Run]) -> list[str]:
    return [run.name for run in runs]


def test_runs_are_the_newest_first(four: Path) -> None:
    assert names(git_exp.runs()) == ["failure", "run 2", "run 1", "run 0"]
    assert names(git_exp.runs(limit=2)) == ["failure", "run 2"]
    assert git_exp.runs(limit=0) == []


def test_an_expression_chooses(four: Path) -> None:
    assert names(git_exp.runs("lr <= 0.01")) == ["run 2", "run 1"]
    assert names(git_exp.runs(where="max(acc) >= 0.6 and not tag = bad")) == ["run 2", "run 1"]
    assert names(git_exp.runs("status = failed or lr = 0.1")) == ["failure", "run 0"]
    assert names(git_exp.runs("name ~ '^run' and started > '1 hour ago'", limit=1)) == ["run 2"]
    assert git_exp.runs("lr > 1") == []


def test_one_key_or_several_sort(four: Path) -> None:
    assert names(git_exp.runs(sort="lr")) == ["run 2", "run 1", "run 0", "failure"]
    assert names(git_exp.runs(sort="-lr")) == ["run 0", "run 1", "run 2", "failure"]
    assert names(git_exp.runs(sort="-max(acc)", limit=1)) == ["run 2"]
    assert names(git_exp.runs(sort=["-count(acc)"])) == ["run 2", "run 1", "run 0", "failure"]
    assert names(git_exp.runs(sort=("first(acc)", "-lr"))) == ["run 0", "run 1", "run 2", "failure"]
    assert names(git_exp.runs(sort=("status", "name"))) == ["failure", "run 0", "run 1", "run 2"]


def test_a_live_run_is_chosen_and_sorted_with_the_others(four: Path) -> None:
    with Experiment("live", params={"lr": 0.05}) as exp:
        exp.track({"acc": 0.55})

        assert names(git_exp.runs("lr < 0.1", sort="-lr")) == ["live", "run 1", "run 2"]
        assert names(git_exp.runs("acc < 0.56 and acc > 0.5")) == ["live"]
        assert git_exp.get("live").live


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ({"where": "lr >"}, errors.UsageError, "bad expression: expected a value after '>'"),
        ({"where": ""}, errors.UsageError, "bad expression: it is empty"),
        ({"where": "acc = x"}, errors.UsageError, "bad expression: expected a number"),
        ({"where": "lrr = 1"}, errors.NotFound, "no field, param or metric is called 'lrr'"),
        ({"sort": "-acd"}, errors.NotFound, "no field, param or metric is called 'acd'"),
        ({"sort": "tag"}, errors.UsageError, "bad expression: a run has several of 'tag'"),
        ({"sort": ""}, errors.UsageError, "bad expression: expected a name"),
    ],
)
def test_a_wrong_question_is_refused(
    four: Path, given: dict[str, str], kind: type[errors.GitExpError], said: str
) -> None:
    with pytest.raises(kind) as caught:
        git_exp.runs(**given)  # type: ignore[arg-type]

    assert str(caught.value) == said
    assert caught.value.hint


def test_without_runs_any_question_has_an_empty_answer(repo: Path) -> None:
    assert git_exp.runs() == []
    assert git_exp.runs("anything > 1", sort="-whatever") == []
    with pytest.raises(errors.NotFound):
        git_exp.get("@")


def test_another_repository_is_named_by_any_folder_in_it(
    four: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (four / "sub").mkdir()
    monkeypatch.chdir(tmp_path)

    assert len(git_exp.runs(repo=four)) == 4
    assert git_exp.get("run 0", repo=str(four / "sub")).params == {"lr": 0.1}
    with pytest.raises(errors.NotARepository):
        git_exp.runs()
    with pytest.raises(errors.NotARepository):
        git_exp.get("@", tmp_path)


def test_one_run_is_got_by_each_of_its_names(four: Path, git: Git) -> None:
    run = git_exp.get("run 1")

    assert git_exp.get(run.id[:8]) == run
    assert git_exp.get(run.commit) == run
    assert git_exp.get("@~2") == run
    assert git_exp.get("@{best:acc}").name == "run 2"
    assert git_exp.get("@{tag:low}").name == "run 2"
    with pytest.raises(errors.NotFound, match="no run 'zz'"):
        git_exp.get("zz")


def test_a_run_tells_its_params_and_the_summaries_of_its_metrics(four: Path) -> None:
    run = git_exp.get("run 2")
    acc = run.metrics["acc"]

    assert run.params == {"lr": 0.001}
    assert (acc.first, acc.last, acc.min, acc.max, acc.count) == (0.5, 0.7, 0.5, 0.7, 3)
    assert (run.status, run.tags, run.live, run.own) == ("finished", ["low"], False, True)


def test_a_series_is_read_point_by_point(four: Path) -> None:
    run = git_exp.get("run 2")

    assert [(one.step, one.value) for one in run.series("acc")] == [(0, 0.5), (1, 0.6), (2, 0.7)]
    assert [one.metric for one in run.series()] == ["acc", "loss"] * 3
    assert list(run.series("none")) == []
    assert next(iter(run.series("loss"))).value == -0.001


def test_a_series_of_a_live_run_has_what_is_sealed_and_what_is_not(repo: Path) -> None:
    with Experiment("live") as exp:
        exp.track({"acc": 1})
        exp.checkpoint()
        exp.track({"acc": math.nan})
        exp.track({"acc": 2})

        values = [one.value for one in git_exp.get("@").series("acc")]

    assert [values[0], values[2]] == [1, 2]
    assert math.isnan(values[1])


def test_events_are_the_records_in_their_order(four: Path) -> None:
    events = list(git_exp.get("run 1").events())

    assert isinstance(events[0], records.RunStart)
    assert isinstance(events[-1], records.RunEnd)
    assert [one.t for one in events] == sorted(one.t for one in events)
    assert not any(isinstance(one, records.Track) for one in events)
    assert events[0].params == {"lr": 0.01}


def test_a_diff_is_the_patch_from_the_base_or_from_another_run(repo: Path) -> None:
    with Experiment("clean"):
        pass
    (repo / "train.py").write_text("print('METRIC acc=0.7')\n")
    with Experiment("changed"):
        pass
    clean, changed = git_exp.get("clean"), git_exp.get("changed")

    assert clean.diff() == ""
    assert "-print('METRIC acc=0.5')\n+print('METRIC acc=0.7')\n" in changed.diff()
    assert changed.diff(clean) == changed.diff()
    assert "-print('METRIC acc=0.7')\n+print('METRIC acc=0.5')\n" in clean.diff(changed)
    assert changed.diff(changed) == ""


def test_a_diff_of_code_that_is_not_here_says_so(repo: Path) -> None:
    with Experiment("here"):
        pass
    run = git_exp.get("here")
    away = Run(id="away", commit="1" * 40)

    with pytest.raises(errors.NotFound, match="the code of run away is not here"):
        run.diff(away)


def test_a_run_that_was_read_nowhere_has_no_series_events_and_diff() -> None:
    run = Run(id="made up", commit="")

    for asked in (lambda: list(run.series()), lambda: list(run.events()), run.diff):
        with pytest.raises(errors.NotFound, match="'made up' was not read from a repository"):
            asked()


def test_the_questions_are_there_at_the_top_of_the_package_without_loading_them() -> None:
    code = (
        "import sys, git_exp; print('git_exp.history' in sys.modules, 'sqlite3' in sys.modules);"
        "print(git_exp.runs.__name__, git_exp.get.__name__)"
    )

    # Coverage has a database of its own.
    env = {**os.environ, **programs.UNMEASURED}
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, env=env)

    assert done.stdout.split() == ["False", "False", "runs", "get"]
    assert {"runs", "get"} <= set(git_exp.__all__)
