"""Writing to the notes ref: the union of lines, by compare-and-swap, proved to be on disk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from git_exp import errors, locks, merge
from git_exp.git import notes, objects, refs
from git_exp.git.objects import Ident, Writer
from git_exp.git.refs import Change
from git_exp.git.repo import Repo

_REWRITES = 5


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Lines to add to the notes of commits, and the refs that move with them."""

    subject: str
    lines: Mapping[str, Iterable[bytes]]
    changes: Sequence[Change] = field(default_factory=list)


Planner = Callable[[Writer, notes.Tip], Plan]


def write(repo: Repo, lock: int, plan: Planner) -> None:
    """Carry out a plan, made anew on each new tip until no other writer comes between.

    Data refs, then the notes ref; then every object is read back. `lock` is the seal lock.
    """
    refs.insist(lambda: _attempt(repo, lock, plan))


def _attempt(repo: Repo, lock: int, plan: Planner) -> None:
    tip, now = notes.tip(repo), time.time()
    with refs.transaction(repo, keep=[lock]) as pending:
        writer, changes = _built(repo, plan, tip, now)
        if changes:
            with locks.marked(repo, [change.name for change in changes]):
                pending.commit(changes)
    for _ in range(_REWRITES):
        if not writer.missing():
            return
        # A `gc --prune=now` came before the ref moved. The same objects again: same time, same tip.
        writer, _ = _built(repo, plan, tip, now)
    raise errors.RepositoryError(
        "objects vanish as they are written", hint="is a git gc --prune=now running? then run again"
    )


def _built(repo: Repo, plan: Planner, tip: notes.Tip, now: float) -> tuple[Writer, list[Change]]:
    writer = Writer(repo)
    made = plan(writer, tip)
    texts = _changed(repo, tip, made.lines)
    changes = list(made.changes)
    if texts:
        changes.append(_note_change(writer, tip, texts, made.subject, now))
    writer.sync()
    return writer, changes


def _changed(repo: Repo, tip: notes.Tip, lines: Mapping[str, Iterable[bytes]]) -> dict[str, bytes]:
    texts: dict[str, bytes] = {}
    for commit, new in lines.items():
        old = notes.read(repo, tip.tree, commit)
        text = merge.union(merge.lines(old), new)
        if text != old:
            texts[commit] = text
    return texts


def _note_change(
    writer: Writer, tip: notes.Tip, texts: Mapping[str, bytes], subject: str, now: float
) -> Change:
    made = notes.write(writer, tip, texts)
    who = objects.ident(writer.repo, now)
    dated = Ident(name=who.name, email=who.email, time=_date(writer, texts), offset=0)
    commit = notes.commit(writer, made, subject, author=who, committer=dated)
    return Change(name=notes.REF, new=commit, old=tip.commit)


def _date(writer: Writer, commits: Iterable[str]) -> int:
    """The committer date of the runs' own commits, which keeps ours out of fetch's negotiation."""
    return max((objects.committed(writer.repo, commit) for commit in commits), default=0)
