"""The way in: runs of other tools become commits, refs and journals, which sealing then takes."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from enum import Enum
from functools import partial
from pathlib import Path
from typing import BinaryIO

import msgspec

from git_exp import data, errors, locks, merge, recorder, records, seal
from git_exp.git import cat, notes, paths
from git_exp.git.repo import Repo
from git_exp.imports import code, foreign, told
from git_exp.imports.foreign import Broken, Deleted, File, Foreign, Found, Source
from git_exp.store import Store

BATCH = 100
SHOWN = 1_000
# One name for all: whoever imports a run again replaces its journal by one that says the same.
_JOURNAL = "0.import.jsonl"
# What is told later of a run; beside it the series of the first one stays as it is.
_LATER = "1.import.jsonl"


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """A run that came in; without a commit in a dry run."""

    id: str
    name: str
    commit: str | None


class Report(msgspec.Struct, kw_only=True):
    """What came of an import.

    `ended` were here before as lost, and have ended since; `there` runs were here before, `deleted`
    had been deleted here and `skipped` where they come from. Of what is `broken` the first thousand
    are listed.
    """

    imported: list[Arrived] = []
    ended: list[Arrived] = []
    there: int = 0
    deleted: int = 0
    skipped: int = 0
    broken: list[Broken] = []
    broken_count: int = 0

    def add(self, one: Broken) -> None:
        self.broken_count += 1
        if len(self.broken) < SHOWN:
            self.broken.append(one)


class _Here(Enum):
    """What is known of a run that is here."""

    THERE = "there"
    DELETED = "deleted"
    LOST = "lost"


class _Ready(msgspec.Struct, frozen=True, kw_only=True):
    """A run whose first record is made, and the commit that it gets; none is made for one here."""

    run: Foreign
    name: str
    commit: str
    lines: Callable[[told.Kept], Iterator[bytes]]
    made: code.Made | None = None

    @property
    def journal(self) -> str:
        return _JOURNAL if self.made else _LATER


def bring(
    store: Store,
    source: Source,
    *,
    dry_run: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Bring in the runs of a source that are not here yet, and the end of those that had none.

    Killed anywhere, another import completes it. `progress` is told what is done of how much.
    """
    report = Report()
    known = _known(store.repo)
    fresh: list[Foreign] = []
    ended: list[_Ready] = []
    way = _Way(store, report, dry_run=dry_run)
    for done, one in enumerate(source.found, 1):
        if isinstance(one, Foreign) and one.run_id not in known:
            known[one.run_id] = _Here.THERE
            fresh.append(one)
        elif isinstance(one, Foreign) and _has_ended(one, known) and (late := way.late(one)):
            known[one.run_id] = _Here.THERE
            ended.append(late)
        else:
            _pass_over(report, one, known)
        if len(fresh) == BATCH:
            way.take(fresh)
            fresh.clear()
        progress(done, max(source.total, done + 1))
    way.take(fresh)
    way.end(ended)
    progress(1, 1)
    return report


def _has_ended(one: Foreign, known: Mapping[str, _Here]) -> bool:
    return known[one.run_id] is _Here.LOST and one.status != _Here.LOST.value


def _pass_over(report: Report, one: Found, known: Mapping[str, _Here]) -> None:
    match one:
        case Broken():
            report.add(one)
        case Deleted():
            report.skipped += 1
        case Foreign() if known[one.run_id] is _Here.DELETED:
            report.deleted += 1
        case _:
            report.there += 1


def _known(repo: Repo) -> dict[str, _Here]:
    """Every run that is here."""
    spooled = seal.spools(repo).glob("*/*.jsonl")
    known = {path.parent.name: _Here.THERE for path in spooled if path.is_file()}
    blobs = [blob for _, blob in notes.listing(repo, notes.tip(repo).tree)]
    for note in cat.blobs(repo, blobs):
        for line in merge.lines(note or b""):
            event = records.parse(line) if records.is_kind(line, b"run_start") else None
            if isinstance(event, records.RunStart):
                state = _state(note or b"")
                if state is _Here.DELETED or event.run_id not in known:
                    known[event.run_id] = state
    return known


def _state(note: bytes) -> _Here:
    if merge.is_tombstone(note):
        return _Here.DELETED
    ends = [line for line in merge.lines(note) if records.is_kind(line, b"run_end")]
    lost = bool(ends) and all(b'"status":"lost"' in line for line in ends)
    return _Here.LOST if lost else _Here.THERE


