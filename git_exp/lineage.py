"""Runs as the tree of what was derived from what, by their code."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import NamedTuple

import msgspec

from git_exp import query
from git_exp.git import objects
from git_exp.git.nearness import Nearness
from git_exp.index.digest import FAILURES
from git_exp.query import Goal
from git_exp.run import Run
from git_exp.store import Store

RECORDED, NEAREST = "recorded", "nearest"
SHOWN = 50
# So many runs that are not shown are looked through for one that is.
PATIENCE = 200
# Among so many earlier runs the nearest is looked for, and no further back than that.
_WINDOW = 50
_FARTHEST = 500
_BLOCK = 64


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A run in the tree: `parent` is the id of the run whose code its own was made of.

    `how` says what that is known from: it is `recorded` of this run, or told by the code, as the
    `nearest` to that of the first run of this code. `value` is that of the metric, `change` against
    the parent's; `best` that it is on the path to the best run.
    """

    run: Run
    parent: str | None = None
    how: str | None = None
    value: float | int | None = None
    change: float | int | None = None
    best: bool = False


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """Runs as a tree, in the order of their start; `path` leads from a root to the best one.

    `hidden` are those that are not shown and lie between a node and the next one above it that is,
    `PATIENCE` of them or more; `left_out` is how many are not shown at all, of all runs or of the
    relatives of those that were asked for.
    """

    nodes: Sequence[Node]
    path: Sequence[str]
    above: dict[str, str]
    hidden: dict[str, int]
    left_out: int = 0


class Line(NamedTuple):
    """A line of the drawing: what stands before it, and a run, or how many are not shown.

    `more` says that these are only those that were looked through.
    """

    prefix: str
    node: Node | None = None
    hidden: int = 0
    more: bool = False


def is_derived(run: Run, other: Run) -> bool:
    """Whether it is recorded that a run's code was made of another one's, and is not the same."""
    if run.git is None or run.git.derived != other.id:
        return False
    return not _is_same_code(run, other)


def _is_same_code(run: Run, other: Run) -> bool:
    tree = run.git.tree if run.git else None
    return tree is not None and other.git is not None and other.git.tree == tree


