"""The runs that a verdict is built on: which baseline, which replicates, chosen of how many."""

from __future__ import annotations

import math
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from git_exp import Experiment, errors, evidence, query, records, verdict
from git_exp.index import look
from git_exp.index.search import Indexed
from git_exp.query import Goal, Measure
from git_exp.run import Run
from git_exp.verdict import Tries, replicates, wording
from tests.cli.conftest import Git_, Runs
from tests.verdict import made

ACC = query.goal("acc")


def opened(repo: Path) -> Indexed:
    return Indexed.open(repo, os.environ)


def a_run(acc: float | None, *, lr: float = 0.1, seed: int = 0, **given: Any) -> str:
    with Experiment("one", params={"lr": lr, "seed": seed}, **given) as experiment:
        if acc is not None:
            experiment.track({"acc": acc})
    assert experiment.run_id
    return experiment.run_id


def asked(repo: Path, a: str = "@", b: str | None = None) -> evidence.Asked:
    return evidence.asked(opened(repo), a, b, metric="acc")


def test_the_baseline_is_the_best_before_that_is_no_replicate(repo: Path) -> None:
    best = a_run(0.9)
    a_run(0.8, lr=0.2)
    a_run(0.99, lr=0.3, seed=1)
    a_run(0.7, lr=0.4, tags=["tainted"])
    candidate = a_run(0.5, lr=0.3, seed=2)
    a_run(0.95, lr=0.5)

    found = asked(repo, candidate)

    assert (found.a.id, found.b.id) == (candidate, best)
    assert found.goal == ACC


def test_replicates_are_found_whatever_their_seed(repo: Path) -> None:
    for seed in range(3):
        a_run(0.5 + seed / 100, seed=seed)
    a_run(0.9, lr=0.2, seed=7)

    found = evidence.judged(opened(repo), asked(repo))

    assert sorted(found.b.values) == [0.5, 0.51, 0.52]
    assert found.a.values == (0.9,)
    assert (found.verdict, found.method, found.tries) == ("improved", "pooled", Tries())


def test_a_run_is_chosen_of_as_many_as_there_are_groups(repo: Path) -> None:
    for lr in (0.1, 0.2, 0.3):
        for seed in range(2):
            a_run(lr + seed / 100, lr=lr, seed=seed)
    a_run(0.2, lr=0.4, seed=0)
    a_run(0.3, lr=0.4, seed=1)
    a_run(0.3, lr=0.3, seed=2)
    store = opened(repo)

    latest = evidence.judged(store, asked(repo, "@~1"))
    named = evidence.judged(store, asked(repo, "@{best:acc}", "@~1"))
    plain = evidence.judged(store, asked(repo, "@~1", "@~2"))

    assert (latest.tries[:2], named.tries[:2], plain.tries[:2]) == ((1, 3), (4, 1), (1, 1))


def test_replicates_count_that_are_older_than_the_newest_runs(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "POOL", 2)
    for seed in range(3):
        a_run(0.5 + seed / 100, seed=seed)
    for lr in (0.2, 0.3, 0.4):
        a_run(0.1, lr=lr)

    found = evidence.judged(opened(repo), asked(repo))

    assert sorted(found.b.values) == [0.5, 0.51, 0.52]


