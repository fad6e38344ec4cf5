"""Cargo: what goes along with the runs on refs of its own, and is merged and not replaced."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Protocol

import msgspec

from git_exp import errors, seal, spool, tagged
from git_exp.git import notes, objects, refs, remote
from git_exp.git.remote import Remote, Update
from git_exp.git.repo import Repo
from git_exp.scan import Outgoing
from git_exp.share import remotes
from git_exp.share.inspect import Inspection
from git_exp.share.outgoing import Item
from git_exp.store import Store

# So many are fetched by name; of more each is.
_FEW = 100
_ID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_RUN = re.compile(rb'"run_id":"([0-9a-f-]{36})"')
# What git says where it found fault with something that came.
_FAULT = "fsck error"

Refs = Mapping[str, str]


class Cargo(Protocol):
    """A kind of refs that push and pull carry: only who passes it knows what they hold."""

    @property
    def prefix(self) -> str:
        """What the full names of its refs start with."""

    def is_name(self, name: str) -> bool:
        """Whether a ref of that name, without the prefix, is one of these."""

    def lines(self, repo: Repo, commit: str) -> Sequence[bytes]:
        """All that one says. Raises `BadField` for what is none."""

    def merge(self, repo: Repo, name: str, theirs: str) -> str:
        """Bring another history of one into ours, and give where it stands then.

        That is where theirs stands, or has that in its history. Raises `BadField` or `Refused`
        for what cannot be merged.
        """


class Carried(msgspec.Struct, kw_only=True):
    """What came of cargo, by names: what was `sent`, what is `new` here, what was `updated`.

    And why: `passed_over` is of the other side and was not merged, `withheld` is ours and stays.
    `secrets` are the ids of what may be one there, for --allow.
    """

    sent: list[str] = []
    new: list[str] = []
    updated: list[str] = []
    passed_over: dict[str, str] = {}
    withheld: dict[str, str] = {}
    secrets: dict[str, list[str]] = {}


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be sent, and the lines of it that the other side has not had."""

    items: list[Item] = []
    fresh: list[Outgoing] = []


