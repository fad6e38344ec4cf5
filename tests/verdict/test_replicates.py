"""Which runs are replicates of each other, and what a group of them says."""

from __future__ import annotations

import math
from typing import Any

import pytest

from git_exp.query import Measure
from git_exp.verdict import replicates
from tests.verdict.made import COMMAND, run

ACC = Measure("acc")
SEEDS = (
    "seed", "SEED", "--seed", "random_state", "randomState", "random_seed", "train.seed", "rng",
    "model.rng", "--data-seed", "++trainer.seed", "PYTHONHASHSEED", "seed_everything", "np_seed",
    "randomSeed", "opt/seed",
)  # fmt: skip
NO_SEEDS = (
    "lr", "seeds", "n_seeds", "num_seed", "linseed", "seed_lr", "random", "state", "seed.lr", "",
    "--", "speed", "seeded", "1",
)  # fmt: skip
SAME: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"words": (*COMMAND, "--seed", "1")}, {"words": (*COMMAND, "--seed", "-2")}),
    ({"words": (*COMMAND, "--seed=1", "x")}, {"words": (*COMMAND, "x")}),
    ({"words": ("env", "SEED=1", "a")}, {"words": ("env", "SEED=2", "a")}),
    ({"words": (*COMMAND, "model.seed=1")}, {"words": (*COMMAND, "model.seed=2")}),
    ({"params": {"seed": 1, "lr": 0.1}}, {"params": {"seed": 2, "lr": 0.1}}),
    ({"words": (*COMMAND, "--random-state", "1")}, {"words": (*COMMAND, "--random-state", "2")}),
    ({"words": (*COMMAND, "model.rng=1")}, {"words": (*COMMAND, "model.rng=2")}),
    ({"params": {"seed": 1}}, {}),
    ({"params": {"a": 1, "b": 2}}, {"params": {"b": 2, "a": 1}}),
    ({"capture": "partial"}, {}),
    ({"cwd": "."}, {}),
]
OTHER: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"tree": "u"}, {}),
    ({"words": (*COMMAND, "--lr", "1")}, {"words": (*COMMAND, "--lr", "2")}),
    ({"words": (*COMMAND, "--seed", "a.py")}, {"words": (*COMMAND, "--seed", "b.py")}),
    ({"words": (*COMMAND, "--seed", "1", "2")}, {"words": (*COMMAND, "--seed", "1", "3")}),
    ({"words": (*COMMAND, "--seed=1", "2")}, {"words": (*COMMAND, "--seed=1", "3")}),
    ({"words": ("sh", "-c", "f(seed)=1")}, {"words": ("sh", "-c", "f(seed)=2")}),
    ({"words": ("seed", "1")}, {"words": ("seed", "2")}),
    ({"words": ("a", "b c")}, {"words": ("a", "b", "c")}),
    ({"params": {"lr": 0.1}}, {"params": {"lr": 0.2}}),
    ({"params": {"n_seeds": 1}}, {"params": {"n_seeds": 2}}),
    ({"params": {"on": 1}}, {"params": {"on": True}}),
    ({"cwd": "sub"}, {}),
    ({"capture": "none"}, {"capture": "none"}),
    ({"tree": None}, {"tree": None}),
]


@pytest.mark.parametrize("name", SEEDS)
def test_a_seed_is_known_by_its_name(name: str) -> None:
    assert replicates.is_seed(name)


@pytest.mark.parametrize("name", NO_SEEDS)
def test_other_names_are_no_seeds(name: str) -> None:
    assert not replicates.is_seed(name)


@pytest.mark.parametrize(("one", "other"), SAME)
def test_replicates_share_code_command_and_params_but_for_seeds(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert replicates.key(run(1, **one)) == replicates.key(run(2, **other))


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_whatever_else_differs_makes_other_runs(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert replicates.key(run(1, **one)) != replicates.key(run(2, **other))


def test_a_run_without_git_or_process_can_be_asked() -> None:
    bare = run(1)
    bare.git = bare.process = None

    assert replicates.key(bare) == bare.id
    assert replicates.seeds(bare) == ()


def test_only_finished_runs_that_are_not_tainted_take_part() -> None:
    runs = [run(1), run(2, status="failed"), run(3, tags=["tainted"]), run(4, tree="u"), run(5)]

    groups = [[int(one.id) for one in found] for found in replicates.grouped(runs).values()]

    assert groups == [[1, 5], [4]]


def test_nan_counts_as_no_value_and_an_infinite_one_apart() -> None:
    numbers = [0.5, "NaN", "Infinity", "-Infinity", None, True, 10**400, 3]

    found = replicates.sample([run(at, one) for at, one in enumerate(numbers)], ACC)

    assert found.values == (0.5, 3.0)
    assert (found.missing, found.diverged, found.repeated) == (1, 3, 0)


def test_runs_of_one_seed_with_one_number_count_once() -> None:
    told = [(1, 0.5), (1, 0.5), (2, 0.5), (1, 0.25)]
    runs = [run(at, acc, params={"seed": seed}) for at, (seed, acc) in enumerate(told)]
    runs += [run(8, 0.5), run(9, 0.5)]

    found = replicates.sample(runs, ACC)

    assert (found.values, found.repeated) == ((0.5, 0.5, 0.25, 0.5, 0.5), 1)


def test_the_mean_of_numbers_that_agree_is_that_number() -> None:
    assert replicates.Sample(values=(0.1,) * 3).mean == 0.1
    assert math.isfinite(replicates.Sample(values=(1.7e308, 1.6e308)).mean)
