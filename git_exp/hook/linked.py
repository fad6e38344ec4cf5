"""Runs of a commit: found by its tree or by a link, and linked to it, many in one write."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from git_exp import ledger, locks, merge, records
from git_exp.git import alike, diff, objects
from git_exp.index.search import Indexed, Selection
from git_exp.run import Run

# A sweep may have a great many runs of one tree; the newest say enough.
MOST = 1_000
_NEAR = 200
_PATIENCE = 10.0


def code_of(run: Run) -> str | None:
    """The tree that a run is known to have been made of."""
    git = run.git
    return git.tree if git and git.capture != "none" and objects.is_oid(git.tree or "") else None


def of_tree(store: Indexed, tree: str, parents: Sequence[str]) -> list[Run]:
    """The runs of a tree, newest first: those made of it, and with `exp.codePaths` of its code.

    The latter are looked for among those that a commit with these parents could follow: what
    started at one of them, or is linked to one.
    """
    found = {run.id: run for run in store.of_tree(tree) if code_of(run)}
    paths = store.repo.config.all("exp.codePaths")
    if paths and parents:
        near = [run for run in _near(store, parents) if run.id not in found]
        trees = [code_of(run) or "" for run in near]
        same = alike.same_paths(store.repo, tree, trees, paths=paths)
        found.update((run.id, run) for run, one in zip(near, trees, strict=True) if one in same)
    return sorted(found.values(), key=lambda run: (run.started, run.id), reverse=True)[:MOST]


def to(store: Indexed, commit: str) -> list[Run]:
    """The runs that are linked to a commit, newest first."""
    return [run for run in store.matching(commit) if commit in run.links]


def of_head(store: Indexed) -> tuple[str | None, list[Run]]:
    """HEAD, and the runs of its code: linked to it, or made of its tree."""
    head = diff.resolve(store.repo, "HEAD")
    tree = objects.tree_of(store.repo, head) if head else None
    if head is None or tree is None:
        return None, []
    near = [head, *alike.parents(store.repo, head)]
    found = {run.id: run for run in (*to(store, head), *of_tree(store, tree, near))}
    return head, sorted(found.values(), key=lambda run: (run.started, run.id), reverse=True)


def link(store: Indexed, pairs: Iterable[tuple[Run, str]]) -> int:
    """Record for each of these runs a commit that was made of it; how many links are new.

    All of them are one write, however many.
    """
    pairs = list(pairs)
    wanted = {(run.commit, commit) for run, commit in pairs if commit not in run.links}
    if not wanted:
        return 0
    now = time.time_ns() // 1_000
    private = {run.commit for run, _ in pairs if run.private}

    def plan(_: objects.Writer, before: ledger.Before) -> ledger.Plan:
        lines: dict[str, list[bytes]] = {}
        for code, commit in sorted(wanted):
            noted = [*merge.lines(before.note(code)), *lines.get(code, [])]
            # Another hook may have been faster; a deleted run stays as it is.
            if not _has(noted, commit) and not merge.is_tombstone(before.note(code)):
                event = records.Link(t=_next(noted, now), commit=commit)
                lines.setdefault(code, []).append(records.line(event)[:-1])
        count = sum(map(len, lines.values()))
        subject = f"exp: link {count} run{'s' * (count != 1)}"
        return ledger.Plan(subject=subject, lines=lines, private=private)

    with locks.held(store.repo, wait=_PATIENCE) as lock:
        ledger.write(store.repo, lock, plan)
    return len(wanted)


def _near(store: Indexed, parents: Sequence[str]) -> list[Run]:
    found: dict[str, Run] = {}
    for parent in parents:
        begun = store.select(Selection(where=f"base = {parent}", limit=_NEAR))
        found.update((run.id, run) for run in (*begun, *to(store, parent)))
    return [run for run in found.values() if code_of(run)]


def _has(lines: Iterable[bytes], commit: str) -> bool:
    ends = f'"commit":"{commit}"'.encode()
    return any(records.is_kind(line, b"link") and ends in line for line in lines)


def _next(lines: Sequence[bytes], now: int) -> str:
    """The time of a new line: later than all that the note has, but for what is damaged."""
    times = (line[6:33].decode("ascii", "replace") for line in lines)
    limit = records.stamp(now + records.DAY)
    return records.later(now, max((t for t in times if _counts(t, limit)), default=None))


def _counts(t: str, limit: str) -> bool:
    return records.valid_time(t) and t < limit
