"""Naming a run: every form of cli.md, and what happens when a name does not mean one run."""

from __future__ import annotations

import math
from typing import Any

import pytest

from git_exp import errors, query
from git_exp.query import Goal, Measure
from git_exp.records import Git, Summary
from git_exp.run import Run

A = "aaaa1111-0000-4000-8000-000000000001"
B = "bbbb1111-0000-4000-8000-000000000002"
C = "bbbb2222-0000-4000-8000-000000000003"


def a_run(run_id: str, name: str = "", **given: Any) -> Run:
    found = {path: _summary(value) for path, value in given.pop("metrics", {}).items()}
    given = {"commit": run_id[::-1].replace("-", "")[:40].ljust(40, "0"), **given}
    return Run(id=run_id, name=name, metrics=found, **{"status": "finished", **given})


def _summary(value: Any) -> Summary:
    return value if isinstance(value, Summary) else Summary(last=value, min=value, max=value)


class Runs(query.Listed):
    """Runs, newest first, as a source that remembers how many of them were asked for."""

    def __init__(self, runs: list[Run]) -> None:
        self._runs = runs
        self.asked: list[int | None] = []

    def runs(self, limit: int | None = None) -> list[Run]:
        self.asked.append(limit)
        return self._runs[:limit]

    def get(self, run_id: str) -> Run | None:
        return next((run for run in self._runs if run.id == run_id), None)


# -- ids, names, commits -----------------------------------------------------------------------


@pytest.mark.parametrize("name", [A, A.upper(), f"runs/{A}", f"refs/runs/{A}"])
def test_a_full_id_is_found_without_listing_the_runs(name: str) -> None:
    source = Runs([a_run(B), a_run(A)])

    found = query.find(source, name)

    assert found.id == A
    assert source.asked == []


def test_a_full_id_wins_over_a_run_that_is_named_like_it() -> None:
    source = Runs([a_run(B, name=A), a_run(A)])

    assert query.find(source, A).id == A


def test_a_run_named_like_an_id_that_is_not_there_is_found_by_its_name() -> None:
    source = Runs([a_run(B, name=A)])

    assert query.find(source, A).id == B


def test_a_name_means_the_newest_run_of_that_name() -> None:
    source = Runs([a_run(C, "other"), a_run(B, "base"), a_run(A, "base")])

    assert query.find(source, "base").id == B


@pytest.mark.parametrize("name", ["aaaa", "AAAA1", "aaaa1111-0000"])
def test_a_prefix_of_four_characters_or_more_finds_its_run(name: str) -> None:
    source = Runs([a_run(C), a_run(B), a_run(A)])

    assert query.find(source, name).id == A


def test_three_characters_of_an_id_name_nothing() -> None:
    with pytest.raises(errors.NotFound, match="no run 'aaa'") as caught:
        query.find(Runs([a_run(A)]), "aaa")

    assert caught.value.exit_code == 3
    assert caught.value.hint == "list them: git exp log"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("basline", "did you mean 'baseline'?"),
        ("BASELINE", "did you mean 'baseline'?"),
        ("larger", "did you mean 'larger-steps' or 'larger-steps-2'?"),
        ("larger-stepz", "did you mean 'larger-steps' or 'larger-steps-2'?"),
        ("swep-1", "did you mean 'sweep-1' or 'sweep-12' or 'sweep-11'?"),
        ("zz", "list them: git exp log"),
        ("x" * 100_000, "list them: git exp log"),
    ],
)
def test_a_name_that_no_run_has_is_answered_with_those_near_it(name: str, hint: str) -> None:
    names = ("sweep-12", "sweep-11", "sweep-1", "larger-steps", "larger-steps-2", "baseline")
    source = Runs([a_run(A, one) for one in (*names, "baseline", "")])

    with pytest.raises(errors.NotFound) as caught:
        query.find(source, name)

    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("beef", "'base = beef'"),
        ("BEEF11", "'base = beef11'"),
        ("main", "'branch = main'"),
        ("fix/a b", "'branch = \"fix/a b\"'"),
        ("HEAD", '"base = $(git rev-parse HEAD)"'),
        ("HEAD~2^", '"base = $(git rev-parse HEAD~2^)"'),
    ],
)
def test_a_revision_of_gits_is_answered_with_how_to_list_its_runs(name: str, wanted: str) -> None:
    git = Git(commit="c" * 40, capture="full", base="beef" + "1" * 36, branch="main")
    other = Git(commit="d" * 40, capture="full", branch="fix/a b")
    source = Runs([a_run(B, "mains", git=git), a_run(A, "beefs", git=other)])

    with pytest.raises(errors.NotFound) as caught:
        query.find(source, name)

    assert caught.value.hint == f"runs that began there: git exp log --where {wanted}"