class _Way:
    """One import: its repository, and what has come of it."""

    def __init__(self, store: Store, report: Report, *, dry_run: bool) -> None:
        self._store = store
        self._repo = repo = store.repo
        self._report = report
        self._dry_run = dry_run
        self._codes = code.Codes(repo)
        self._root = seal.spools(repo)

    def take(self, runs: Sequence[Foreign]) -> None:
        """Bring in a few runs: journals that nobody sees yet, then their refs, then all of it."""
        self._codes.look_up(runs)
        ready = [one for run in runs if (one := self._ready(run))]
        self._report.imported += map(self._arrived, self._brought(ready))

    def late(self, run: Foreign) -> _Ready | None:
        """What came of a run since it was imported; None where that was not here."""
        here = self._store.get(run.run_id)
        if here is None or not here.own:
            return None

        def lines(kept: told.Kept) -> Iterator[bytes]:
            series = frozenset(data.series(self._repo, data.tip(self._repo, here.id)))
            return told.rest(run, here, kept, series=series, report=self._report.add)

        return _Ready(run=run, name=here.name, commit=here.commit, lines=lines)

    def end(self, runs: Sequence[_Ready]) -> None:
        """Bring in what came of some runs."""
        for at in range(0, len(runs), BATCH):
            self._report.ended += map(self._arrived, self._brought(runs[at : at + BATCH]))

    def _brought(self, ready: Sequence[_Ready]) -> Sequence[_Ready]:
        """Those of some runs that came in."""
        with ExitStack() as opened:
            written = [one for one in ready if self._is_written(one, opened)]
            if written and not self._dry_run:
                self._show(written)
        if written and not self._dry_run:
            self._seal(written)
        return written

    def _arrived(self, one: _Ready) -> Arrived:
        commit = None if self._dry_run else one.commit
        return Arrived(id=one.run.run_id, name=one.name, commit=commit)

    def _ready(self, run: Foreign) -> _Ready | None:
        """A run as it will be recorded, or None where it cannot be."""
        began, more = self._codes.began(run)
        if began > told.horizon():
            self._report.add(Broken(where=run.where, why="it started in the future"))
            return None
        made = self._codes.make(run, began, dry_run=self._dry_run)
        try:
            first = told.start(run, began, made.git, more=more)
        except errors.UsageError as error:
            self._report.add(Broken(where=run.where, why=error.message))
            return None
        lines = partial(told.journal, run, first, report=self._report.add)
        commit = made.git.commit
        return _Ready(run=run, name=first.name or "", commit=commit, lines=lines, made=made)

    def _is_written(self, one: _Ready, opened: ExitStack) -> bool:
        """Write a run's journal under a name that nobody reads; False where that cannot be."""
        lines = one.lines(self._kept(one.run))
        try:
            if self._dry_run:
                for _ in lines:
                    pass
                return True
            file = _opened(self._hidden(one))
            if file is None:
                self._report.there += 1
                return False
            opened.enter_context(file)
            if self._has_come(one):
                self._report.there += 1
                self._discard(one)
                return False
            file.writelines(lines)
            file.flush()
        except (foreign.Unreadable, errors.UsageError, ArithmeticError, RecursionError) as error:
            self._report.add(Broken(where=one.run.where, why=str(error)))
            self._discard(one)
            return False
        except OSError as error:
            raise errors.WriteFailed(str(self._root), error.strerror or str(error)) from error
        return True

    def _has_come(self, one: _Ready) -> bool:
        """Whether another import has brought it in since this one looked: now none can."""
        tree = notes.tip(self._repo).tree
        return one.made is not None and bool(notes.blobs(self._repo, tree, one.commit))

    def _show(self, written: Sequence[_Ready]) -> None:
        """Refs first: what stands under a journal's name is sealed by whoever comes by."""
        ids = "".join(f"{one.run.run_id}\n" for one in written if one.made)
        with (self._repo.home / "local").open("a") as local:
            local.write(ids)
        code.hold(self._repo, [one.made for one in written if one.made])
        for one in written:
            self._hidden(one).rename(self._folder(one) / one.journal)

    def _seal(self, written: Sequence[_Ready]) -> None:
        mine = {one.run.run_id: one.run for one in written}
        for run_id, why in seal.complete(self._repo).aside.items():
            if run_id in mine:
                why = f"it could not be sealed: {why}"
                self._report.add(Broken(where=mine[run_id].where, why=why))

    def _kept(self, run: Foreign) -> Iterator[records.Artifact | Broken]:
        """The files of a run as artifacts: small ones in its spool, of others where they are."""
        limit = self._repo.config.size("exp.maxArtifact", recorder.MAX_ARTIFACT)
        for one in run.files():
            if isinstance(one, Broken):
                yield one
                continue
            try:
                name = paths.checked(one.name)
                size = one.path.stat().st_size
                if size > limit or self._dry_run:
                    uri = one.path.absolute().as_uri()
                    yield records.Artifact(t="", path=name, size=size, uri=uri)
                else:
                    yield _copied(one, name, self._root / run.run_id / "artifacts")
            except (errors.UsageError, OSError) as error:
                yield Broken(where=str(one.path), why=foreign.why(error))

    def _folder(self, one: _Ready) -> Path:
        return self._root / one.run.run_id

    def _hidden(self, one: _Ready) -> Path:
        return self._folder(one) / f".{one.journal}.new"

    def _discard(self, one: _Ready) -> None:
        self._hidden(one).unlink(missing_ok=True)
        if not any(self._folder(one).glob("*.jsonl")):
            data.remove(self._folder(one))
        with suppress(OSError):
            self._folder(one).rmdir()


def _opened(path: Path) -> BinaryIO | None:
    """A hidden journal to write, locked; None where another import is at this run.

    One that a killed import left is written anew.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Before it was locked it may have got its name.
        if os.fstat(file.fileno()).st_ino == path.stat().st_ino:
            file.truncate(0)
            return file
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError as error:
        file.close()
        raise locks.absent(path.parent, error) from error
    file.close()
    return None


def _copied(one: File, name: str, folder: Path) -> records.Artifact:
    """An artifact whose bytes wait in the spool, whole, under their SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    data = one.path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    half = folder / f"{os.getpid()}.new"
    half.write_bytes(data)
    half.rename(folder / digest)
    return records.Artifact(t="", path=name, size=len(data), sha256=digest, stored=True)
