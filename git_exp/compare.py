"""What differs between runs: their params, their metrics, their code."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from git_exp import differing, errors, query, table, values
from git_exp.differing import Differing as Differing
from git_exp.git import diff, objects, saved, snapshot, untracked
from git_exp.git.diff import View as View
from git_exp.run import Run
from git_exp.store import Store

_OID = re.compile(r"[0-9a-f]{40}")


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of two trees that are compared: a run's, the worktree's, or a revision's."""

    kind: str
    name: str
    tree: str
    run: Run | None = None


class Sides(NamedTuple):
    """The two trees that are compared."""

    before: Side
    after: Side


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A param or a metric of several runs, None where one has none; `best` is the id of a run."""

    name: str
    values: list[Any]
    best: str | None = None


class File(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file that differs: git's status letter; no counts of lines where it is binary."""

    path: str
    status: str
    old_path: str | None = None
    added: int | None = None
    removed: int | None = None


def params(a: Run, b: Run) -> list[Differing]:
    """The params that are not the same in both runs."""
    return differing.between(a.params, b.params)


def metrics(a: Run, b: Run) -> list[Differing]:
    """The metrics whose last values are not the same."""
    lasts = ({path: summary.last for path, summary in run.metrics.items()} for run in (a, b))
    return differing.between(*lasts)


def params_beside(runs: Sequence[Run], *, every: bool = False) -> list[Row]:
    """The params that are not the same in all runs, or every one."""
    names = dict.fromkeys(key for run in runs for key in run.params)
    chosen = names if every else table.differing_params(runs)
    return [Row(name=key, values=[run.params.get(key) for run in runs]) for key in chosen]


def metrics_beside(store: Store, runs: Sequence[Run], *, extremes: bool = False) -> list[Row]:
    """The last value of every metric, or the best one of its course, and who is ahead in it."""
    ways = store.ways()
    return [
        _measured(runs, path, higher=query.higher_is_better(path, ways), extremes=extremes)
        for path in table.metric_paths(runs)
    ]


def changed_files(store: Store, runs: Sequence[Run]) -> list[int | None]:
    """How many files of each run differ from the first one's; None where its code is not here."""
    first = _code(store, runs[0])
    return [_count(store, first, _code(store, run)) for run in runs]


def snapshot_of(store: Store, run: Run) -> Side:
    """The code of a run; `NotFound` where this repository does not have it."""
    store.need(run)
    return Side(kind="run", name=_titled(run), tree=run.commit, run=run)


def base_of(store: Store, run: Run) -> Side | None:
    """The code that a run started from; None where it is not here, as in a shallow clone."""
    if run.base is None:
        return Side(kind="revision", name="nothing", tree=objects.EMPTY_TREE)
    if not _is_here(store, run.base):
        return None
    return Side(kind="revision", name=run.base, tree=run.base)


def changes(store: Store, run: Run) -> Sides | None:
    """A run's code beside what it started from; None where one of them is not here."""
    try:
        # The code first: where it has to be fetched, what it started from comes with it.
        code = snapshot_of(store, run)
        base = base_of(store, run)
    except errors.NotFound:
        return None
    return Sides(base, code) if base else None


def worktree(store: Store) -> Side:
    """The worktree as a run would capture it now: untracked files belong to it too."""
    taken = snapshot.take(store.repo, untracked.rules(store.repo.config))
    return Side(kind="worktree", name="worktree", tree=taken.tree)


def named(store: Store, name: str) -> Side:
    """A run, what checkout put aside, or else any revision of git's."""
    kept = saved.find(store.repo, name)
    if kept:
        return Side(kind="saved", name=name, tree=kept.tree)
    try:
        run = query.find(store, name, near=False)
    except errors.Ambiguous:
        raise
    except errors.NotFound:
        found = diff.resolve(store.repo, name)
        return Side(kind="revision", name=name, tree=found) if found else _missing(store, name)
    return snapshot_of(store, run)


def _missing(store: Store, name: str) -> Side:
    """Say what was meant perhaps; or the run that came just now."""
    try:
        return snapshot_of(store, query.find(store, name))
    except errors.Ambiguous:
        raise
    except errors.NotFound as missing:
        end = "" if (missing.hint or "").endswith("?") else ";"
        hint = f"{missing.hint}{end} a revision of git's will do too"
        raise errors.NotFound(missing.message, hint=hint) from None


def differ(store: Store, sides: Sides) -> bool:
    """Whether the two sides hold different files at all."""
    before, after = (objects.tree_of(store.repo, side.tree) or side.tree for side in sides)
    return before != after


def show(store: Store, sides: Sides, view: View) -> int:
    """Let `git diff` write what differs to our stdout; its exit code."""
    return diff.show(store.repo, (sides.before.tree, sides.after.tree), view)


def files(store: Store, sides: Sides, paths: Sequence[str] = ()) -> list[File]:
    """The files that differ, of these paths if there are any, given from the user's folder."""
    found = diff.files(store.repo, (sides.before.tree, sides.after.tree), paths)
    return [
        File(
            path=_text(one.path),
            status=one.status,
            old_path=None if one.old_path is None else _text(one.old_path),
            added=one.added,
            removed=one.removed,
        )
        for one in found
    ]


def patch(store: Store, sides: Sides, paths: Sequence[str] = (), *, most: int) -> str:
    """What differs in the code, as text: no more than so many bytes of it."""
    return diff.patch(store.repo, (sides.before.tree, sides.after.tree), paths, most=most)


def _measured(runs: Sequence[Run], path: str, *, higher: bool, extremes: bool) -> Row:
    measure = query.Measure(path, ("max" if higher else "min") if extremes else "last")
    newest_first = sorted(runs, key=lambda run: (run.started, run.id), reverse=True)
    ahead = query.best(newest_first, query.Goal(measure, higher))
    numbers = [measure.of(run) for run in runs]
    # Among equals nobody is ahead.
    differ = len({table.text(one) for one in numbers}) > 1
    return Row(name=path, values=numbers, best=ahead.id if ahead and differ else None)


def _code(store: Store, run: Run) -> Side | None:
    try:
        return snapshot_of(store, run)
    except errors.NotFound:
        return None


def _count(store: Store, first: Side | None, other: Side | None) -> int | None:
    if first is None or other is None:
        return None
    sides = Sides(first, other)
    return len(files(store, sides)) if differ(store, sides) else 0


def _is_here(store: Store, oid: str) -> bool:
    # Ids come from records, which anybody may have written.
    return bool(_OID.fullmatch(oid)) and objects.commit(store.repo, oid) is not None


def _titled(run: Run) -> str:
    return f"{query.short(run.id)} {run.name}".rstrip()


def _text(path: bytes) -> str:
    return values.quoted(os.fsdecode(path))
