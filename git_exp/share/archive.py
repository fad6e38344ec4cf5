"""Archives: the code and data of many old runs held by one ref, so that nobody feels theirs."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress

import msgspec

from git_exp import data, errors, ledger, locks, merge, outfile, records, spool, values
from git_exp.git import dates, objects, refs
from git_exp.git.objects import Ident, Writer
from git_exp.git.refs import Change
from git_exp.git.repo import Repo
from git_exp.ledger import Before, Plan
from git_exp.run import Run
from git_exp.store import Store

PREFIX = "refs/exp/archive/"
AFTER = 500
PARENTS = 1_000
_FEW = 100
NAME = re.compile(rf"{PREFIX}[0-9]{{4}}-[0-9]{{2}}-[0-9a-f]{{8}}")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One run in an archive: where its code and its data stand."""

    run_id: str
    commit: str
    data: str | None = None

    @property
    def line(self) -> str:
        return " ".join(filter(None, (self.run_id, self.commit, self.data)))

    @property
    def tips(self) -> list[str]:
        return [self.commit, *([self.data] if self.data else [])]


def due(store: Store, *, slack: bool = False) -> list[Run]:
    """The runs of our own that have ended and are over the newest `exp.archiveAfter`, oldest first.

    With `slack` none until they are many: each archiving adds a commit.
    """
    after = store.repo.config.size("exp.archiveAfter", AFTER)
    own = _own(store)
    least = max(1, min(100, after // 5)) if slack else 1
    if len(own) < least:
        return []
    newest = {run.id for run in store.runs(after)}
    old = own - newest
    if len(old) < least:
        return []
    found = store.runs() if len(old) > _FEW else map(store.get, sorted(old))
    ready = (run for run in found if run and run.id in old and _may_go(run))
    return sorted(ready, key=lambda run: (run.started, run.id))


def older(store: Store, when: str) -> list[Run]:
    """The runs of our own that have ended and began before a date as git reads it, oldest first.

    Raises `UsageError` for what is no date.
    """
    found = dates.approximate(store.repo, when)
    if found is None:
        raise errors.UsageError(f"bad date '{when}'", hint="2026-11-01, '2 weeks ago'")
    before = records.stamp(found * 1_000_000)
    own = _own(store)
    every = store.runs()
    old = (run for run in every if run.id in own and run.started < before and _may_go(run))
    return sorted(old, key=lambda run: (run.started, run.id))


def fold(store: Store, runs: Sequence[Run]) -> list[Run]:
    """Put runs into the archives of their months; their own refs go. Those that were put there.

    Every commit keeps its id. The records say where a run went.
    """
    folded: list[Run] = []

    def plan(writer: Writer, before: Before) -> Plan:
        folded.clear()
        before.known(refs.listing(store.repo, "refs/runs/", data.name("")))
        entries = {run.commit: entry for run in runs if (entry := _entry(store, run, before))}
        folded.extend(run for run in runs if run.commit in entries)
        changes = [change for one in entries.values() for change in _own_refs(one, before)]
        lines: dict[str, list[bytes]] = {}
        for name, batch in _by_month(store.repo, folded).items():
            mine = [entries[run.commit] for run in batch]
            tip = _grown(writer, before, mine, on=before.ref(name))
            changes.append(Change(name=name, new=tip, old=before.ref(name)))
            for one in mine:
                lines[one.commit] = [_told(before, one, name)]
        subject = f"exp: archive {len(folded)} run{'s' * (len(folded) != 1)}"
        return Plan(subject=subject, lines=lines, changes=changes)

    if runs:
        with locks.held(store.repo) as lock:
            ledger.write(store.repo, lock, plan)
    return folded


def drop(store: Store, commits: Collection[str]) -> list[str]:
    """Take runs out of our own archives, which are written anew without them; the refs that moved.

    What was deleted is held by no ref then, and git's own rules let it go.
    """
    moved: list[str] = []

    def plan(writer: Writer, before: Before) -> Plan:
        moved.clear()
        changes: list[Change] = []
        for name, tip in refs.listing(store.repo, PREFIX).items():
            every = list(entries(store.repo, tip))
            kept = [one for one in every if one.commit not in commits]
            if len(kept) == len(every) or not is_ours(store.repo, name):
                continue
            new = _grown(writer, before, kept) if kept else None
            changes.append(Change(name=name, new=new, old=tip))
            moved.append(name)
        return Plan(subject="exp: archive", lines={}, changes=changes)

    if commits and refs.any_below(store.repo, PREFIX.rstrip("/")):
        with locks.held(store.repo) as lock:
            ledger.write(store.repo, lock, plan)
    return moved


def entries(repo: Repo, tip: str | None) -> Iterator[Entry]:
    """What an archive holds, the runs that came last first; a line that is none is passed over."""
    while tip and (found := objects.commit(repo, tip)):
        lines = found.message.split("\n")
        for line in lines:
            words = line.split(" ")
            if values.is_run_id(words[0]) and all(map(objects.is_oid, words[1:3])) and words[1:]:
                yield Entry(
                    run_id=words[0], commit=words[1], data=words[2] if len(words) > 2 else None
                )
        chained = f"Previous: {found.parents[0]}" in lines if found.parents else False
        tip = found.parents[0] if chained else None


def clone_id(repo: Repo) -> str:
    """Eight hex digits that are this clone's: only one clone writes an archive ref."""
    path, place = repo.home / "clone", _place(repo)
    with suppress(FileNotFoundError):
        name, _, made = path.read_text().strip().partition(" ")
        if made == place:
            return name
    # There is none yet, or it came with a copy of another clone.
    name = os.urandom(4).hex()
    path.parent.mkdir(parents=True, exist_ok=True)
    with outfile.written(path) as file:
        file.write(f"{name} {place}\n".encode())
    return name


def _place(repo: Repo) -> str:
    """What a copy of a clone has another of: the machine, and the folder's number on its disk."""
    return f"{spool.here().machine}:{repo.common_dir.stat().st_ino}"


def is_ours(repo: Repo, name: str) -> bool:
    """Whether a ref is an archive that this clone writes."""
    return name.startswith(PREFIX) and name.endswith(f"-{clone_id(repo)}")


def _own(store: Store) -> frozenset[str]:
    """The runs that began here and have a ref."""
    here = refs.listing(store.repo, "refs/runs/")
    return store.own.among([name.removeprefix("refs/runs/") for name in here])


def _may_go(run: Run) -> bool:
    return run.ended is not None and not run.live and run.archived is None


def _entry(store: Store, run: Run, before: Before) -> Entry | None:
    """A run as an archive holds it; None where it has no ref of its own, or is in the spool."""
    if (
        before.ref(f"refs/runs/{run.id}") != run.commit
        or (store.repo.home / "spool" / run.id).exists()
    ):
        return None
    note = before.note(run.commit)
    if not note or merge.is_tombstone(note) or before.is_private(run.commit):
        return None
    return Entry(run_id=run.id, commit=run.commit, data=before.ref(data.name(run.id)))


def _own_refs(entry: Entry, before: Before) -> list[Change]:
    names = (f"refs/runs/{entry.run_id}", data.name(entry.run_id))
    found = ((name, before.ref(name)) for name in names)
    return [Change(name=name, new=None, old=oid) for name, oid in found if oid]


def _by_month(repo: Repo, runs: Sequence[Run]) -> Mapping[str, list[Run]]:
    clone, months = clone_id(repo), dict[str, list[Run]]()
    for run in runs:
        months.setdefault(f"{PREFIX}{run.started[:7]}-{clone}", []).append(run)
    return months


def _grown(writer: Writer, before: Before, more: Sequence[Entry], *, on: str | None = None) -> str:
    """An archive with more runs: commits with the empty tree, each on top of the one before."""
    waiting, tip = list(more), on
    while waiting:
        parents, mine = [tip] if tip else [], list[Entry]()
        while waiting and len(parents) + len(waiting[0].tips) <= PARENTS:
            entry = waiting.pop(0)
            mine.append(entry)
            parents += entry.tips
        tip = _commit(writer, before, parents, entries=mine, chained=tip)
    assert tip
    return tip


def _commit(
    writer: Writer,
    before: Before,
    parents: Sequence[str],
    *,
    entries: Sequence[Entry],
    chained: str | None,
) -> str:
    who = objects.ident(before.repo, before.now)
    date = max(objects.committed(writer.repo, one) for one in parents)
    body = "".join(f"{one.line}\n" for one in entries)
    head = f"exp: archive of {len(entries)} run{'s' * (len(entries) != 1)}\n\n"
    head += f"Previous: {chained}\n\n" if chained else ""
    tree = writer.tree(None, {})
    dated = Ident(name=who.name, email=who.email, time=date)
    return writer.commit(tree, parents, head + body, author=who, committer=dated)


def _told(before: Before, entry: Entry, name: str) -> bytes:
    now = time.time_ns() // 1000
    newest = ledger.newest_time(merge.lines(before.note(entry.commit)), now=now)
    event = records.Archived(t=records.later(now, newest), ref=name, data=entry.data)
    return records.line(event)[:-1]
