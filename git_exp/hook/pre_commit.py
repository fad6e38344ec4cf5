"""pre-commit: the gate, by what `exp.gate` asks of the run of the code that is committed."""

from __future__ import annotations

import math
import os
import re
import shlex
from collections.abc import Sequence

import msgspec

from git_exp import errors, query, summary, table
from git_exp.git import alike, status
from git_exp.hook import linked
from git_exp.index.search import Indexed, Selection
from git_exp.query import TAINTED, Goal
from git_exp.run import Run

RUN = "require-run"
NO_REGRESSION = "no-regression:"
ANYWAY = "to commit all the same: git commit --no-verify"
_TOLERANCE = re.compile(r"(.+):([0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)(%?)", re.DOTALL)
_NAMED = 3


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What one gate says: whether the commit may be, the run it looked at, and the way out."""

    gate: str
    passed: bool
    said: str
    hint: str = ""
    run: Run | None = None


class Regression(msgspec.Struct, frozen=True, kw_only=True):
    """What `no-regression:METRIC[:TOLERANCE]` asks; a tolerance in percent is of HEAD's value."""

    goal: Goal
    tolerance: float = 0.0
    percent: bool = False

    def allowed(self, before: float) -> float:
        """The worst number that is no regression from another."""
        slack = abs(before) * self.tolerance / 100 if self.percent else self.tolerance
        return before - slack if self.goal.higher else before + slack

    def holds(self, now: float, before: float) -> bool:
        """Whether a number is not worse than another; NaN is worse than any."""
        limit = self.allowed(before)
        return now >= limit if self.goal.higher else now <= limit


def act(store: Indexed) -> list[Verdict]:
    """What each gate says of the tree in the index."""
    gates = store.repo.config.all("exp.gate")
    return _Gates(store).verdicts(gates) if gates else []


def regression(gate: str, store: Indexed | None = None) -> Regression:
    """A gate `no-regression:…` as what it asks. Raises `UsageError` where it names no metric."""
    text = gate.removeprefix(NO_REGRESSION)
    found = _TOLERANCE.fullmatch(text)
    metric = found[1] if found else text
    if not metric.strip("+- "):
        raise errors.UsageError(
            "it names no metric", hint="no-regression:acc, no-regression:acc:1%"
        )
    tolerance = float(found[2]) if found else 0.0
    percent = bool(found and found[3])
    return Regression(goal=query.goal(metric, store), tolerance=tolerance, percent=percent)


class _Gates:
    """The gates of one commit: the run of its tree is looked for once."""

    def __init__(self, store: Indexed) -> None:
        self.store = store
        self.head, self.before = linked.of_head(store)
        tree = alike.index_tree(store.repo)
        self.found = linked.of_tree(store, tree, [self.head] if self.head else [])
        self.run = next((run for run in self.found if not _objection(run)), None)

    def verdicts(self, gates: Sequence[str]) -> list[Verdict]:
        return [self._verdict(gate) for gate in dict.fromkeys(gates)]

    def _verdict(self, gate: str) -> Verdict:
        try:
            if gate.startswith(NO_REGRESSION):
                return self._compared(gate, regression(gate, self.store))
            return self._fitting(gate)
        except (errors.UsageError, errors.NotFound) as error:
            return Verdict(gate=gate, passed=False, said=error.message, hint=error.hint or "")

    def _fitting(self, gate: str) -> Verdict:
        if gate != RUN:
            # A mistake in the expression is told before anybody makes a run for it.
            self.store.select(Selection(where=gate, limit=0))
        if self.run is None:
            return self._missing(gate)
        asked = [] if gate == RUN else [gate, f"id = {self.run.id}"]
        fits = not asked or self.store.select(Selection(where=asked, limit=1))
        said = _titled(self.run) + ("" if fits else " does not fit it")
        return Verdict(gate=gate, passed=bool(fits), said=said, run=self.run)

    def _compared(self, gate: str, asked: Regression) -> Verdict:
        name = asked.goal.measure.metric
        best = query.best([run for run in self.before if not _objection(run)], asked.goal)
        before = asked.goal.measure.of(best) if best else None
        if self.run is None:
            return self._missing(gate)
        now = asked.goal.measure.of(self.run)
        if now is None:
            said = f"{_titled(self.run)} has no number for '{name}'"
            return Verdict(gate=gate, passed=False, said=said, run=self.run)
        if best is None or before is None:
            said = f"{_titled(self.run)}; no run of HEAD has a number for '{name}'"
            return Verdict(gate=gate, passed=True, said=said, run=self.run)
        holds = not math.isnan(now) and asked.holds(now, before)
        than = "not worse" if holds else "worse"
        said = (
            f"run {_named(self.run)} has {_number(now)}, {than} than the {_number(before)}"
            f" of HEAD's run {_named(best)}"
        )
        return Verdict(gate=gate, passed=holds, said=said, run=self.run)

    def _missing(self, gate: str) -> Verdict:
        said = "no finished run has the code of this commit"
        hints = [f"run {_named(run)} has it, but {_objection(run)}" for run in self.found[:_NAMED]]
        left = _left_in_worktree(self.store)
        if left:
            hints.append(f"a run would have the worktree's code, not this commit's: {left}")
        hints.append(f"make one: git exp run {self._command()}")
        return Verdict(gate=gate, passed=False, said=said, hint="\n".join(hints))

    def _command(self) -> str:
        """The command of the newest run of this code, of HEAD's, or of any."""
        runs = [*self.found, *self.before, *self.store.runs(1)]
        argv = next((run.process.argv for run in runs if run.process and run.process.argv), None)
        return shlex.join(argv) if argv else "COMMAND"


def _objection(run: Run) -> str:
    """Why a run counts for no gate; empty for one that does."""
    if run.status != "finished":
        return f"it is {run.status}" if run.status in ("running", "lost") else f"it {run.status}"
    if TAINTED in run.tags:
        return "it is tainted"
    return "its snapshot is partial" if run.partial else ""


def _left_in_worktree(store: Indexed) -> str:
    """What a snapshot would have besides what is staged: that keeps the two trees apart."""
    out = store.repo.git(*status.args(store.repo.config)) if store.repo.top else b""
    seen = status.parse(out)
    paths = [*seen.changed, *seen.removed, *seen.untracked]
    shown = ", ".join(summary.plain(os.fsdecode(one)) for one in paths[:_NAMED])
    return shown + (f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else "")


def _titled(run: Run) -> str:
    return f"run {' '.join([_named(run), *summary.measured(run)])}"


def _named(run: Run) -> str:
    return f"{query.short(run.id)} '{run.name}'"


def _number(value: float) -> str:
    return table.text(value)
