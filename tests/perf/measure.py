"""Interleaved timings, and the rows that a table of them is made of."""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

Act = Callable[[], object]
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"))


@dataclass(frozen=True)
class Times:
    """Seconds that one thing took, each time it was done."""

    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def least(self) -> float:
        return min(self.samples)

    @property
    def most(self) -> float:
        return max(self.samples)

    def over(self, count: int) -> Times:
        """The time of one, of so many that were done at once."""
        return Times(tuple(one / count for one in self.samples))

    def __str__(self) -> str:
        scale, unit = next((one for one in UNITS if self.median >= one[0]), UNITS[-1])
        low, middle, high = (
            f"{one / scale:.3g}" if one < 100 * scale else f"{one / scale:.0f}"
            for one in (self.least, self.median, self.most)
        )
        return f"{middle} {unit} ({low}..{high})"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table; `met` is None for what has no goal and is there to be known."""

    what: str
    floor: str = ""
    ours: str
    figure: str = ""
    goal: str = ""
    met: bool | None = None
    numbers: dict[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        return {True: "met", False: "MISSED", None: ""}[self.met]

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def ratio(
    what: str, floor: Times, ours: Times, *, at_most: float = 0.0, at_least: float = 0.0
) -> Row:
    """How many times the floor ours takes, by their medians."""
    figure = ours.median / floor.median
    goal, met = "", None
    if at_most or at_least:
        goal = f"at most {at_most:g}x" if at_most else f"at least {at_least:g}x"
        met = figure <= at_most if at_most else figure >= at_least
    return Row(
        what=what,
        floor=str(floor),
        ours=str(ours),
        figure=f"{figure:.2f}x",
        goal=goal,
        met=met,
        numbers={"floor": _summary(floor), "ours": _summary(ours), "ratio": figure},
    )


def count(what: str, ours: int, goal: int, *, floor: str = "", detail: str = "") -> Row:
    """A number that has to be exactly right."""
    return Row(
        what=what,
        floor=floor,
        ours=detail or str(ours),
        figure=str(ours),
        goal=f"exactly {goal}",
        met=ours == goal,
        numbers={"ours": ours, "goal": goal},
    )


def interleaved(rounds: int, **acts: Act) -> dict[str, Times]:
    """Do things in turn, A B A B …, so that what disturbs the machine disturbs all of them.

    An act that answers a float has measured itself; any other is timed here. The first round
    warms up and does not count.
    """
    found: dict[str, list[float]] = {name: [] for name in acts}
    for _ in range(rounds + 1):
        for name, act in acts.items():
            found[name].append(spent(act))
    return {name: Times(tuple(samples[1:])) for name, samples in found.items()}


def spent(act: Act) -> float:
    """Seconds that an act takes; garbage of the one before is not its fault."""
    gc.collect()
    begun = time.perf_counter()
    answer = act()
    lasted = time.perf_counter() - begun
    return answer if isinstance(answer, float) else lasted


def process(words: Sequence[str | Path], cwd: Path, **env: str) -> Callable[[], float]:
    """A whole process, from its start to its end; what it prints goes nowhere."""
    argv = [str(word) for word in words]
    # What is installed has been compiled; a tree that is worked on is, by the round that warms up.
    whole = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}

    def run() -> float:
        begun = time.perf_counter()
        code = subprocess.run(
            argv,
            cwd=cwd,
            env={**whole, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ).returncode
        lasted = time.perf_counter() - begun
        assert code == 0, f"{argv} exits with {code}"
        return lasted

    return run


def table(rows: Sequence[Row]) -> list[str]:
    """The rows as lines of text, in columns."""
    heads = ("what", "floor", "ours", "figure", "goal", "")
    cells = [heads] + [
        (row.what, row.floor, row.ours, row.figure, row.goal, row.verdict) for row in rows
    ]
    widths = [max(len(line[at]) for line in cells) for at in range(len(heads))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]


def _summary(times: Times) -> dict[str, Any]:
    return {
        "median": times.median,
        "min": times.least,
        "max": times.most,
        "runs": len(times.samples),
    }