class Lineage:
    """What each of some runs was derived from; it is found out when it is asked for."""

    def __init__(self, store: Store, runs: Sequence[Run], goal: Goal | None = None) -> None:
        self.runs = sorted(runs, key=lambda run: (run.started, run.id))
        self.at = {run.id: place for place, run in enumerate(self.runs)}
        self.goal = goal
        self._repo = store.repo
        self._near = Nearness(store.repo)
        self._linked: dict[str, list[int]] = {}
        for place, run in enumerate(self.runs):
            for commit in {run.commit, *run.links}:
                self._linked.setdefault(commit, []).append(place)
        self._best = list(_best_so_far(self.runs, goal))
        self._trees: dict[str, str | None] = {}
        self._known: dict[int, tuple[int | None, str | None]] = {}

    @property
    def best(self) -> int | None:
        """The place of the best run of all."""
        return self._best[-1] if self._best else None

    def parent(self, place: int) -> tuple[int | None, str | None]:
        """The place of the run that one was derived from, and how that is known."""
        if place not in self._known:
            self._known[place] = self._parent(place)
        return self._known[place]

    def path(self, place: int | None) -> list[int]:
        """A run and all that it was derived from, the root first."""
        found: list[int] = []
        while place is not None:
            found.append(place)
            place = self.parent(place)[0]
        return found[::-1]

    def _parent(self, place: int) -> tuple[int | None, str | None]:
        run = self.runs[place]
        said = self.at.get(run.git.derived or "") if run.git else None
        # Only what began earlier: nobody's records can make a circle.
        if said is not None and said < place and is_derived(run, self.runs[said]):
            return said, RECORDED
        first = self._first.get(self._code(run) or "", place)
        # What is recorded of the first run of this code is not recorded of the others.
        found = self.parent(first)[0] if first != place else self._nearest(place)
        return found, None if found is None else NEAREST

    @cached_property
    def _first(self) -> dict[str, int]:
        """The first run of each code: the others stand beside it."""
        codes = [self._code(run) or "" for run in self.runs]
        return {code: place for place, code in reversed(list(enumerate(codes))) if code}

    def _nearest(self, place: int) -> int | None:
        """The earlier run with the nearest code, the latest of equals.

        Where the commit that the run started from is nearer, what that was derived from.
        """
        tree = self._code(self.runs[place])
        if tree is None:
            return None
        base = self.runs[place].base
        third = self._third(place) or tree
        mine = self._near.changes(tree, third)
        others = {one: self._changes(one, third) for one in self._candidates(place)}
        known = {one: changes for one, changes in others.items() if changes is not None}
        if mine is None or not known:
            return None
        nearest = _least(known, mine)
        tree = self._tree(base) if base else objects.EMPTY_TREE
        began = self._near.changes(tree, third) if tree else None
        if began is None or len(mine ^ known[nearest]) <= len(mine ^ began):
            return nearest
        before = {one: known[one] for one in known if self.runs[one].base != base}
        return _least(before, began) if before else None

    def _third(self, place: int) -> str | None:
        """The tree that those of near runs are compared with: what differs is then little."""
        return self._code(self.runs[place // _BLOCK * _BLOCK])

    def _changes(self, place: int, third: str) -> frozenset[int] | None:
        tree = self._code(self.runs[place])
        return self._near.changes(tree, third) if tree else None

    def _candidates(self, place: int) -> Iterator[int]:
        """Earlier runs that this one may be derived from: the latest, and the best until then.

        Nobody goes on from a run that failed, unless that is recorded.
        """
        return (one for one in self._earlier(place) if self.runs[one].status not in FAILURES)

    def _earlier(self, place: int) -> Iterator[int]:
        base = self.runs[place].base
        earlier = range(place - 1, max(place - 1 - _FARTHEST, -1), -1)
        yield from islice((one for one in earlier if self._is_related(one, base)), _WINDOW)
        best = self._best[place - 1] if place else None
        if best is not None and self._is_related(best, base):
            yield best
        yield from [one for one in self._linked.get(base or "", ()) if one < place][-_WINDOW:]

    def _is_related(self, place: int, base: str | None) -> bool:
        """Whether a run started at a commit or at one before it."""
        other = self.runs[place].base
        return other is None or (base is not None and self._near.is_before(other, base))

    def _code(self, run: Run) -> str | None:
        git = run.git
        if git is None or git.capture == "none":
            return None
        return git.tree if git.tree and objects.is_oid(git.tree) else self._tree(run.commit)

    def _tree(self, commit: str) -> str | None:
        if commit not in self._trees:
            here = objects.is_oid(commit) and objects.is_here(self._repo, commit)
            self._trees[commit] = objects.tree_of(self._repo, commit) if here else None
        return self._trees[commit]


def _least(known: Mapping[int, frozenset[int]], mine: frozenset[int]) -> int:
    """The nearest of some runs, the latest of equals."""
    return min(known, key=lambda one: (len(mine ^ known[one]), -one))


def family(lineage: Lineage, names: Sequence[str] = (), count: int = SHOWN) -> Family:
    """The tree of the latest runs and of the path to the best.

    With the ids of some runs, of these, what they were derived from, and what was derived from
    them. Of each no more than `count`; the ends of a long path are shown.
    """
    path = lineage.path(lineage.best)
    total = len(lineage.runs)
    if names:
        asked = [lineage.at[one] for one in names]
        shown = _relatives(lineage, asked, count)
        total = len(_relatives(lineage, asked, total))
    else:
        shown = {*range(max(0, total - count), total), *_ends(path, count)}
    on_path = set(path)
    above: dict[str, str] = {}
    hidden: dict[str, int] = {}
    for place in shown:
        name = lineage.runs[place].id
        most = len(path) if place in on_path else PATIENCE
        parent, skipped = _shown_above(lineage, place, shown, most=most)
        if parent is not None:
            above[name] = lineage.runs[parent].id
        if skipped:
            hidden[name] = skipped
    return Family(
        nodes=[_node(lineage, place, best=place in on_path) for place in sorted(shown)],
        path=[lineage.runs[place].id for place in path],
        above=above,
        hidden=hidden,
        left_out=total - len(shown),
    )


def drawn(found: Family) -> Iterator[Line]:
    """The tree in lines: each run below what it was derived from, side branches first.

    The way to the best run goes straight down, elsewhere that to the latest one. A line without a
    run joins a side branch, or stands between two trees.
    """
    nodes = {one.run.id: one for one in found.nodes}
    below: dict[str, list[Node]] = {}
    for one in found.nodes:
        below.setdefault(found.above.get(one.run.id, ""), []).append(one)
    before: Node | None = None
    for root in below.get("", ()):
        # Runs of one code stand together, until something was derived from one.
        if before and (before.run.id in below or not _is_same_code(before.run, root.run)):
            yield Line("")
        before = root
        waiting = [("", "", root.run.id)]
        while waiting:
            joint, prefix, name = waiting.pop()
            if joint:
                yield Line(joint)
            if name in found.hidden:
                count = found.hidden[name]
                lost = name not in found.above and count >= PATIENCE
                yield Line(prefix, hidden=count, more=lost)
            yield Line(prefix, nodes[name])
            children = sorted(below.get(name, ()), key=lambda one: one.best)
            if children:
                waiting.append(("", prefix, children[-1].run.id))
            sides = [(f"{prefix}|\\", f"{prefix}| ", one.run.id) for one in children[:-1]]
            waiting += reversed(sides)


def _node(lineage: Lineage, place: int, *, best: bool) -> Node:
    parent, how = lineage.parent(place)
    run = lineage.runs[place]
    over = lineage.runs[parent] if parent is not None else None
    measure = lineage.goal.measure if lineage.goal else None
    value = measure.of(run) if measure else None
    before = measure.of(over) if measure and over else None
    return Node(
        run=run,
        parent=over.id if over else None,
        how=how,
        value=value,
        change=_difference(value, before),
        best=best,
    )


def _shown_above(
    lineage: Lineage, place: int, shown: Collection[int], *, most: int
) -> tuple[int | None, int]:
    """The nearest run above one that is shown, and how many between them are not."""
    parent, skipped = lineage.parent(place)[0], 0
    while parent is not None and parent not in shown and skipped < most:
        parent, skipped = lineage.parent(parent)[0], skipped + 1
    return (parent if parent in shown else None), skipped


def _difference(value: float | int | None, before: float | int | None) -> float | int | None:
    try:
        return value - before if value is not None and before is not None else None
    except OverflowError:
        # An integer may be larger than any float.
        return None


def _relatives(lineage: Lineage, places: Sequence[int], count: int) -> set[int]:
    """These runs, the ends of the paths to them, and the latest that were derived from them."""
    derived = set(places)
    for place in range(min(places), len(lineage.runs)):
        if lineage.parent(place)[0] in derived:
            derived.add(place)
    ways = {one for place in places for one in _ends(lineage.path(place), count)}
    return {*places, *ways, *sorted(derived)[max(0, len(derived) - count) :]}


def _ends(path: Sequence[int], count: int) -> Collection[int]:
    """The root of a path and what is nearest to its end."""
    return path if len(path) <= count else {path[0], *path[len(path) - max(count - 1, 1) :]}


def _best_so_far(runs: Sequence[Run], goal: Goal | None) -> Iterator[int | None]:
    """For each run, given oldest first, the place of the best up to it."""
    best: int | None = None
    for place, run in enumerate(runs):
        if goal:
            # Newest first: of equals the oldest wins.
            rivals = [run] if best is None else [run, runs[best]]
            ahead = query.best(rivals, goal)
            best = place if ahead is run else best
        yield best