class Ranks:
    """A source of a series that two processes tracked, the second one wildly."""

    def series(self, run: Run) -> Iterator[bytes]:
        for step in range(80):
            value = float(step // 2 % 2) if step % 2 else 100.0 * (step % 3)
            track = records.Track(
                t="2026-01-02T03:04:05.000000Z", elapsed_ms=1.0, value={"acc": value},
                rank=1 - step % 2,
            )  # fmt: skip
            yield records.line(track)

    def lines(self, run: Run) -> list[bytes]:
        return []

    def patch(self, old: Run | None, new: Run) -> str:
        return ""


def test_of_several_ranks_the_lowest_tells_the_noise_of_steps(repo: Path) -> None:
    a, b = (made.run(at, 0.5, tree=str(at)).read_from(Ranks()) for at in range(2))

    found = evidence.judged(opened(repo), evidence.Asked(a, b, ACC), steps=True)

    assert found.noise
    assert found.noise.a == pytest.approx(math.sqrt(0.5))


def test_runs_are_named_as_anywhere(repo: Path) -> None:
    first, second = a_run(0.9), a_run(0.8, lr=0.2)

    found = asked(repo, "@~1", second[:8])

    assert (found.a.id, found.b.id) == (first, second)


def test_looks_are_counted_from_when_both_were_there(repo: Path) -> None:
    def looks(a: str, b: str) -> int:
        return evidence.judged(opened(repo), asked(repo, a, b)).tries.looks

    base, *_ = [a_run(0.5 + seed / 100, seed=seed) for seed in range(3)]
    candidate = a_run(0.9, lr=0.2)
    first = looks(candidate, base)
    a_run(0.91, lr=0.2, seed=1)
    second = looks(candidate, base)
    a_run(0.53, seed=3)
    third = looks(base, candidate)
    a_run(0.92, lr=0.2, seed=2)

    assert (first, second, third, looks(candidate, base)) == (1, 2, 2, 3)


def closed(store: Indexed, name: str = "@", aim: Goal | None = None) -> str | None:
    """The line that a run of that name would have ended with."""
    found = evidence.closing(store, query.find(store, name).id, aim)
    if not isinstance(found, evidence.Closing):
        return None
    return wording.closing(found.verdict, found.said.goal.measure)


def test_the_closing_line_is_short_or_nothing(repo: Path) -> None:
    for seed in range(3):
        a_run(0.5 + seed / 100, seed=seed)
    store = opened(repo)
    assert closed(store) is None
    a_run(0.51, lr=0.2)
    alike = closed(store)
    a_run(0.9, lr=0.3)
    better = closed(store)
    a_run(None, lr=0.3)

    assert better == "improved: acc 0.9 against 0.51 (+76 %)"
    assert alike == "indistinguishable: acc 0.51 against 0.51 (+0 %)"
    worse = closed(store, "@~1", Goal(Measure("acc"), higher=False))
    assert worse == "worse: acc 0.9 against 0.51 (+76 %)"
    assert closed(store) is None
    assert evidence.closing(store, "zz") is None


def test_the_closing_line_says_what_is_missing(repo: Path) -> None:
    a_run(0.5)
    a_run(0.6, lr=0.2)
    store = opened(repo)

    alone = closed(store)
    a_run(0.55, seed=1)
    more = closed(store, "@~1")

    assert alone == (
        "indistinguishable: acc 0.6 against 0.5 (+20 %); no replicates: run one of the two again"
    )
    assert more == (
        "indistinguishable: acc 0.6 against 0.525 (+14 %);"
        " 4 more of the candidate and 3 more of the baseline would settle it"
    )


def test_runs_at_hand_need_no_repository() -> None:
    pair = made.run(1, 0.9, tree="a"), made.run(2, 0.5, tree="b")
    more = [made.run(3, 0.51, tree="b"), made.run(4, 0.89, tree="a")]

    line = verdict.closing(pair, more, ACC)

    assert line == "improved: acc 0.895 against 0.505 (+77 %)"


@pytest.mark.parametrize("metric", ["acc", "-acc", "max(acc)"])
@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(one, marks=pytest.mark.slow) for one in (1, 2))]
)
@pytest.mark.parametrize("few", [1, 50])
def test_the_index_finds_what_a_look_at_all_runs_does(
    few: int, seed: int, metric: str, repo: Path, git: Git_, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look, "_FEW", few)
    runs, seeded = Runs(git), random.Random(seed)
    for _ in range(9):
        acc = [round(seeded.random(), 1) for _ in range(2)]
        acc[1] = seeded.choice([acc[1], acc[1], float("nan"), float("inf")])
        runs.add(
            "one", git={"tree": seeded.choice("abc") * 40},
            metrics=seeded.choice([{"acc": acc}, {"acc": acc}, {"loss": acc}]),
            status=seeded.choice(["finished", "finished", "failed"]),
            tags=seeded.choice([[], [], ["tainted"]]),
        )  # fmt: skip
    a_run(seeded.random(), seed=seed)
    store, goal = opened(repo), query.goal(metric)
    every = store.runs()

    for run in every:
        chosen = store.baseline(goal, before=run.started, fits=_others(run))
        plain = [one for one in every if one.started < run.started]
        best = query.best([one for one in plain if _others(run)(one)], goal)
        assert chosen.run == best
        assert chosen.among == sum(query.best([one], goal) is not None for one in plain)
    shared = [one for one in every if replicates.counts(one) and "acc" in one.metrics]
    for tree in "abc":
        found = store.measured("acc", [tree * 40], limit=0, replicates=99)
        ids = [one.id for one in found if _tree(one) == tree * 40]
        assert ids == [one.id for one in shared if _tree(one) == tree * 40]
    twice = [one for one in shared if [_tree(other) for other in every].count(_tree(one)) > 1]
    assert [one.id for one in store.measured("acc", limit=99)] == [one.id for one in twice]
    assert len(store.measured("acc", limit=1)) <= 1


def test_a_run_that_has_not_ended_is_not_judged(repo: Path) -> None:
    with Experiment("one", params={"seed": 1}) as live:
        live.track({"acc": 1})
        with pytest.raises(errors.AnswerIsNo, match="is running: only finished runs are judged"):
            asked(repo)


def test_a_run_that_has_not_ended_is_no_baseline(repo: Path) -> None:
    done = a_run(0.5)
    with Experiment("one", params={"lr": 9}) as live:
        live.track({"acc": 1})
        found = opened(repo).baseline(ACC, fits=lambda run: True)

    assert found.run
    assert (found.run.id, found.among) == (done, 1)


def _others(run: Run) -> Callable[[Run], bool]:
    return lambda one: verdict.key(one) != verdict.key(run)


def _tree(run: Run) -> str | None:
    return run.git.tree if run.git else None
