"""Writing to the notes ref: the union of lines, by compare-and-swap, proved to be on disk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from git_exp import errors, locks, merge
from git_exp.git import notes, objects, refs
from git_exp.git.objects import Ident, Writer
from git_exp.git.refs import Change
from git_exp.git.repo import Repo

_REWRITES = 20


class Before(msgspec.Struct, frozen=True, kw_only=True):
    """Where the refs stood when an attempt began, and when: what is written again starts there."""

    repo: Repo
    notes: notes.Tip
    now: float
    seen: dict[str, str | None] = {}
    noted: dict[str, bytes] = {}

    def ref(self, name: str) -> str | None:
        """Where a ref stood."""
        if name not in self.seen:
            self.seen[name] = refs.resolve(self.repo, name)
        return self.seen[name]

    def note(self, commit: str) -> bytes:
        """The note on a commit."""
        if commit not in self.noted:
            self.noted[commit] = notes.read(self.repo, self.notes.tree, commit)
        return self.noted[commit]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Lines to add to the notes of commits, and the refs that move with them."""

    subject: str
    lines: Mapping[str, Iterable[bytes]]
    changes: Sequence[Change] = []


Planner = Callable[[Writer, Before], Plan]


def write(repo: Repo, lock: locks.Held, plan: Planner) -> None:
    """Carry out a plan, made anew on each new tip until no other writer comes between.

    Data refs, then the notes ref; then each ref is read again, and every object looked up. Raises
    `RefLocked`, `RefMoved` or `ObjectsVanished` when the time of the lock's holder is over.
    """
    until = min(lock.until, time.monotonic() + refs.PATIENCE)
    refs.insist(lambda: _attempt(repo, lock, plan), until=until)


def _attempt(repo: Repo, lock: locks.Held, plan: Planner) -> None:
    before = Before(repo=repo, notes=notes.tip(repo), now=time.time())
    with refs.transaction(repo, keep=[lock.fd]) as pending:
        writer, changes = _built(plan, before)
        if changes:
            with locks.marked(repo, [change.name for change in changes]):
                pending.commit(changes)
    stands = {change.name: change.new for change in changes}
    for _ in range(_REWRITES):
        if not writer.missing():
            return _look_again(repo, stands)
        # A `gc --prune=now` came before the refs moved: write it all again, as it was before.
        writer, changes = _built(plan, before)
        _move_on(repo, changes, stands)
    raise errors.ObjectsVanished()


def _look_again(repo: Repo, stands: Mapping[str, str | None]) -> None:
    for name, new in stands.items():
        # `git notes` does not compare before it swaps: what it read may be older than ours.
        if refs.resolve(repo, name) != new:
            raise errors.RefMoved(name)


def _built(plan: Planner, before: Before) -> tuple[Writer, list[Change]]:
    writer = Writer(before.repo)
    made = plan(writer, before)
    texts = _changed(before, made.lines)
    changes = list(made.changes)
    if texts:
        changes.append(_note_change(writer, before, texts, subject=made.subject))
    writer.sync()
    return writer, changes


def _move_on(repo: Repo, changes: Sequence[Change], stands: dict[str, str | None]) -> None:
    """Move those refs for which other objects were written than before: a journal has grown."""
    moved = [one for one in changes if one.new != stands.get(one.name)]
    if moved:
        refs.update(
            repo, [msgspec.structs.replace(one, old=stands.get(one.name, one.old)) for one in moved]
        )
        stands.update((one.name, one.new) for one in moved)


def _changed(before: Before, lines: Mapping[str, Iterable[bytes]]) -> dict[str, bytes]:
    texts: dict[str, bytes] = {}
    for commit, new in lines.items():
        old = before.note(commit)
        text = merge.union(merge.lines(old), new)
        if text != old:
            texts[commit] = text
    return texts


def _note_change(
    writer: Writer, before: Before, texts: Mapping[str, bytes], *, subject: str
) -> Change:
    made = notes.write(writer, before.notes, texts)
    who = objects.ident(writer.repo, before.now)
    dated = Ident(name=who.name, email=who.email, time=_date(writer, texts), offset=0)
    commit = notes.commit(writer, made, subject, author=who, committer=dated)
    return Change(name=notes.REF, new=commit, old=before.notes.commit)


def _date(writer: Writer, commits: Iterable[str]) -> int:
    """The committer date of the runs' own commits, which keeps ours out of fetch's negotiation."""
    return max((objects.committed(writer.repo, commit) for commit in commits), default=0)