def test_who_names_what_need_not_be_a_run_costs_no_list_of_them() -> None:
    source = Runs([a_run(B, "bases"), a_run(A)])

    with pytest.raises(errors.NotFound, match="no run 'base'"):
        query.find(source, "base", near=False)

    assert 1_000 not in source.asked


def test_a_prefix_of_two_ids_is_ambiguous_and_names_both() -> None:
    source = Runs([a_run(C, "late"), a_run(B, "early"), a_run(A)])

    with pytest.raises(errors.Ambiguous) as caught:
        query.find(source, "bbbb")

    assert caught.value.exit_code == 3
    assert caught.value.candidates == ["bbbb2222 late", "bbbb1111 early"]


def test_candidates_that_share_eight_characters_are_told_apart_by_more() -> None:
    twin = A.replace("-0000-", "-7000-", 1)
    source = Runs([a_run(twin), a_run(A)])

    with pytest.raises(errors.Ambiguous) as caught:
        query.find(source, "aaaa1111")

    assert caught.value.candidates == ["aaaa1111-7", "aaaa1111-0"]


@pytest.mark.parametrize("name", ["cafe", "CAFE12", "cafe12" + "0" * 34])
def test_a_commit_abbreviated_or_whole_finds_its_run(name: str) -> None:
    source = Runs([a_run(B), a_run(A, commit="cafe12" + "0" * 34)])

    assert query.find(source, name).id == A


def test_a_commit_made_of_a_run_finds_that_run() -> None:
    source = Runs([a_run(B), a_run(A, links=["beef" + "1" * 36])])

    assert query.find(source, "beef1111").id == A


def test_a_name_that_is_another_runs_prefix_is_ambiguous() -> None:
    source = Runs([a_run(A), a_run(B, "aaaa")])

    with pytest.raises(errors.Ambiguous) as caught:
        query.find(source, "aaaa")

    assert caught.value.candidates == ["bbbb1111 aaaa", "aaaa1111"]


def test_an_id_and_a_commit_of_two_runs_are_ambiguous() -> None:
    source = Runs([a_run(A), a_run(B, commit="aaaa" + "2" * 36)])

    with pytest.raises(errors.Ambiguous) as caught:
        query.find(source, "aaaa")

    assert caught.value.candidates == ["aaaa1111", "bbbb1111"]


def test_one_run_that_matches_in_two_ways_is_not_ambiguous() -> None:
    source = Runs([a_run(A, "aaaa", commit="aaaa" + "3" * 36), a_run(B)])

    assert query.find(source, "aaaa").id == A


def test_several_names_are_looked_up_in_their_order() -> None:
    source = Runs([a_run(B, "new"), a_run(A, "old")])

    found = query.every(source, ["old", "@", "@~1", B, "bbbb"])

    assert [run.id for run in found] == [A, B, A, B, B]


def test_one_name_alone_reads_no_more_than_it_must() -> None:
    source = Runs([a_run(B), a_run(A)])

    query.every(source, ["@"])

    assert source.asked == [1]


@pytest.mark.parametrize("name", ["@", "base", "aaaa", A])
def test_where_there_are_no_runs_that_is_what_is_said(name: str) -> None:
    with pytest.raises(errors.NotFound, match="there are no runs yet") as caught:
        query.find(Runs([]), name)

    assert caught.value.hint == "record one: git exp run COMMAND"