class Trip(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Cargo between a repository and a remote, and what came of it so far."""

    store: Store
    other: Remote
    cargo: Cargo
    report: Carried

    @property
    def prefix(self) -> str:
        return self.cargo.prefix

    @property
    def spec(self) -> str:
        """What to fetch: all, into the refs that follow it."""
        return f"+{self.prefix}*:{self._followed}*"

    @property
    def offer(self) -> tuple[str, str]:
        """The refs that a fetch of all updates, and those that they are merged into."""
        return f"{self._followed}*", f"{self.prefix}*"

    def fetch(self, names: Sequence[str] | None = None) -> bool:
        """Fetch all, or some by name: False where one of these is not there.

        They are to be part of our own history: with an object that git finds fault with in it, no
        server that looks would ever take a push of ours again.
        """
        offer: Sequence[str] = self.offer
        specs = [self.spec]
        if named := names is not None and len(names) <= _FEW:
            specs = [f"+{self.prefix}{name}:{self._followed}{name}" for name in names]
            offer = [kind + name for kind in (self._followed, self.prefix) for name in names]
        return remotes.fetch(
            self.store.repo, self.other, specs, offer=offer, checked=True, prune=not named
        )

    def fetch_sound(self) -> None:
        """Fetch each by itself: git brings nothing at all where it finds fault with one."""
        repo = self.store.repo
        there = remote.listing(repo, self.other, f"{self.prefix}*")
        for name, oid in self._named(there, self.prefix):
            if refs.resolve(repo, self._followed + name) == oid:
                continue
            try:
                self.fetch([name])
            except errors.RemoteFailed as error:
                if not is_fault(error):
                    raise
                self.report.passed_over[name] = "git finds fault with an object of it"

    def met(self, name: str) -> str | None:
        """Where one stands over there now, and have it here; None where there is none."""
        return refs.resolve(self.store.repo, self._followed + name) if self.fetch([name]) else None

    def merge(self) -> None:
        """Bring what was fetched into what is here; what cannot be merged holds nothing else up."""
        repo = self.store.repo
        if not refs.any_below(repo, self._followed.rstrip("/")):
            return
        every = refs.listing(repo, self._followed, self.prefix)
        for name, theirs in self._named(every, self._followed):
            ours = every.get(self.prefix + name)
            if ours != theirs:
                self._merged(name, theirs, ours=ours)

    def load(self, here: Refs, there: Refs, *, dry: bool = False) -> Load:
        """What the other side lacks of ours; theirs is merged into it before, unless `dry`.

        Raises `RefMoved` where something goes from there meanwhile.
        """
        found = Load(items=[], fresh=[])
        every = self._named(here, self.prefix)
        differing = [(name, oid) for name, oid in every if there.get(self.prefix + name) != oid]
        if not dry:
            self._learn([name for name, _ in differing], there)
        for name, ours in differing:
            theirs = there.get(self.prefix + name)
            merges = theirs is not None and not dry
            tip = self._merged(name, theirs, ours=ours) if theirs and merges else ours
            if tip and tip != theirs and (fresh := self._leaving(name, tip, theirs)):
                update = Update(name=self.prefix + name, new=tip, old=theirs)
                found.items.append(Item(run_id=update.name, commit=None, updates=[update]))
                shown = tuple(map(tagged.readable, fresh))
                found.fresh.append(Outgoing(run=update.name, lines=shown))
        return found

    def without(self, load: Load, why: Mapping[str, str]) -> Load:
        """What is left of a load where some of it is not to leave, by the names of its refs."""
        for name, reason in why.items():
            self.report.withheld[name.removeprefix(self.prefix)] = reason
        items = [item for item in load.items if item.run_id not in why]
        return Load(items=items, fresh=[one for one in load.fresh if one.run not in why])

    def sent(self, items: Sequence[Item], failed: Mapping[str, str]) -> None:
        """Say which of what was to be sent is there."""
        gone = [item.run_id for item in items if item.run_id not in failed]
        names = [name.removeprefix(self.prefix) for name in gone]
        self.report.sent = list(dict.fromkeys((*self.report.sent, *names)))

    def forget(self) -> None:
        """Begin anew to say what does not go: the last attempt came to nothing."""
        self.report.passed_over.clear()
        self.report.withheld.clear()
        self.report.secrets.clear()

    @property
    def _followed(self) -> str:
        """What the refs that follow the remote's start with."""
        return self.other.follows(self.prefix)

    @cached_property
    def _private(self) -> frozenset[str]:
        return private(self.store.repo)

    def _named(self, every: Refs, prefix: str) -> Iterator[tuple[str, str]]:
        """Those of some refs below a prefix that are cargo, by their names."""
        for ref, oid in every.items():
            if ref.startswith(prefix) and self.cargo.is_name(name := ref.removeprefix(prefix)):
                yield name, oid

    def _learn(self, names: Sequence[str], there: Refs) -> None:
        """Have here what the other side has of these."""
        met = {name: oid for name in names if (oid := there.get(self.prefix + name))}
        unknown = [name for name, oid in met.items() if not objects.is_here(self.store.repo, oid)]
        if not unknown:
            return
        try:
            self.fetch(unknown)
        except errors.RemoteFailed as error:
            if not is_fault(error):
                raise
            self.fetch_sound()
        for name in unknown:
            if name not in self.report.passed_over and not self._is_met(name, met[name]):
                raise errors.RefMoved(self.prefix + name)

    def _is_met(self, name: str, oid: str) -> bool:
        repo = self.store.repo
        return refs.resolve(repo, self._followed + name) == oid or objects.is_here(repo, oid)

    def _merged(self, name: str, theirs: str, *, ours: str | None) -> str | None:
        """Where one stands with theirs in it; None where that cannot be."""
        report = self.report
        if name in report.passed_over:
            return None
        try:
            tip = self.cargo.merge(self.store.repo, name, theirs)
        except (errors.UsageError, errors.Refused) as error:
            report.passed_over[name] = str(error)
            return None
        if tip != ours and name not in report.new + report.updated:
            (report.updated if ours else report.new).append(name)
        return tip

    def _leaving(self, name: str, tip: str, theirs: str | None) -> tuple[bytes, ...]:
        """The lines that are to leave; none where they stay here, which is told."""
        repo = self.store.repo
        known = theirs
        if theirs and not objects.is_here(repo, theirs):
            known = refs.resolve(repo, self._followed + name)
        try:
            every = self.cargo.lines(repo, tip)
            had = set(self.cargo.lines(repo, known)) if known else set[bytes]()
        except errors.UsageError as error:
            self.report.withheld[name] = str(error)
            return ()
        if hidden := names_private(self.store, every, self._private):
            self.report.withheld[name] = f"it names the private run {hidden[:8]}"
            return ()
        return tuple(line for line in every if line not in had)


def loaded(
    trip: Trip | None, inspection: Inspection, sides: tuple[Refs, Refs], *, dry: bool = False
) -> Load:
    """What goes beside the runs, of our refs and theirs; what may hold a secret stays."""
    if trip is None:
        return Load()
    load = trip.load(*sides, dry=dry)
    why = inspection.stopping(load.fresh)
    for name in why:
        trip.report.secrets[name.removeprefix(trip.prefix)] = list(inspection.secrets[name])
    return trip.without(load, why)


def is_fault(error: errors.RemoteFailed) -> bool:
    """Whether a fetch failed for something in what came."""
    return _FAULT in error.said


def private(repo: Repo) -> frozenset[str]:
    """The ids of the private runs that are sealed here, also of those that were deleted."""
    found: set[str] = set()
    for _, blob in notes.listing(repo, notes.tip(repo, notes.PRIVATE).tree):
        found |= {named.decode() for named in _RUN.findall(objects.blob(repo, blob))}
    return frozenset(found)


def names_private(
    store: Store, lines: Sequence[bytes], sealed: frozenset[str] | None = None
) -> str | None:
    """The first private run that lines name; `sealed` as `private` gives it, if that is known."""
    named = dict.fromkeys(one.decode() for line in lines for one in _ID.findall(line))
    if not named:
        return None
    ids = private(store.repo) if sealed is None else sealed
    live = set(named) & set(spool.run_ids(seal.spools(store.repo)))
    return next((one for one in named if one in ids or (one in live and _hides(store, one))), None)


def _hides(store: Store, run_id: str) -> bool:
    run = store.get(run_id)
    return run is not None and run.private
