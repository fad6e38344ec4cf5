"""The way in: runs of other tools become commits, refs and journals, which sealing then takes."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
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


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """A run that came in; without a commit in a dry run."""

    id: str
    name: str
    commit: str | None


class Report(msgspec.Struct, kw_only=True):
    """What came of an import.

    `there` runs were here before, `deleted` had been deleted here and `skipped` where they come
    from. Of what is `broken` the first thousand are listed.
    """

    imported: list[Arrived] = []
    there: int = 0
    deleted: int = 0
    skipped: int = 0
    broken: list[Broken] = []
    broken_count: int = 0

    def add(self, one: Broken) -> None:
        self.broken_count += 1
        if len(self.broken) < SHOWN:
            self.broken.append(one)


class _Ready(msgspec.Struct, frozen=True, kw_only=True):
    """A run whose first record is made, and the commit that it gets."""

    run: Foreign
    first: records.RunStart
    made: code.Made


def bring(
    store: Store,
    source: Source,
    *,
    dry_run: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Bring in the runs of a source that are not here yet.

    Killed anywhere, another import completes it. `progress` is told what is done of how much.
    """
    report = Report()
    known = _known(store.repo)
    fresh: list[Foreign] = []
    way = _Way(store.repo, report, dry_run=dry_run)
    for done, one in enumerate(source.found, 1):
        if isinstance(one, Foreign) and one.run_id not in known:
            known[one.run_id] = False
            fresh.append(one)
        else:
            _pass_over(report, one, known)
        if len(fresh) == BATCH:
            way.take(fresh)
            fresh.clear()
        progress(done, max(source.total, done + 1))
    way.take(fresh)
    progress(1, 1)
    return report


def _pass_over(report: Report, one: Found, known: dict[str, bool]) -> None:
    match one:
        case Broken():
            report.add(one)
        case Deleted():
            report.skipped += 1
        case Foreign() if known[one.run_id]:
            report.deleted += 1
        case _:
            report.there += 1


def _known(repo: Repo) -> dict[str, bool]:
    """Every run that is here, and whether it was deleted."""
    known = {
        path.parent.name: False for path in seal.spools(repo).glob("*/*.jsonl") if path.is_file()
    }
    blobs = [blob for _, blob in notes.listing(repo, notes.tip(repo).tree)]
    for note in cat.blobs(repo, blobs):
        for line in merge.lines(note or b""):
            event = records.parse(line) if records.is_kind(line, b"run_start") else None
            if isinstance(event, records.RunStart):
                known[event.run_id] = merge.is_tombstone(note or b"")
    return known


class _Way:
    """One import: its repository, and what has come of it."""

    def __init__(self, repo: Repo, report: Report, *, dry_run: bool) -> None:
        self._repo = repo
        self._report = report
        self._dry_run = dry_run
        self._codes = code.Codes(repo)
        self._root = seal.spools(repo)

    def take(self, runs: Sequence[Foreign]) -> None:
        """Bring in a few runs: journals that nobody sees yet, then their refs, then all of it."""
        self._codes.look_up(runs)
        ready = [one for run in runs if (one := self._ready(run))]
        with ExitStack() as opened:
            written = [one for one in ready if self._is_written(one, opened)]
            if written and not self._dry_run:
                self._show(written)
        if written and not self._dry_run:
            self._seal(written)
        self._report.imported += map(self._arrived, written)

    def _arrived(self, one: _Ready) -> Arrived:
        commit = None if self._dry_run else one.made.git.commit
        return Arrived(id=one.run.run_id, name=one.first.name or "", commit=commit)

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
        return _Ready(run=run, first=first, made=made)

    def _is_written(self, one: _Ready, opened: ExitStack) -> bool:
        """Write a run's journal under a name that nobody reads; False where that cannot be."""
        files = self._kept(one.run)
        lines = told.journal(one.run, one.first, files, report=self._report.add)
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
        return bool(notes.blobs(self._repo, tree, one.made.git.commit))

    def _show(self, written: Sequence[_Ready]) -> None:
        """Refs first: what stands under a journal's name is sealed by whoever comes by."""
        ids = "".join(f"{one.run.run_id}\n" for one in written)
        with (self._repo.home / "local").open("a") as local:
            local.write(ids)
        code.hold(self._repo, [one.made for one in written])
        for one in written:
            self._hidden(one).rename(self._folder(one) / _JOURNAL)

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
        return self._folder(one) / f".{_JOURNAL}.new"

    def _discard(self, one: _Ready) -> None:
        self._hidden(one).unlink(missing_ok=True)
        if not (self._folder(one) / _JOURNAL).exists():
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
