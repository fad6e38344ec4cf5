"""What another repository lacks of ours: refs of runs, and those that it should not have."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property

import msgspec

from git_exp import data, merge, values
from git_exp.git import notes, objects
from git_exp.git.remote import Update
from git_exp.git.repo import Repo
from git_exp.share import archive
from git_exp.store import Own

RUNS, DATA = "refs/runs/", data.name("")
# Each batch is a git push, whose start takes longer than a hundred refs.
BATCH = 1_000

_ARCHIVED = re.compile(rb'^\{"t":"[^"]{27}","event":"archived","ref":"([^"]+)"', re.M)


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent together: the code and the data of one run; or an archive, by its ref's name."""

    run_id: str
    commit: str | None
    updates: list[Update]

    def holds(self, repo: Repo) -> set[str]:
        """The commits of the runs whose code this is."""
        if self.commit is not None:
            return {self.commit}
        tips = (update.new for update in self.updates)
        return {entry.commit for tip in tips for entry in archive.entries(repo, tip)}


class Sides(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Our refs and another side's by their names, and the tree of our notes."""

    repo: Repo
    here: Mapping[str, str]
    there: Mapping[str, str]
    tree: str | None

    def note(self, commit: str) -> bytes:
        """The note on a run's commit."""
        return self._reader.read(commit)

    def archived(self, name: str) -> frozenset[str]:
        """The commits of the runs that an archive over there holds, once ours have been sent."""
        if name not in self._archives:
            ours = archive.is_ours(self.repo, name)
            tip = (self.here if ours else self.there).get(name)
            held = (
                archive.entries(self.repo, tip) if tip and objects.is_here(self.repo, tip) else ()
            )
            self._archives[name] = frozenset(entry.commit for entry in held)
        return self._archives[name]

    def is_empty(self, tip: str) -> bool:
        """Whether an archive is known to hold deleted runs alone."""
        if not objects.is_here(self.repo, tip):
            return False
        return all(
            merge.is_tombstone(self.note(one.commit)) for one in archive.entries(self.repo, tip)
        )

    @cached_property
    def _archives(self) -> dict[str, frozenset[str]]:
        return {}

    @cached_property
    def _reader(self) -> notes.Reader:
        return notes.Reader(self.repo, self.tree)


def lacking(sides: Sides, own: Own) -> list[Item]:
    """The refs of runs that the other side lacks.

    Only of runs that our notes tell of: no private one, none that is deleted, and none in an
    archive that it has or gets. What the other side has already of someone else's run is left as
    it is.
    """
    missing = {name for name, oid in sides.here.items() if sides.there.get(name) != oid}
    named = {name.removeprefix(RUNS).removeprefix(DATA) for name in missing}
    ids = sorted(one for one in named if values.is_run_id(one))
    mine = own.among(ids)
    found = (_item(sides, run_id, mine=run_id in mine) for run_id in ids)
    return [item for item in found if item]


def archives(sides: Sides) -> list[Item]:
    """The archives of this clone that the other side has not, or not as they are now.

    One that was written anew goes over what it was before, where it holds all of that but what is
    deleted.
    """
    found: list[Item] = []
    for name, oid in sides.here.items():
        old = sides.there.get(name)
        if oid != old and archive.is_ours(sides.repo, name):
            update = Update(name=name, new=oid, old=old, forced=_replaces(sides, old, oid))
            found.append(Item(run_id=name, commit=None, updates=[update]))
    return found


def unknown(sides: Sides) -> list[str]:
    """The archives of this clone that are over there as they are not known here."""
    return [
        name
        for name, old in sides.there.items()
        if name in sides.here
        and archive.is_ours(sides.repo, name)
        and not objects.is_here(sides.repo, old)
    ]


def _replaces(sides: Sides, old: str | None, new: str) -> bool:
    if old is None or not objects.is_here(sides.repo, old):
        return False
    held = {entry.commit for entry in archive.entries(sides.repo, new)}
    return all(
        entry.commit in held or merge.is_tombstone(sides.note(entry.commit))
        for entry in archive.entries(sides.repo, old)
    )


def deleted(sides: Sides) -> list[str]:
    """The commits of deleted runs that are in archives which are to be sent."""
    tips = [update.new for item in archives(sides) for update in item.updates]
    every = (entry.commit for tip in tips for entry in archive.entries(sides.repo, tip))
    return [commit for commit in every if merge.is_tombstone(sides.note(commit))]


def unwanted(sides: Sides, kept: Collection[str] = ()) -> list[Update]:
    """The refs over there of runs that are deleted, or in an archive that is there: they go.

    `kept` are archives that could not be sent.
    """
    gone: list[Update] = []
    for name, oid in sides.there.items():
        if name.startswith(RUNS) and _is_over(sides, oid, kept):
            names = (DATA + name.removeprefix(RUNS), name)
            found = ((one, sides.there.get(one)) for one in names)
            gone += [Update(name=one, new=None, old=old) for one, old in found if old]
    return gone


def emptied(sides: Sides) -> list[Update]:
    """The archives of this clone over there that are gone here, for all their runs are deleted."""
    return [
        Update(name=name, new=None, old=oid)
        for name, oid in sides.there.items()
        if name not in sides.here and archive.is_ours(sides.repo, name) and sides.is_empty(oid)
    ]


def codeless(sides: Sides, commits: Sequence[str], sent: Sequence[Item]) -> list[str]:
    """Those runs among some, by their commits, whose code the other side neither has nor gets."""
    there = {*sides.there.values(), *(item.commit for item in sent)}
    waiting = (commit for commit in commits if commit not in there)
    return [
        commit
        for commit in waiting
        if not merge.is_tombstone(note := sides.note(commit)) and not _ARCHIVED.search(note)
    ]


def batches(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Items in batches of no more refs than are to move at once; one item is never parted."""
    batch: list[Item] = []
    count = 0
    for item in items:
        if batch and count + len(item.updates) > BATCH:
            yield batch
            batch, count = [], 0
        batch.append(item)
        count += len(item.updates)
    if batch:
        yield batch


def _item(sides: Sides, run_id: str, *, mine: bool) -> Item | None:
    code, large = RUNS + run_id, DATA + run_id
    here, there = sides.here, sides.there
    commit = here.get(code)
    # Of a private run a public note has no start.
    if commit is None or b'"event":"run_start"' not in sides.note(commit):
        return None
    if merge.is_tombstone(sides.note(commit)) or _is_archived(sides, sides.note(commit)):
        return None
    wanted = []
    if code not in there:
        wanted.append(code)
    if large in here and there.get(large) != here[large] and (mine or large not in there):
        wanted.append(large)
    updates = [Update(name=name, new=here[name], old=there.get(name)) for name in wanted]
    return Item(run_id=run_id, commit=commit, updates=updates) if updates else None


def _is_archived(sides: Sides, note: bytes) -> bool:
    """Whether an archive that is over there, or that we send, is said to hold a run."""
    found = _ARCHIVED.search(note)
    name = found[1].decode(errors="replace") if found else ""
    return name in sides.there or archive.is_ours(sides.repo, name)


def _is_over(sides: Sides, commit: str, kept: Collection[str]) -> bool:
    note = sides.note(commit)
    if merge.is_tombstone(note):
        return True
    if found := _ARCHIVED.search(note):
        name = found[1].decode(errors="replace")
        # Only once it holds them there: who archived it may not have come to send it.
        return name not in kept and commit in sides.archived(name)
    return False
