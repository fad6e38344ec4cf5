"""One running run as one process writes it: its records, its checkpoints, its end."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from git_exp import (
    data,
    distributions,
    errors,
    journal,
    metrics,
    records,
    seal,
    spool,
    starting,
    values,
)
from git_exp.git import paths
from git_exp.git.repo import Repo
from git_exp.journal import Journal
from git_exp.seal import Report

MAX_ARTIFACT = 10 << 20


class Recorder:
    """The writer of one run in one process; threads share it, a fork gets a journal of its own."""

    def __init__(
        self, repo: Repo, writer: records.Writer, opened: journal.Opened, *, start: str
    ) -> None:
        self.repo = repo
        self.run_id = writer.run_id
        self.commit = writer.commit
        self.rank = writer.rank
        self.owner = writer.owner
        self.ended = False
        self.folder = opened[0].parent
        self.journal = Journal(opened, start=start, rank=writer.rank, renew=self._renewed)
        self.track = self.journal.track
        self.record = self.journal.record
        self._lock = threading.RLock()
        self._tally = _Tally(self.folder)
        self._artifacts: set[str] = set()
        _ALL.add(self)

    @property
    def metrics(self) -> dict[str, records.Summary]:
        """What was counted at the last checkpoint or at the end."""
        return self._tally.fold.summaries

    def artifact(self, source: Path, name: str) -> None:
        """Keep a copy of a file under a name; one over `exp.maxArtifact` is only described.

        Raises `UsageError` for a name that cannot be beside the others, or after the end.
        """
        self.expect_running()
        self._expect_room(paths.checked(name))
        # Without a journal a fork might see its run sealed, and this copy gone, before the record.
        self.journal.open()
        limit = self.repo.config.size("exp.maxArtifact", MAX_ARTIFACT)
        stored = source.stat().st_size <= limit
        size, digest = _copied(source, self.folder / "artifacts") if stored else _measured(source)
        uri = None if stored else source.absolute().as_uri()
        self.record(
            lambda t: records.Artifact(
                t=t, path=name, size=size, sha256=digest, stored=stored, uri=uri
            )
        )
        self._artifacts.add(name)

    def keep_objects(self, lines: bytes) -> None:
        """Keep objects of the run, whole lines: all of them or, on a full disk, none."""
        self.expect_running()
        # Without a journal a fork might see its run sealed, and these gone.
        self.journal.open()
        path = self.folder / data.WAITING
        try:
            fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o666)
        except OSError as error:
            raise journal.refused(path, error) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            size = os.fstat(fd).st_size
            if size and os.pread(fd, 1, size - 1) != b"\n":
                # Whoever wrote before was killed in the middle of a line, and holds no lock now.
                os.ftruncate(fd, path.read_bytes().rfind(b"\n") + 1)
            journal.append(fd, path, lines)
        finally:
            os.close(fd)

    def environment(self, packages: bytes) -> None:
        """Record what is installed here, and the GPUs."""
        (self.folder / "packages.txt").write_bytes(packages)
        digest = hashlib.sha256(packages).hexdigest()
        self.record(lambda t: records.Env(t=t, gpus=distributions.gpus(), packages=digest))

    def checkpoint(self) -> Report:
        """Seal what is there so far: it survives the machine when this returns."""
        with self._lock:
            fold = self._tally.read()
            self.record(lambda t: records.Progress(t=t, metrics=fold.summaries))
        return seal.so_far(self.repo, [self.run_id])

    def finish(
        self,
        status: str,
        *,
        exit_code: int | None = None,
        error: records.Error | None = None,
        usage: dict[str, Any] | None = None,
    ) -> Report:
        """End the run, if it is this process's to end, and seal it; a second time does nothing.

        Raises `StoreBusy` and other errors of the store: the spool then stays, and is sealed by
        the next command.
        """
        with self._lock:
            if self.ended:
                return Report()
            # Where this cannot be written the run has not ended: it can be tried again.
            if self.owner:
                self._end(status, exit_code, error=error, usage=usage or {})
            self.close()
        report = seal.complete(self.repo, mine=self.run_id)
        if self.repo.config.flag("exp.summaryNotes"):
            from git_exp import summary

            summary.keep(self.repo)
        return report

    def leave(
        self,
        status: str,
        *,
        exit_code: int | None = None,
        error: records.Error | None = None,
        usage: dict[str, Any] | None = None,
        returned: Any = None,
    ) -> None:
        """End the run, and leave it to whoever seals next: its siblings are sealed with it.

        What was `returned` counts as the last value that was tracked. Raises `Unencodable`.
        """
        with self._lock:
            if not self.ended:
                if returned is not None:
                    elapsed = self.journal.elapsed()
                    last = records.Track(t=records.stamp(0), elapsed_ms=elapsed, value=returned)
                    self._tally.read().lines([records.line(last)[:-1]])
                self._end(status, exit_code, error=error, usage=usage or {})
                self.close()

    def expect_running(self) -> None:
        """Raise `UsageError` if this process has ended the run."""
        if self.ended:
            raise errors.UsageError(
                f"run '{self.run_id}' has ended", hint="begin another one: Experiment()"
            )

    def close(self) -> None:
        """Stop writing here; what was written stays."""
        self.ended = True
        self.journal.close()
        _ALL.discard(self)

    def forked(self) -> None:
        """In a fork: own nothing, and let go of the parent's journal."""
        self._lock = threading.RLock()
        self.owner = False
        self.journal.forked()

    def _end(
        self,
        status: str,
        exit_code: int | None,
        *,
        error: records.Error | None,
        usage: dict[str, Any],
    ) -> None:
        fold = self._tally.read()
        lasted = self.journal.elapsed()
        self.record(
            lambda t: records.RunEnd(
                t=t,
                status=status,
                exit_code=exit_code,
                error=error,
                duration_ms=lasted,
                metrics=fold.summaries,
                metrics_left_out=len(fold.left_out),
                usage=usage,
            )
        )

    def _expect_room(self, name: str) -> None:
        """A file and a folder of one name cannot be in one tree."""
        for other in self._artifacts:
            if name.startswith(f"{other}/") or other.startswith(f"{name}/"):
                raise errors.UsageError(
                    f"bad path '{name}': the artifact '{other}' cannot be a folder too"
                )

    def _renewed(self) -> journal.Opened:
        """A fork's own file, at its first use."""
        self.expect_running()
        first = starting.writer(self.run_id, self.commit, owner=False, rank=self.rank)
        return journal.create(self.folder, first)


