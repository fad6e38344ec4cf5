"""Writing to the notes ref: the union of lines, by compare-and-swap, proved to be on disk."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property

import msgspec

from git_exp import errors, locks, merge, records
from git_exp.git import gc, notes, objects, refs
from git_exp.git.notes import Reader, Tip
from git_exp.git.objects import Ident, Writer
from git_exp.git.refs import Change
from git_exp.git.repo import Repo

_REWRITES = 20
_FEW = 50


class Before(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Where the refs stood when an attempt began, and when: what is written again starts there."""

    repo: Repo
    notes: Tip
    private: Tip
    now: float
    seen: dict[str, str | None] = {}
    noted: dict[str, bytes] = {}

    def known(self, listed: Mapping[str, str]) -> None:
        """Take refs from a listing: to look each of very many up costs more."""
        self.seen.update(listed)

    def ref(self, name: str) -> str | None:
        """Where a ref stood."""
        if name not in self.seen:
            self.seen[name] = refs.resolve(self.repo, name)
        return self.seen[name]

    def note(self, commit: str) -> bytes:
        """The note on a commit."""
        if commit not in self.noted:
            found = self._read(commit)
            self.noted[commit] = found or notes.read(self.repo, self.private.tree, commit)
        return self.noted[commit]

    def _read(self, commit: str) -> bytes:
        # One seal asks for one note, an archive for thousands.
        many = len(self.noted) > _FEW
        return self._reader.read(commit) if many else notes.read(self.repo, self.notes.tree, commit)

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self.repo, self.notes.tree)

    def is_private(self, commit: str) -> bool:
        """Whether a commit's note is one of those that never leave."""
        return bool(notes.blobs(self.repo, self.private.tree, commit))


