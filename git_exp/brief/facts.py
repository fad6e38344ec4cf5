"""What a brief tells, as plain values: every list is short, and every fact names its run.

One that was told to a session without a run has none: `run` is None there.
"""

from __future__ import annotations

from typing import Any

import msgspec

from git_exp.differing import Differing


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """The metric, which way is better, and who says so: `name`, `session`, `option` or `nobody`.

    Where nobody said which metric, `also` are others that as many `runs` have.
    """

    metric: str
    aggregate: str
    higher_is_better: bool
    told_by: str
    also: list[str] = []
    runs: int = 0


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How many runs there are; `measured` ones may be the best."""

    total: int
    by_status: dict[str, int]
    measured: int = 0
    oldest_measured: str | None = None
    newest: str | None = None
    tainted: list[str] = []
    tainted_count: int = 0


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """An idea that somebody is at."""

    id: str
    idea: str
    by: str | None = None


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """How a session stands."""

    id: str
    task: str
    constraints: str | None
    goes_on: bool
    why: str
    iteration: int
    max_iterations: int
    failed: int
    without_improvement: int
    plateau_threshold: int
    target: float | int | None = None
    best: float | int | None = None
    best_run: str | None = None
    claims: list[Claimed] = []
    hypotheses: list[str] = []


class Parent(msgspec.Struct, frozen=True, kw_only=True):
    """The run that the best one came after, and what differs; `files` None: code is not here.

    It is the parent where that is recorded, else the best of that time with other code or params.
    """

    run: str | None
    value: float
    why: str
    params: list[Differing] = []
    files: list[str] | None = None
    files_count: int = 0


class Best(msgspec.Struct, frozen=True, kw_only=True):
    """The best; `own` is whether its run was made here, and is not someone else's.

    `first`: none of what is measured had ended when it began.
    """

    run: str | None
    name: str
    value: float
    idea: str | None = None
    argv: list[str] = []
    own: bool = False
    first: bool = False
    parent: Parent | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was the best when it ended; `gain` is the change from the best before it.

    `replicates` of one code, command and params that were each the best are one step, the last.
    """

    run: str | None
    value: float
    gain: float | None = None
    replicates: int = 1
    idea: str | None = None


class Plateau(msgspec.Struct, frozen=True, kw_only=True):
    """How many measured runs ended since `run` was the last one to be better than all before.

    A replicate that is better than the best is no improvement.
    """

    run: str | None
    since: int
    gains: list[float] = []


class Latest(msgspec.Struct, frozen=True, kw_only=True):
    """One of the newest runs: its number, or how it ended without one."""

    run: str
    name: str
    status: str
    value: float | int | None = None
    error: str | None = None
    tainted: bool = False
    idea: str | None = None


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Runs that failed alike, the newest of them, and ideas of theirs."""

    error: str
    count: int
    run: str
    ideas: list[str] = []


class Idea(msgspec.Struct, frozen=True, kw_only=True):
    """An idea whose best run was not as good as the best before it, which is no replicate."""

    idea: str
    count: int
    run: str | None
    value: float
    against: str | None
    against_value: float


class Losing(msgspec.Struct, frozen=True, kw_only=True):
    """A value of a param of which even the best run was in the worse half."""

    param: str
    value: Any
    count: int
    run: str | None
    best: float
    median: float


class Near(msgspec.Struct, frozen=True, kw_only=True):
    """A run nearly as good as the best, and the params in which it differs."""

    run: str | None
    value: float
    params: list[Differing] = []


class Swap(msgspec.Struct, frozen=True, kw_only=True):
    """A value that no run has with the other params of the best; `best` is its best elsewhere."""

    param: str
    value: Any
    run: str | None
    best: float


class Untried(msgspec.Struct, frozen=True, kw_only=True):
    """What has not been tried; `kept` are the params that count, `ignored` have too many values."""

    kept: dict[str, Any] = {}
    ignored: list[str] = []
    swaps: list[Swap] = []


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that a brief is written from. Of long lists the ends are here, and how long they are.

    `failures` are told from the `failures_of` newest ones. `of_session`: what is measured is that
    of the session's own results, of which `recorded` ones have no run, and `best_of_all` is the
    best of all where that is another one. `digits` of an id are those of one run.
    """

    counts: Counts
    goal: Goal | None = None
    session: Course | None = None
    of_session: bool = False
    recorded: int = 0
    best: Best | None = None
    best_of_all: Step | None = None
    frontier: list[Step] = []
    frontier_count: int = 0
    plateau: Plateau | None = None
    latest: list[Latest] = []
    failures: list[Failure] = []
    failures_of: int = 0
    ideas: list[Idea] = []
    losing: list[Losing] = []
    near: list[Near] = []
    near_count: int = 0
    threshold: float = 0.0
    untried: Untried | None = None
    digits: int = 8
    next: list[str] = []


class Brief(Facts, frozen=True, kw_only=True):
    """The facts, and what was written of them."""

    text: str
