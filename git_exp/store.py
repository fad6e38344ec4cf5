"""Records as git objects: every run of a repository, sealed or still in the spool."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Self

from git_exp import data, errors, ledger, locks, merge, metrics, query, records, seal, spool, values
from git_exp.git import diff, notes, objects, refs
from git_exp.git.refs import Change
from git_exp.git.repo import Repo, discover
from git_exp.run import Run, fold
from git_exp.spool import Life

LOST_AFTER_DAYS = 7
_FEW = 50

_FIRST = re.compile(rb'^\{"t":"([^"]{27})"', re.M)


class Store(query.Listed):
    """The runs of one repository. Reading changes nothing; what is read is as of now."""

    def __init__(self, repo: Repo) -> None:
        self.repo = repo
        # Set by a door that may go to the network for what is missing.
        self.hydrate: Callable[[Run], None] | None = None
        # Set by a door that knows what sessions have said of a metric.
        self.directed: Callable[[], Mapping[str, bool]] | None = None

    @classmethod
    def open(cls, cwd: Path, env: Mapping[str, str]) -> Self:
        """The store of the repository that git finds from a folder."""
        return cls(discover(cwd, env))

    @cached_property
    def own(self) -> Own:
        """The ids of the runs that were started here."""
        return Own(self.repo.home / "local")

    def runs(self, limit: int | None = None) -> list[Run]:
        """Every run that is not deleted, newest first; `limit` folds no more than that many."""
        # The spool first: what is sealed meanwhile is then met twice, and not missed.
        spooled = self._unsealed()
        noted = self._sealed()
        for commit, one in spooled.items():
            noted[commit] = merge.union(merge.lines(noted.get(commit, b"")), one.lines)
        there = {commit: note for commit, note in noted.items() if _is_shown(note)}
        found = self.opened(
            [self._run(commit, note, spooled.get(commit)) for commit, note in _newest(there, limit)]
        )
        return sorted(found, key=lambda run: (run.started, run.id), reverse=True)

    def ways(self) -> Mapping[str, bool]:
        """Whether more of a metric is better, where that was said in this repository."""
        return self.directed() if self.directed else {}

    def get(self, run_id: str) -> Run | None:
        """One run by its whole id."""
        commit = refs.resolve(self.repo, f"refs/runs/{run_id}") if _is_id(run_id) else None
        if commit:
            run = self.at(commit)
            return run if run and run.id == run_id else None
        return next((run for run in self.runs() if run.id == run_id), None)

    def at(self, commit: str) -> Run | None:
        """The run whose code is a commit."""
        spooled = self._unsealed().get(commit)
        lines = self._noted(commit, spooled)
        if not _is_shown(lines):
            return None
        return self.opened([self._run(commit, lines, spooled)])[0]

    def lines(self, run: Run) -> list[bytes]:
        """The records of a run, all but `track`, sorted, without line feeds."""
        return merge.lines(self._noted(run.commit, self._spooled(run.id)))

    def series(self, run: Run) -> Iterator[bytes]:
        """The `track` lines of a run, sealed and not; sorted within a journal, not between."""
        if not _is_id(run.id):
            return
        with spool.look(seal.spools(self.repo), run.id) as folder:
            stems = {found.stem for found in folder.journals}
            yield from data.series(self.repo, self.data_tip(run), but=stems)
            for found in folder.journals:
                yield from (line for line in found.lines() if records.is_kind(line, b"track"))

    def file(self, run: Run, path: str) -> bytes | None:
        """A file of a run's data: `output/stdout`, `packages.txt`, `artifacts/…`."""
        if not _is_id(run.id):
            return None
        folder = seal.spools(self.repo) / run.id
        waiting = folder / path if path in (*data.OUTPUTS, "packages.txt") else None
        if path.startswith("artifacts/"):
            kept = dict(data.artifacts(self.lines(run)))
            digest = kept.get(path.removeprefix("artifacts/"))
            waiting = folder / "artifacts" / digest if digest else None
        if path == data.OBJECTS:
            spooled = data.kept_objects(folder)
            sealed = data.file(self.repo, self.data_tip(run), path)
            return data.joined(sealed, spooled) or sealed
        # What is sealed meanwhile is in the data commit.
        with suppress(FileNotFoundError, NotADirectoryError):
            if waiting:
                return (
                    data.kept(self.repo, waiting) if path in data.OUTPUTS else waiting.read_bytes()
                )
        return data.file(self.repo, self.data_tip(run), path)

    def data_tip(self, run: Run) -> str | None:
        """The data of a run: by its own ref, or as an archive holds it."""
        tip = data.tip(self.repo, run.id)
        if tip is None and self.hydrate and self._is_elsewhere(run):
            # Its records are here, and can be shown without the rest.
            with suppress(errors.CodeAway):
                self.hydrate(run)
            tip = data.tip(self.repo, run.id)
        kept = run.archived.data if run.archived else None
        return tip or (kept if kept and objects.is_here(self.repo, kept) else None)

    def _is_elsewhere(self, run: Run) -> bool:
        """Whether what a run of others has of its own was never brought here.

        A clone by a local path has the objects of all runs, and none of their refs.
        """
        if run.own or run.live or not _is_id(run.id):
            return False
        return refs.resolve(self.repo, f"refs/runs/{run.id}") is None

    def has_code(self, run: Run) -> bool:
        """Whether the code of a run is here: that of others comes when it is first needed."""
        return run.live or objects.is_here(self.repo, run.commit)

    def need(self, run: Run) -> None:
        """Have the code of a run here, from a remote if need be.

        Raises `NotFound` where nobody who could be asked has it.
        """
        if self.has_code(run):
            return
        if self.hydrate is None:
            raise errors.CodeAway(run.id)
        self.hydrate(run)

    def add(self, run: Run, make: Callable[[str], records.Event]) -> None:
        """Add one record to a run; `make` gets its time, later than all that the run has."""
        self.add_each([run], [make])

    def add_each(
        self, runs: Sequence[Run], makes: Sequence[Callable[[str], records.Event]]
    ) -> None:
        """Add the same records to several runs, all at once."""
        now = time.time_ns() // 1000
        spooled: dict[str, str | None] = {}
        for run in runs:
            with spool.look(seal.spools(self.repo), run.id) as folder:
                spooled[run.commit] = folder.newest

        def made(run: Run, before: ledger.Before) -> list[records.Event]:
            newest = ledger.newest_time(
                merge.lines(before.note(run.commit)), spooled[run.commit], now=now
            )
            events: list[records.Event] = []
            for make in makes:
                events.append(make(records.later(now, newest)))
                newest = events[-1].t
            return events

        def plan(_: objects.Writer, before: ledger.Before) -> ledger.Plan:
            every = {run.commit: made(run, before) for run in runs}
            words = "+".join(records.kind(one) for one in every[runs[0].commit])
            more = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
            return ledger.Plan(
                subject=f"exp: {words} {runs[0].id[:8]}{more}",
                lines={at: [records.line(one)[:-1] for one in made] for at, made in every.items()},
                private={run.commit for run in runs if run.private},
            )

        with locks.held(self.repo) as lock:
            ledger.write(self.repo, lock, plan)

    def remove(self, runs: Sequence[Run], *, reason: str | None = None) -> None:
        """Delete runs: a tombstone in each note, and their refs go.

        Raises `Refused` for a run that is still running; nothing is then deleted.
        """
        for run in runs:
            if run.live or self.lives(run.id):
                raise errors.Refused(f"run '{run.id}' is still running", hint="stop it first")
        now = time.time_ns() // 1000
        by = objects.ident(self.repo, now / 1e6).name

        def plan(_: objects.Writer, before: ledger.Before) -> ledger.Plan:
            def stone(run: Run) -> bytes:
                newest = ledger.newest_time(merge.lines(before.note(run.commit)), now=now)
                t = records.later(now, newest)
                return records.line(records.Deleted(t=t, by=by, reason=reason))[:-1]

            return ledger.Plan(
                subject=f"exp: delete {len(runs)} run{'s' * (len(runs) != 1)}",
                lines={run.commit: [stone(run)] for run in runs},
                private={run.commit for run in runs if run.private},
                changes=[change for run in runs for change in _ref_deletions(run, before)],
            )

        with locks.held(self.repo) as lock:
            ledger.write(self.repo, lock, plan)

    def opened(self, runs: Sequence[Run]) -> list[Run]:
        """Runs that were read, as those of this store."""
        own = self.own.among([run.id for run in runs])
        for run in runs:
            run.own = run.id in own
        return [run.read_from(self) for run in runs]

    def patch(self, old: Run | None, new: Run) -> str:
        """What changed from one run's code, or from what the new one started at, as a patch."""
        for run in filter(None, (old, new)):
            self.need(run)
        base = new.base or objects.EMPTY_TREE
        sides = (old.commit if old else base, new.commit)
        for oid in sides:
            if oid != objects.EMPTY_TREE and not objects.is_here(self.repo, oid):
                raise errors.NotFound(f"commit '{oid}' is not here")
        return diff.patch(self.repo, sides)

    def unsealed(self, commit: str, sealed: bytes, spooled: Spooled) -> Run | None:
        """A run that is in the spool, with the lines of it that are sealed; None if deleted."""
        lines = merge.union(merge.lines(sealed), spooled.lines)
        return None if merge.is_tombstone(lines) else self._run(commit, lines, spooled)

    def lives(self, run_id: str) -> bool:
        """Whether a process of this machine writes a run."""
        with spool.look(seal.spools(self.repo), run_id) as folder:
            return bool(folder.journals) and folder.life is Life.LIVE

    def recover(self) -> seal.Report:
        """Seal what dead processes left, if nobody else is at it and this may write here."""
        try:
            return seal.complete(self.repo, wait=0)
        except (errors.GitExpError, OSError):
            return seal.Report()

    def _sealed(self) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        tips = (notes.tip(self.repo, ref) for ref in notes.REFS)
        for commit, blob in chain(*(notes.listing(self.repo, tip.tree) for tip in tips)):
            # One that cannot be read is for fsck to tell; it hides none of the others.
            with suppress(errors.RepositoryError):
                text = objects.blob(self.repo, blob)
                # In a mixed fan-out there may be several notes on one commit.
                again = commit in found
                found[commit] = (
                    merge.union(*map(merge.lines, (found[commit], text))) if again else text
                )
        return found

    def _unsealed(self) -> dict[str, Spooled]:
        every = (self._spooled(run_id) for run_id in spool.run_ids(seal.spools(self.repo)))
        return {one.commit: one for one in every if one}

    def _spooled(self, run_id: str) -> Spooled | None:
        with spool.look(seal.spools(self.repo), run_id) as folder:
            return Spooled(self.repo, folder) if folder.writer else None

    def _noted(self, commit: str, spooled: Spooled | None) -> bytes:
        tips = (notes.tip(self.repo, ref) for ref in notes.REFS)
        note = notes.joined([notes.read(self.repo, tip.tree, commit) for tip in tips])
        return merge.union(merge.lines(note), spooled.lines if spooled else [])

    def _run(self, commit: str, note: bytes, spooled: Spooled | None) -> Run:
        lines = merge.lines(note)
        if spooled:
            lines = [*lines, *spooled.ending(lines)]
        run = fold(lines, commit=commit, now=time.time_ns() // 1000)
        if spooled and run.ended is None:
            self._show_live(run, spooled)
        return run

    def _show_live(self, run: Run, spooled: Spooled) -> None:
        run.live = spooled.life is Life.LIVE
        counted = metrics.Fold()
        counted.lines(self.series(run))
        run.metrics = counted.summaries
        days = self.repo.config.size("exp.lostAfter", LOST_AFTER_DAYS)
        if spooled.life is Life.UNKNOWN and time.time() - spooled.touched > days * 86_400:
            run.status = "lost"


class Own:
    """The ids of the runs that were started here, as their file is whenever some are asked."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._text = b""
        self._every: frozenset[str] = frozenset()

    def among(self, run_ids: Sequence[str]) -> frozenset[str]:
        """Those of some runs that were started here."""
        self._read()
        if len(run_ids) > _FEW and not self._every:
            self._every = frozenset(self._text.decode(errors="replace").split())
        if self._every:
            return self._every.intersection(run_ids)
        # A few are looked for from the end, where the newest are: a set of all costs more.
        return frozenset(
            one for one in run_ids if _is_id(one) and self._text.rfind(one.encode()) >= 0
        )

    def _read(self) -> None:
        try:
            size = self._path.stat().st_size
            if size != len(self._text):
                self._text, self._every = self._path.read_bytes(), frozenset()
        except OSError:
            self._text, self._every = b"", frozenset()


class Spooled:
    """What a run's spool says, read while its journals were open."""

    def __init__(self, repo: Repo, folder: spool.Folder) -> None:
        self.commit = folder.writer.commit if folder.writer else ""
        self.life = folder.life
        self.touched = folder.touched
        self.lines = [
            line
            for found in folder.journals
            for line in found.lines()
            if not records.is_kind(line, b"track") and not spool.is_private(line)
        ]
        ended = any(records.is_kind(line, b"run_end") for line in self.lines)
        dead = self.life is Life.DEAD and not ended
        self._end = [seal.ending(repo, folder, self.lines)] if dead else []

    def ending(self, noted: Sequence[bytes]) -> list[bytes]:
        """The end that sealing will write for a dead run, unless it has one."""
        if any(records.is_kind(line, b"run_end") for line in noted):
            return []
        return self._end


def _ref_deletions(run: Run, before: ledger.Before) -> list[Change]:
    """What goes with a run: its ref and its data, not those of another that it claims to be."""
    names = (f"refs/runs/{run.id}", data.name(run.id))
    if not _is_id(run.id) or before.ref(names[0]) not in (None, run.commit):
        return []
    code, large = (before.ref(name) for name in names)
    if large and not data.stands_on(before.repo, large, run.commit):
        large = None
    found = zip(names, (code, large), strict=True)
    return [Change(name=name, new=None, old=oid) for name, oid in found if oid]


def _is_shown(note: bytes) -> bool:
    """Whether a note is that of a run, and not deleted: anybody may write notes on our ref."""
    return b'"event":"run_start"' in note and not merge.is_tombstone(note)


def _newest(notes: Mapping[str, bytes], limit: int | None) -> list[tuple[str, bytes]]:
    """The notes that begin latest: their first line has the earliest time, as text."""
    return sorted(notes.items(), key=lambda pair: _first_time(pair[1]), reverse=True)[:limit]


def _first_time(note: bytes) -> bytes:
    # Damaged lines may come before the first that is none.
    found = _FIRST.search(note)
    return found[1] if found else b""


def _is_id(text: str) -> bool:
    return values.is_run_id(text)
