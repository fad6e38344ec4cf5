"""Records as git objects: every run of a repository, sealed or still in the spool."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from git_exp import data, errors, ledger, locks, merge, metrics, records, seal, spool, values
from git_exp.git import notes, objects, refs
from git_exp.git.refs import Change
from git_exp.git.repo import Repo, discover
from git_exp.run import Run, fold
from git_exp.spool import Life

LOST_AFTER_DAYS = 7


class Store:
    """The runs of one repository. Reading changes nothing; what is read is as of now."""

    def __init__(self, repo: Repo) -> None:
        self.repo = repo

    @classmethod
    def open(cls, cwd: Path, env: Mapping[str, str]) -> Store:
        """The store of the repository that git finds from a folder."""
        return cls(discover(cwd, env))

    @cached_property
    def own(self) -> frozenset[str]:
        """The ids of the runs that were started here."""
        try:
            return frozenset((self.repo.home / "local").read_text().split())
        except FileNotFoundError:
            return frozenset()

    def runs(self, limit: int | None = None) -> list[Run]:
        """Every run that is not deleted, newest first; `limit` folds no more than that many."""
        sealed = self._sealed()
        unsealed = self._unsealed()
        for commit, spooled in unsealed.items():
            sealed[commit] = merge.union(merge.lines(sealed.get(commit, b"")), spooled.lines)
        found = [
            self._run(commit, note, unsealed.get(commit)) for commit, note in _newest(sealed, limit)
        ]
        return sorted(found, key=lambda run: (run.started, run.id), reverse=True)

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
        note = notes.read(self.repo, notes.tip(self.repo).tree, commit)
        lines = merge.union(merge.lines(note), spooled.lines if spooled else [])
        if not lines or merge.is_tombstone(lines):
            return None
        return self._run(commit, lines, spooled)

    def lines(self, run: Run) -> list[bytes]:
        """The records of a run, all but `track`, sorted, without line feeds."""
        note = notes.read(self.repo, notes.tip(self.repo).tree, run.commit)
        spooled = self._unsealed().get(run.commit)
        return merge.lines(merge.union(merge.lines(note), spooled.lines if spooled else []))

    def series(self, run: Run) -> Iterator[bytes]:
        """The `track` lines of a run, sealed and not; sorted within a journal, not between."""
        with spool.look(seal.spools(self.repo), run.id) as folder:
            stems = {found.stem for found in folder.journals}
            yield from data.series(self.repo, run.id, but=stems)
            for found in folder.journals:
                yield from (line for line in found.lines() if records.is_kind(line, b"track"))

    def file(self, run: Run, path: str) -> bytes | None:
        """A file of a run's data: `output/stdout`, `packages.txt`, `artifacts/…`."""
        waiting = seal.spools(self.repo) / run.id / path
        if path in (*data.OUTPUTS, "packages.txt") and waiting.is_file():
            return spool.head_and_tail(waiting, data.MAX_OUTPUT)
        return data.file(self.repo, run.id, path)

    def add(self, run: Run, make: Callable[[str], records.Event]) -> None:
        """Add one record to a run; `make` gets its time, later than all that the note has."""

        def plan(_: objects.Writer, tip: notes.Tip) -> ledger.Plan:
            there = merge.lines(notes.read(self.repo, tip.tree, run.commit))
            event = make(records.later(time.time_ns() // 1000, _newest_time(there)))
            line = records.line(event)[:-1]
            subject = f"exp: {records.kind(event)} {run.id[:8]}"
            return ledger.Plan(subject=subject, lines={run.commit: [line]})

        with locks.held(self.repo) as lock:
            ledger.write(self.repo, lock or -1, plan)

    def remove(self, runs: Sequence[Run], *, reason: str | None = None) -> None:
        """Delete runs: a tombstone in each note, and their refs go.

        Raises `Refused` for a run that is still running; nothing is then deleted.
        """
        for run in runs:
            if run.live:
                raise errors.Refused(f"run '{run.id}' is still running", hint="stop it first")
        by = objects.ident(self.repo, time.time())

        def plan(_: objects.Writer, tip: notes.Tip) -> ledger.Plan:
            now = time.time_ns() // 1000
            stones = {
                run.commit: [_tombstone(self.repo, tip, run, by.name, reason, now)] for run in runs
            }
            return ledger.Plan(
                subject=f"exp: delete {len(runs)} run{'s' * (len(runs) != 1)}",
                lines=stones,
                changes=[change for run in runs for change in self._ref_deletions(run)],
            )

        with locks.held(self.repo) as lock:
            ledger.write(self.repo, lock or -1, plan)

    def recover(self) -> seal.Report:
        """Seal what dead processes left, if nobody else is at it and this may write here."""
        try:
            return seal.complete(self.repo, wait=0)
        except (errors.GitExpError, OSError):
            return seal.Report()

    def _ref_deletions(self, run: Run) -> list[Change]:
        names = (f"refs/runs/{run.id}", data.name(run.id))
        found = ((name, refs.resolve(self.repo, name)) for name in names)
        return [Change(name=name, new=None, old=oid) for name, oid in found if oid]

    def _sealed(self) -> dict[str, bytes]:
        tip = notes.tip(self.repo)
        found: dict[str, bytes] = {}
        for commit, blob in notes.listing(self.repo, tip.tree):
            text = objects.blob(self.repo, blob)
            found[commit] = found[commit] + b"\n" + text if commit in found else text
        return {commit: note for commit, note in found.items() if not merge.is_tombstone(note)}

    def _unsealed(self) -> dict[str, _Spooled]:
        root = seal.spools(self.repo)
        found: dict[str, _Spooled] = {}
        for run_id in spool.run_ids(root):
            with spool.look(root, run_id) as folder:
                if folder.writer:
                    found[folder.writer.commit] = _Spooled(self.repo, folder)
        return found

    def _run(self, commit: str, note: bytes, spooled: _Spooled | None) -> Run:
        lines = merge.lines(note)
        if spooled:
            lines = [*lines, *spooled.ending(lines)]
        run = fold(lines, commit=commit)
        run.own = run.id in self.own
        if spooled and run.ended is None:
            self._show_live(run, spooled)
        return run

    def _show_live(self, run: Run, spooled: _Spooled) -> None:
        run.live = spooled.life is Life.LIVE
        counted = metrics.Fold()
        counted.lines(self.series(run))
        run.metrics = counted.summaries
        days = self.repo.config.size("exp.lostAfter", LOST_AFTER_DAYS)
        if spooled.life is Life.UNKNOWN and time.time() - spooled.touched > days * 86_400:
            run.status = "lost"


class _Spooled:
    """What a run's spool says, read while its journals were open."""

    def __init__(self, repo: Repo, folder: spool.Folder) -> None:
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


def _newest(notes: Mapping[str, bytes], limit: int | None) -> list[tuple[str, bytes]]:
    """The notes that begin latest: their first line has the earliest time, as text."""
    pairs = sorted(notes.items(), key=lambda pair: pair[1][6:33], reverse=True)
    return pairs[:limit]


def _newest_time(lines: Sequence[bytes]) -> str | None:
    times = (line[6:33].decode("ascii", "replace") for line in lines)
    ahead = records.stamp(time.time_ns() // 1000 + records.DAY)
    return max((t for t in times if records.valid_time(t) and t < ahead), default=None)


def _is_id(text: str) -> bool:
    return values.is_run_id(text)


def _tombstone(
    repo: Repo, tip: notes.Tip, run: Run, by: str, reason: str | None, now: int
) -> bytes:
    newest = _newest_time(merge.lines(notes.read(repo, tip.tree, run.commit)))
    t = records.later(now, newest)
    return records.line(records.Deleted(t=t, by=by, reason=reason))[:-1]