class Theirs(msgspec.Struct, frozen=True, kw_only=True):
    """Another history of the notes: its tip, and each note in it that may differ from ours."""

    tip: Tip
    notes: Mapping[str, bytes]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Lines to add to the notes of commits, and the refs that move with them.

    Notes on `private` commits, and those that are private already, go to a ref that never leaves.

    With `theirs` another history is merged in: `lines` are then the union of both sides. An
    `orphan` commit leaves our own history behind, for that holds what was scrubbed.
    """

    subject: str
    lines: Mapping[str, Iterable[bytes]]
    changes: Sequence[Change] = []
    private: Collection[str] = ()
    theirs: Theirs | None = None
    orphan: bool = False


Planner = Callable[[Writer, Before], Plan]


def write(repo: Repo, lock: locks.Held, plan: Planner) -> None:
    """Carry out a plan, made anew on each new tip until no other writer comes between.

    Data refs, then the notes ref; then each ref is read again, and every object looked up. Raises
    `RefLocked`, `RefMoved` or `ObjectsVanished` when the time of the lock's holder is over.
    """
    until = min(lock.until, time.monotonic() + refs.PATIENCE)
    refs.insist(lambda: _attempt(repo, lock, plan), until=until)


def _attempt(repo: Repo, lock: locks.Held, plan: Planner) -> None:
    before = Before(
        repo=repo,
        notes=notes.tip(repo),
        private=notes.tip(repo, notes.PRIVATE),
        now=time.time(),
    )
    with refs.transaction(repo, keep=[lock.fd]) as pending:
        writer, changes = _built(plan, before)
        if changes:
            with locks.marked(repo, [change.name for change in changes]):
                pending.commit(changes)
    stands = {change.name: change.new for change in changes}
    for _ in range(_REWRITES):
        if gc.held(repo, writer.written) and not writer.missing():
            return _look_again(repo, stands)
        # A `gc --prune=now` has taken what it knew no ref of: write it all again, as it was.
        writer, changes = _built(plan, before)
        _move_on(repo, changes, stands)
    raise errors.ObjectsVanished()


def _look_again(repo: Repo, stands: Mapping[str, str | None]) -> None:
    listed = refs.listing(repo, "refs/") if len(stands) > _FEW else None
    for name, new in stands.items():
        # `git notes` does not compare before it swaps: what it read may be older than ours.
        stood = refs.resolve(repo, name) if listed is None else listed.get(name)
        if stood != new:
            raise errors.RefMoved(name)


def _built(plan: Planner, before: Before) -> tuple[Writer, list[Change]]:
    writer = Writer(before.repo)
    changes = _Build(writer, before, plan(writer, before)).changes()
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


class _Build:
    """A plan as objects: what it makes of the notes as they stood."""

    def __init__(self, writer: Writer, before: Before, plan: Plan) -> None:
        self.writer = writer
        self.before = before
        self.plan = plan

    def changes(self) -> list[Change]:
        """All refs that move, the notes last."""
        before, plan = self.before, self.plan
        old = {commit: before.note(commit) for commit in plan.lines}
        whole = {c: merge.union(merge.lines(old[c]), new) for c, new in plan.lines.items()}
        texts = {c: text for c, text in whole.items() if text != old[c]}
        hidden = {c: text for c, text in texts.items() if self._is_private(c)}
        shown = {c: text for c, text in texts.items() if c not in hidden}
        theirs = plan.theirs
        new = self._joined(theirs, whole, shown) if theirs else self._added(before.notes, shown)
        moves = (
            (notes.REF, before.notes, new),
            (notes.PRIVATE, before.private, self._added(before.private, hidden)),
        )
        moved = [
            Change(name=name, new=to, old=tip.commit)
            for name, tip, to in moves
            if to and to != tip.commit
        ]
        return [*plan.changes, *moved]

    def _is_private(self, commit: str) -> bool:
        return commit in self.plan.private or self.before.is_private(commit)

    def _added(self, base: Tip, texts: Mapping[str, bytes]) -> str | None:
        """Notes with these texts set; None where there are none to set."""
        if not texts:
            return None
        made = notes.write(self.writer, base, texts)
        parents = [base.commit] if base.commit and not self.plan.orphan else []
        return self._commit(made, parents, date=_date(self.writer, texts))

    def _joined(
        self, theirs: Theirs, whole: Mapping[str, bytes], texts: Mapping[str, bytes]
    ) -> str | None:
        """The union of our notes and theirs; None where ours are that already.

        Where theirs are the union, our ref takes their tip, so that merges of equal content do not
        go back and forth. Else it is built on the side that lacks less.
        """
        behind = {c: text for c, text in whole.items() if text != theirs.notes[c]}
        if not behind:
            return theirs.tip.commit
        if not texts:
            return None
        ours = self.before.notes
        base, lacking = (ours, texts) if len(texts) <= len(behind) else (theirs.tip, behind)
        made = notes.write(self.writer, base, lacking)
        tips = [tip.commit for tip in (ours, theirs.tip) if tip.commit]
        date = max(objects.committed(self.writer.repo, tip) for tip in tips)
        return self._commit(made, tips, date=date)

    def _commit(self, made: Tip, parents: Sequence[str], *, date: int) -> str:
        who = objects.ident(self.writer.repo, self.before.now)
        dated = Ident(name=who.name, email=who.email, time=date, offset=0)
        subject = self.plan.subject
        return notes.commit(
            self.writer, made, subject, author=who, committer=dated, parents=parents
        )


def _date(writer: Writer, commits: Iterable[str]) -> int:
    """The committer date of the runs' own commits, which keeps ours out of fetch's negotiation."""
    return max((objects.committed(writer.repo, commit) for commit in commits), default=0)


def newest_time(lines: Sequence[bytes], *more: str | None, now: int) -> str | None:
    """The latest time there is; a line over a day ahead is damage and does not count."""
    times = (line[6:33].decode("ascii", "replace") for line in lines)
    ahead = records.stamp(now + records.DAY)
    every = (t for t in (*times, *more) if t and records.valid_time(t) and t < ahead)
    return max(every, default=None)
