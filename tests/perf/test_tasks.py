"""What a task costs above its execution: a run of its own, begun, ended and sealed."""

from __future__ import annotations

import itertools
from pathlib import Path

from git_exp import Param, Task, experiment
from tests.perf.measure import Row, Times, interleaved, ratio

TASKS = 1_000
ROUNDS = 3
# Of each task: what is asked of us, in seconds.
GOAL = 0.006


class Trivial(Task):
    number: Param[int]
    turn: Param[int]

    def execute(self) -> float:
        return self.number / 7


def test_a_task_costs_little_above_its_execution(repo: Path, rows: list[Row]) -> None:
    turns = itertools.count()

    def made() -> list[Trivial]:
        turn = next(turns)
        return [Trivial(number=number, turn=turn) for number in range(TASKS)]

    def floor() -> None:
        for one in made():
            one.execute()

    def ours() -> None:
        with experiment("measured"):
            for one in made():
                one.submit()

    def identified() -> None:
        for one in made():
            one.config_id()

    took = interleaved(ROUNDS, floor=floor, ours=ours, identified=identified)
    one = {name: times.over(TASKS) for name, times in took.items()}
    above = Times(tuple(max(0.0, mine - one["floor"].median) for mine in one["ours"].samples))

    what = f"a task of {TASKS:,} above its execution, to 6 ms"
    rows.append(ratio(what, Times((GOAL,)), above, at_most=1.0))
    rows.append(ratio("an identifier, to building alone", one["floor"], one["identified"]))