# -- revisions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "found", "read"),
    [("@", C, 1), ("@~0", C, 1), ("@~", B, 2), ("@~1", B, 2), ("@~~", A, 3), ("@~2", A, 3)],
)
def test_a_revision_counts_back_from_the_latest_and_reads_no_further(
    name: str, found: str, read: int
) -> None:
    source = Runs([a_run(C), a_run(B), a_run(A)])

    assert query.find(source, name).id == found
    assert source.asked == [read]


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([a_run(A)], "no run '@~5': there is only 1 run"),
        ([a_run(B), a_run(A)], "no run '@~5': there are only 2 runs"),
    ],
)
def test_counting_back_too_far_says_how_many_there_are(runs: list[Run], said: str) -> None:
    with pytest.raises(errors.NotFound) as caught:
        query.find(Runs(runs), "@~5")

    assert caught.value.message == said


def test_a_tag_means_the_newest_run_that_has_it() -> None:
    source = Runs([a_run(C), a_run(B, tags=["good", "paper"]), a_run(A, tags=["good"])])

    assert query.find(source, "@{tag:good}").id == B


def test_a_tag_that_no_run_has_names_those_there_are() -> None:
    with pytest.raises(errors.NotFound) as caught:
        query.find(Runs([a_run(A, tags=["good"])]), "@{tag:bad}")

    assert caught.value.message == "no run '@{tag:bad}': no run has that tag"
    assert caught.value.hint == "known tags: good"


def test_saved_work_is_no_run_but_is_recognised() -> None:
    with pytest.raises(errors.NotFound) as caught:
        query.find(Runs([a_run(A)]), query.SAVED)

    assert caught.value.hint == "saved work is no run; bring it back: git exp restore @{saved}"


@pytest.mark.parametrize("name", ["@{}", "@{best}", "@{best:}", "@{upstream}", "@@", "@~x", "@^"])
def test_what_only_looks_like_a_revision_is_answered_with_the_forms(name: str) -> None:
    with pytest.raises(errors.NotFound) as caught:
        query.find(Runs([a_run(A, name=name)]), name)

    assert caught.value.hint == "revisions are @, @~N, @{best:METRIC} and @{tag:T}"


# -- best --------------------------------------------------------------------------------------


def test_best_knows_which_way_a_metric_is_better() -> None:
    source = Runs(
        [a_run(B, metrics={"acc": 0.8, "loss": 0.4}), a_run(A, metrics={"acc": 0.7, "loss": 0.1})]
    )

    assert query.find(source, "@{best:acc}").id == B
    assert query.find(source, "@{best:loss}").id == A


def test_a_sign_forces_which_way_is_better() -> None:
    source = Runs([a_run(B, metrics={"loss": 0.4}), a_run(A, metrics={"loss": 0.1})])

    assert query.find(source, "@{best:+loss}").id == B
    assert query.find(source, "@{best:-loss}").id == A


def test_best_of_an_aggregate_reads_that_and_not_the_last_value() -> None:
    peaked = Summary(last=0.1, min=0.05, max=0.9, first=0.6)
    steady = Summary(last=0.5, min=0.4, max=0.5, first=0.4)
    source = Runs([a_run(B, metrics={"acc": steady}), a_run(A, metrics={"acc": peaked})])

    chosen = {
        name: query.find(source, f"@{{best:{name}}}").id
        for name in ("acc", "last(acc)", "max(acc)", "min(acc)", "first(acc)", "-min(acc)")
    }

    assert chosen == {
        "acc": B, "last(acc)": B, "max(acc)": A, "min(acc)": B, "first(acc)": A, "-min(acc)": A,
    }  # fmt: skip


def test_nan_never_wins_whatever_its_place() -> None:
    nan = math.nan
    source = Runs([a_run(C, metrics={"acc": nan}), a_run(B, metrics={"acc": 0.1}),
                     a_run(A, metrics={"acc": nan})])  # fmt: skip

    assert query.find(source, "@{best:acc}").id == B
    assert query.find(source, "@{best:-acc}").id == B


