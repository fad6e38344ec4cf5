"""`Experiment`, the public API: one run from start to end."""

from __future__ import annotations

import dataclasses
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from git_exp import endings, errors, records

if TYPE_CHECKING:
    from git_exp.recorder import Recorder
    from git_exp.starting import Caller, Request

RANKS = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK")
_said: set[str] = set()
_joined: set[tuple[int, str]] = set()


class Experiment:
    """A run: a snapshot of the worktree, and records that survive the process.

    ::

        with Experiment("baseline", metadata={"hparams": {"lr": 0.1}}) as exp:
            for step in range(5):
                exp.track({"step": step, "metrics": {"loss": 1.0 / (step + 1)}})

    Without `with`, the run ends when the interpreter does: finished, failed with the exception
    that was not handled, or interrupted by a signal.

    Parameters
    ----------
    name
        One line; a readable one is made up if it is left out.
    metadata
        Anything JSON can hold, recorded once. `hparams` and `params` inside it are params too.
    params
        Flat names to numbers, text, booleans.
    tags, group
        To find the run by.
    repo
        A folder in the repository, the current one by default.

    Raises
    ------
    NotARepository
        Outside a repository, unless `GIT_EXP_DISABLED=1`, which makes every call a no-op.
    BadName, Unencodable
        For a blank name or what no record can hold; nothing has been written then.
    SnapshotFailed, RepositoryError, JournalFailed
        Where the code or the first record could not be kept.

    In a process that `git exp run` started, or with `GIT_EXP_RUN` in its environment, the first
    `Experiment` joins that run and later ones are its child runs. Without it a process whose
    `RANK`, `SLURM_PROCID` or `OMPI_COMM_WORLD_RANK` is above 0 records nothing.
    """

    def __init__(
        self,
        name: str | None = None,
        metadata: Any = None,
        *,
        params: Mapping[str, Any] | None = None,
        tags: Sequence[str] = (),
        group: str | None = None,
        repo: str | os.PathLike[str] | None = None,
    ) -> None:
        self._recorder: Recorder | None = None
        self._name: str | None = name
        env = os.environ
        if _is_silent(env):
            return
        from git_exp.starting import Request

        request = Request(
            caller=_caller(),
            name=name,
            metadata=metadata,
            params=params or {},
            tags=tags,
            group=group,
        )
        self._recorder, run = _open(request, Path(repo or Path.cwd()), env)
        self._name = run.name
        # One call less on the hot path: `track` below is what callers see, and does the same.
        setattr(self, "track", self._recorder.track)  # noqa: B010
        _tell_gaps(run)
        endings.watch(self)

    @property
    def run_id(self) -> str | None:
        """The run's id, None when nothing is recorded."""
        return self._recorder.run_id if self._recorder else None

    @property
    def name(self) -> str | None:
        """The run's name, as given or made up."""
        return self._name

    @property
    def path(self) -> Path | None:
        """The journal that this process writes; it goes when the run is sealed."""
        return self._recorder.journal.path if self._recorder else None

    @property
    def commit(self) -> str | None:
        """The commit that holds the code of this run."""
        return self._recorder.commit if self._recorder else None

    def track(self, value: Any, note: str | None = None, *, step: int | None = None) -> None:
        """Record a value: a number, or a mapping whose numeric leaves are metrics.

        It survives `kill -9` when this returns. Raises `Unencodable`, a `TypeError` that names
        the key, for what no record can hold, and `JournalFailed`, an `OSError`, on a full disk;
        nothing of the value is then kept and the run goes on.
        """
        if self._recorder:
            self._recorder.track(value, note, step=step)

    def note(self, text: str) -> None:
        """Add words to the run."""
        if self._recorder:
            if not isinstance(text, str):
                raise errors.Unencodable(f"a note is text, not {type(text).__name__}")
            self._recorder.record(lambda t: records.Note(t=t, text=text))

    def tag(self, *tags: str) -> None:
        """Add tags to the run."""
        if self._recorder and tags:
            from git_exp import starting

            checked = starting.tags(tags)
            self._recorder.record(lambda t: records.Tag(t=t, tags=checked))

    def artifact(self, path: str | os.PathLike[str], name: str | None = None) -> None:
        """Keep a file with the run, under its own name or another relative path.

        One over `exp.maxArtifact` (10 MiB) is described and stays where it is. Raises
        `FileNotFoundError`, and `UsageError` for a name that git could not check out everywhere.
        """
        if self._recorder:
            source = Path(path)
            self._recorder.artifact(source, name or source.name)

    def checkpoint(self) -> None:
        """Seal what is recorded so far: it survives the machine when this returns."""
        if self._recorder:
            endings.carefully(self._recorder.checkpoint, self._recorder.run_id)

    def finish(self, status: str = "finished") -> None:
        """End the run. `status` is finished, failed or interrupted; a second call does nothing.

        What cannot be sealed now stays in the spool and is sealed by the next command: this
        prints one line then, and does not raise.
        """
        if status not in endings.STATUSES:
            raise errors.UsageError(
                f"unknown status '{status}'", hint=f"one of {', '.join(endings.STATUSES)}"
            )
        self._end(status)

    def __enter__(self) -> Experiment:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end(*endings.told_by(error))

    def _end(
        self, status: str, exit_code: int | None = None, error: records.Error | None = None
    ) -> None:
        recorder = self._recorder
        if recorder is None:
            return
        endings.forget(self)
        endings.carefully(
            lambda: recorder.finish(status, exit_code=exit_code, error=error), recorder.run_id
        )


def _is_silent(env: Mapping[str, str]) -> bool:
    """Whether this process records nothing: switched off, or a rank of a job without its run."""
    if env.get("GIT_EXP_DISABLED", "") not in ("", "0"):
        return True
    if env.get("GIT_EXP_RUN") or _rank(env) == 0:
        return False
    _say_once("rank", f"rank {_rank(env)} records nothing: set GIT_EXP_RUN to join rank 0's run")
    return True


def _rank(env: Mapping[str, str]) -> int:
    for name in ("GIT_EXP_RANK", *RANKS):
        text = env.get(name, "")
        if text.isdigit():
            return int(text)
    return 0


def _open(request: Request, cwd: Path, env: Mapping[str, str]) -> tuple[Recorder, records.RunStart]:
    from git_exp import recorder
    from git_exp.git.repo import discover

    repo = discover(cwd, dict(env))
    run_id = env.get("GIT_EXP_RUN")
    if not run_id:
        return recorder.begin(repo, request)
    if (os.getpid(), run_id) in _joined:
        return recorder.begin(repo, dataclasses.replace(request, parent_run=run_id))
    joined = recorder.join(repo, run_id, request, rank=_rank(env))
    if joined:
        _joined.add((os.getpid(), run_id))
        return joined
    _say_once("join", f"no run '{run_id[:80]}' is running here: this is a run of its own")
    return recorder.begin(repo, request)


def _caller() -> Caller:
    from git_exp.starting import Caller

    return Caller(
        argv=list(getattr(sys, "orig_argv", sys.argv)),
        cwd=Path.cwd(),
        executable=sys.executable or None,
        python=platform.python_version(),
    )


def _tell_gaps(run: records.RunStart) -> None:
    from git_exp import starting

    for line in starting.gaps(run):
        endings.say(line)


def _say_once(key: str, text: str) -> None:
    if key not in _said:
        _said.add(key)
        endings.say(text)