def begin(repo: Repo, request: starting.Request) -> tuple[Recorder, records.RunStart]:
    """Begin a run of this process's own."""
    started = starting.begin(repo, request)
    writer = starting.writer(started.run.run_id, started.commit, owner=True, rank=0)
    recorder = Recorder(repo, writer, started.opened, start=started.run.t)
    try:
        recorder.environment(started.packages)
    except OSError as error:
        # The disk is full: whoever gets this error has no run to end.
        recorder.close()
        if isinstance(error, errors.GitExpError):
            raise
        raise journal.refused(recorder.folder / "packages.txt", error) from error
    return recorder, started.run


def join(
    repo: Repo, run_id: str, request: starting.Request, *, rank: int
) -> tuple[Recorder, records.RunStart] | None:
    """Join a run that is running in this repository; None where there is none of that id."""
    start = _running(repo, run_id)
    if start is None or start.git is None:
        return None
    described = starting.checked(repo, request, run_id)
    folder = seal.spools(repo) / run_id
    writer = starting.writer(run_id, start.git.commit, owner=False, rank=rank)
    event = records.Join(
        t=writer.t,
        name=request.name,
        metadata=described.metadata,
        params=described.params,
        tags=described.tags,
        group=described.group,
        process=described.process,
        rank=rank,
    )
    opened = journal.create(folder, writer, records.line(event))
    return Recorder(repo, writer, opened, start=start.t), start


def attach(repo: Repo, run_id: str, *, rank: int) -> Recorder | None:
    """Write to a run that goes on, as a fork of its owner would; None where there is none."""
    known = next((one for one in _ALL if one.run_id == run_id), None)
    start = None if known else _running(repo, run_id)
    if start is None or start.git is None:
        return known
    writer = starting.writer(run_id, start.git.commit, owner=False, rank=rank)
    opened = journal.create(seal.spools(repo) / run_id, writer)
    return Recorder(repo, writer, opened, start=start.t)


def of_ancestor(repo: Repo, name: str | None) -> records.RunStart | None:
    """The running run of the process that started this one, of that name if one is given.

    None where there are several.
    """
    root, here, above = seal.spools(repo), spool.here(), _ancestors()
    found: list[records.RunStart] = []
    for run_id in spool.run_ids(root):
        with spool.look(root, run_id) as folder:
            writer = folder.writer
        if writer and writer.owner and writer.boot == here.boot and writer.pid in above:
            start = _running(repo, run_id)
            if start and name in (None, start.name):
                found.append(start)
    return found[0] if len(found) == 1 else None


def _ancestors() -> tuple[int, ...]:
    """The parent, and where the system tells it the parent's own: a server may stand between."""
    parent = os.getppid()
    try:
        stat = Path(f"/proc/{parent}/stat").read_text()
    except OSError:
        return (parent,)
    return parent, int(stat.rpartition(")")[2].split()[1])


def _running(repo: Repo, run_id: str) -> records.RunStart | None:
    """The first record of a run whose owner lives, None for any other id."""
    if not values.is_run_id(run_id):
        return None
    with spool.look(seal.spools(repo), run_id) as folder:
        if folder.life is spool.Life.DEAD:
            return None
        for found in folder.journals:
            for line in found.lines():
                event = records.parse(line) if records.is_kind(line, b"run_start") else None
                if isinstance(event, records.RunStart):
                    return event
    return None


class _Tally:
    """The metrics of a run so far, of everybody's journals: each line is read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, int] = {}
        self.fold = metrics.Fold()

    def read(self) -> metrics.Fold:
        fresh = [line for path in self._folder.glob("*.jsonl") for line in self._new(path)]
        self.fold.lines(sorted(fresh))
        return self.fold

    def _new(self, path: Path) -> Sequence[bytes]:
        with path.open("rb") as file:
            file.seek(self._read.get(path.name, 0))
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read[path.name] = self._read.get(path.name, 0) + len(whole)
        return [line for line in whole.split(b"\n") if records.is_kind(line, b"track")]


def _copied(source: Path, folder: Path) -> tuple[int, str]:
    """Copy a file, to be there whole or not at all, under the SHA-256 of what was copied."""
    folder.mkdir(parents=True, exist_ok=True)
    half = folder / f"{os.getpid()}.{threading.get_ident()}.new"
    try:
        shutil.copyfile(source, half)
        size, digest = _measured(half)
        half.rename(folder / digest)
    finally:
        half.unlink(missing_ok=True)
    return size, digest


def _measured(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest


_ALL: weakref.WeakSet[Recorder] = weakref.WeakSet()


def _after_fork() -> None:
    for recorder in list(_ALL):
        recorder.forked()


os.register_at_fork(after_in_child=_after_fork)