@pytest.mark.parametrize("name", ["@{best:acc}", "@{best:-acc}"])
def test_a_tie_goes_to_the_oldest(name: str) -> None:
    source = Runs([a_run(run_id, metrics={"acc": 0.5}) for run_id in (C, B, A)])

    assert query.find(source, name).id == A


@pytest.mark.parametrize("status", ["running", "failed", "interrupted", "crashed", "lost"])
def test_only_finished_runs_can_be_best(status: str) -> None:
    source = Runs([a_run(B, metrics={"acc": 0.9}, status=status), a_run(A, metrics={"acc": 0.1})])

    assert query.find(source, "@{best:acc}").id == A


def test_a_tainted_run_is_never_best() -> None:
    source = Runs([a_run(B, metrics={"acc": 0.9}, tags=["tainted"]),
                     a_run(A, metrics={"acc": 0.1})])  # fmt: skip

    assert query.find(source, "@{best:acc}").id == A


def test_a_metric_that_no_run_has_names_those_there_are() -> None:
    source = Runs([a_run(A, metrics={f"m{at}": 1 for at in range(11)})])

    with pytest.raises(errors.NotFound) as caught:
        query.find(source, "@{best:acc}")

    assert caught.value.message == "no run '@{best:acc}': no run has that metric"
    assert caught.value.hint == "known metrics: m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, …"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_metric_that_is_no_number_everywhere_has_no_best(value: float) -> None:
    with pytest.raises(errors.NotFound, match="no finished run has a number for it"):
        query.find(Runs([a_run(A, metrics={"acc": value})]), "@{best:acc}")


def test_a_run_that_diverged_is_never_best() -> None:
    source = Runs([a_run(A, metrics={"acc": math.inf}), a_run(B, metrics={"acc": 0.1})])

    assert query.find(source, "@{best:acc}").id == B


def test_without_any_metrics_the_hint_is_to_look_at_the_runs() -> None:
    with pytest.raises(errors.NotFound) as caught:
        query.find(Runs([a_run(A)]), "@{best:acc}")

    assert caught.value.hint == "list runs: git exp log"


# -- measures and their direction --------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("acc", Goal(Measure("acc"), True)),
        ("val.loss", Goal(Measure("val.loss"), False)),
        ("max(loss)", Goal(Measure("loss", "max"), False)),
        ("+min(f(x))", Goal(Measure("f(x)", "min"), True)),
        ("mean(acc)", Goal(Measure("mean(acc)"), True)),
        ("--x", Goal(Measure("-x"), False)),
    ],
)
def test_a_goal_is_read_from_its_text(text: str, wanted: Goal) -> None:
    assert query.goal(text) == wanted


@pytest.mark.parametrize(
    "metric",
    ["loss", "val_loss", "train/Loss", "log_loss", "rmse", "MSE", "test.mae", "mape", "wer", "cer",
     "perplexity", "error", "error_rate", "mean_squared_error", "eval-wer", "acc.error"],
)  # fmt: skip
def test_of_errors_and_losses_less_is_better(metric: str) -> None:
    assert query.higher_is_better(metric) is False


@pytest.mark.parametrize(
    "metric",
    ["acc", "accuracy", "f1", "auc", "r2", "bleu", "neg_mean_squared_error", "val.neg_log_loss",
     "loss/accuracy", "glossary", "lossless", "terror", "whatever", "", "._/"],
)  # fmt: skip
def test_of_all_else_more_is_better(metric: str) -> None:
    assert query.higher_is_better(metric) is True


def test_a_measure_of_what_is_no_number_is_none() -> None:
    run = a_run(A, metrics={"text": Summary(last="high"), "inf": Summary(last="Infinity")})

    assert Measure("text").of(run) is None
    assert Measure("inf").of(run) == math.inf
    assert Measure("none").of(run) is None
