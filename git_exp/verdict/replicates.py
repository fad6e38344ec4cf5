"""Replicates: runs of one code, command and params, that differ in a seed at most."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Iterable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from git_exp import points, query, table
from git_exp.query import Measure
from git_exp.run import Run

_SEEDS = frozenset(
    {
        "random_state", "randomstate", "rng", "rng_key", "prng_key", "rng_state", "randomseed",
        "rngseed", "npseed", "manualseed", "pythonhashseed", "seed_everything",
    }
)  # fmt: skip
# How many seeds there are is no seed.
_COUNTING = frozenset({"n", "num", "number", "count", "max", "total"})
# Compiled when something may name a seed: the end of each run waits for it.
_NAME = r"[-+]*[\w./:-]+"
_WORD = r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+"
_WHOLE = r"[-+]?[0-9]+"


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What the runs of a group have for a metric: their finite numbers, and how many have none.

    `repeated` runs are left out: they have the seed and the number of another one.
    """

    values: tuple[float, ...]
    diverged: int = 0
    missing: int = 0
    repeated: int = 0

    @property
    def mean(self) -> float:
        """The mean, which of numbers that agree is that number."""
        if self.agrees:
            return self.values[0]
        try:
            return math.fsum(self.values) / len(self.values)
        except OverflowError:
            return math.fsum(one / len(self.values) for one in self.values)

    @property
    def df(self) -> int:
        """How many numbers there are beside the first."""
        return max(len(self.values) - 1, 0)

    @property
    def agrees(self) -> bool:
        """Whether all numbers are the same."""
        return bool(self.values) and self.values.count(self.values[0]) == len(self.values)


def counts(run: Run) -> bool:
    """Whether a run takes part at all: one that is finished and not tainted."""
    return run.status == "finished" and query.TAINTED not in run.tags


def key(run: Run) -> Hashable:
    """What replicates share, and no other runs.

    A run whose code was not captured is a replicate of none.
    """
    if run.git is None or run.git.tree is None or run.git.capture == "none":
        return run.id
    process = run.process
    command = (process.cwd or ".", *_split(process.argv)[0]) if process else None
    given = [(name, _text(value)) for name, value in run.params.items() if not is_seed(name)]
    return (run.git.tree, command, frozenset(given))


def seeds(run: Run) -> tuple[str, ...]:
    """The words and params of a run that name a seed."""
    words = _split(run.process.argv)[1] if run.process else []
    given = (f"{name}={table.text(run.params[name])}" for name in run.params if is_seed(name))
    return (*words, *sorted(given))


@lru_cache(maxsize=4_096)
def is_seed(name: str) -> bool:
    """Whether a param or an option has the name of a seed: the last part of a dotted one tells."""
    if not _hints_at_seed(name):
        return False
    last = re.split(r"[./:]", name.lstrip("-+"))[-1]
    words = [word.lower() for word in re.findall(_WORD, last)]
    if not words or words[0] in _COUNTING:
        return False
    return words[-1] == "seed" or "_".join(words) in _SEEDS


def grouped(runs: Iterable[Run]) -> dict[Hashable, list[Run]]:
    """The runs that take part, each with its replicates."""
    found: dict[Hashable, list[Run]] = {}
    for run in runs:
        if counts(run):
            found.setdefault(key(run), []).append(run)
    return found


def sample(runs: Sequence[Run], measure: Measure) -> Sample:
    """The numbers of a group; two runs of one seed with one number are no two replicates."""
    found: list[float] = []
    diverged = missing = repeated = 0
    met: set[tuple[tuple[str, ...], float]] = set()
    for run in runs:
        told = measure.of(run)
        value = math.nan if told is None else points.number(told)
        if told is None:
            continue
        # Most groups are of one run, and a list has very many.
        seed = seeds(run) if len(runs) > 1 else ()
        if not math.isfinite(value):
            missing, diverged = missing + math.isnan(value), diverged + math.isinf(value)
        elif seed and (seed, value) in met:
            repeated += 1
        else:
            met.add((seed, value))
            found.append(value)
    return Sample(values=tuple(found), diverged=diverged, missing=missing, repeated=repeated)


def _hints_at_seed(text: str) -> bool:
    """Whether it may name one: without these in it nothing does."""
    lowered = text.lower()
    return "seed" in lowered or "rng" in lowered or "random" in lowered


def _text(value: Any) -> str:
    # 1 is not true, nor is it 1.0, and NaN is NaN. Numbers are most of the params there are.
    return repr(value) if type(value) in (int, float) else table.text(value)


def _split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """A command line without its seeds, and the words that name them."""
    if not _hints_at_seed(" ".join(words)):
        return list(words), []
    rest: list[str] = []
    named: list[str] = []
    option = False
    for word in words:
        name, equals, _ = word.partition("=")
        ours = re.fullmatch(_NAME, name) and is_seed(name) and (equals or word[0] == "-")
        (named if ours or (option and re.fullmatch(_WHOLE, word)) else rest).append(word)
        option = bool(ours and not equals)
    return rest, named
