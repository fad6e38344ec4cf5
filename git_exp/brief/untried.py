"""Which values of varied params were tried, and which never with the rest as in the best run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from git_exp.brief.course import Course, Top
from git_exp.brief.facts import Swap, Untried
from git_exp.index.digest import Digest, Mark, Shape, shape
from git_exp.verdict import replicates

SAMPLE = 200
MOST_PARAMS = 8
MOST_VALUES = 12
MOST = 20
_LOOKED_AT = 24


class Tried(NamedTuple):
    """A value of a param: how many of the newest runs have it, and the best of them."""

    param: str
    value: Shape
    runs: int
    best: Mark


class Values(NamedTuple):
    """What the newest measured runs have of the params of the best; `many` have too many values."""

    tried: list[Tried]
    many: list[str]


def values(top: Top) -> Values:
    """The values of those params of the best run that vary among the newest runs."""
    # To try another seed is to try the same again.
    params = [name for name in top.run.params if not replicates.is_seed(name)][:_LOOKED_AT]
    marks = {one.at: one for one in top.course.marks[-SAMPLE:]}
    groups: dict[str, dict[Shape, list[Mark]]] = {name: {} for name in params}
    for name, at, value in top.digest.values(params, list(marks)):
        groups[name].setdefault(value, []).append(marks[at])
    varied = {name: some for name, some in groups.items() if len(some) > 1}
    few = [name for name, some in varied.items() if len(some) <= MOST_VALUES][:MOST_PARAMS]
    return Values(
        [
            Tried(name, value, len(some), _first(top.course, some))
            for name in few
            for value, some in varied[name].items()
        ],
        [name for name in varied if name not in few],
    )


def untried(top: Top, known: Values) -> Untried:
    """Values that no run at all has with the other varied params as in the best run."""
    names = list(dict.fromkeys(one.param for one in known.tried))
    kept = {name: top.run.params[name] for name in names}
    if len(names) < 2:
        return Untried(kept=kept, ignored=known.many)
    done = _swapped(top.digest, {name: shape(value) for name, value in kept.items()})
    left = [one for one in known.tried if (one.param, one.value) not in done]
    left.sort(key=lambda one: _rank(top.course, one))
    swaps = [
        Swap(param=one.param, value=shown(one.value), run=one.best.id, best=one.best.value)
        for one in left[:MOST]
    ]
    return Untried(kept=kept, ignored=known.many, swaps=swaps)


def shown(value: Shape) -> Any:
    """A value as it is told: whole numbers whole."""
    number, text = value
    if number is None:
        return text
    return int(number) if number.is_integer() and abs(number) < 1e15 else number


def _swapped(digest: Digest, kept: Mapping[str, Shape]) -> set[tuple[str, Shape]]:
    """The best's own values, and all that some run has with the others as they are there."""
    found: dict[int, dict[str, Shape]] = {}
    for name, at, value in digest.values(list(kept), digest.alike(kept)):
        found.setdefault(at, {})[name] = value
    swapped = (item for given in found.values() for item in given.items())
    return {*kept.items(), *swapped}


def _first(course: Course, marks: Sequence[Mark]) -> Mark:
    sign = -1 if course.higher else 1
    return min(marks, key=lambda one: (sign * one.value, one.started, one.id))


def _rank(course: Course, one: Tried) -> tuple[float, str, str]:
    """What did best elsewhere comes first."""
    value = one.best.value
    return (-value if course.higher else value), one.param, repr(one.value)
