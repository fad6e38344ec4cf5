"""`Experiment`, the public API: one run from start to end."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from git_exp import ambient, endings, errors, records

if TYPE_CHECKING:
    from git_exp.action.action import Action
    from git_exp.action.registering import Register
    from git_exp.git.repo import Repo
    from git_exp.recorder import Recorder
    from git_exp.starting import Caller, Request

RANKS = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK")
_said: set[str] = set()
_joined: set[tuple[int, str]] = set()


class _Ticket(NamedTuple):
    """What another process needs to know to write to a run."""

    run_id: str
    commit: str
    where: str
    rank: int


class Experiment:
    """A run: a snapshot of the worktree, and records that survive the process.

    ::

        with Experiment("baseline", metadata={"hparams": {"lr": 0.1}}) as exp:
            for step in range(5):
                exp.track({"step": step, "metrics": {"loss": 1.0 / (step + 1)}})

    Without `with`, the run ends when the interpreter does: finished, failed with the exception
    that was not handled or with the code it exits with, or interrupted by a signal. Of a bare
    `raise SystemExit(n)` under `python -m` or `python -c` Python tells nobody the code: the run is
    finished then, without an exit code.

    Parameters
    ----------
    name
        One line; a readable one is made up if it is left out.
    metadata
        Anything JSON can hold, recorded once. `hparams` and `params` inside it are params too. The
        name `git_exp`, alone or before a dot, is git exp's own.
    params
        Flat names to numbers, text, booleans.
    tags, group
        To find the run by: one line of text each.
    private
        The run never leaves this clone: no push sends it. So it is inside a private `git exp run`.
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

    Threads share an `Experiment`. A fork, and a process that gets it as a pickle, write to the
    same run, each to a journal of its own; only the process that began the run ends it.
    """

    def __init__(  # noqa: PLR0913 - all that can be said of a run
        self,
        name: str | None = None,
        metadata: Any = None,
        *,
        params: Mapping[str, Any] | None = None,
        tags: Iterable[str] = (),
        group: str | None = None,
        private: bool = False,
        repo: str | os.PathLike[str] | None = None,
    ) -> None:
        self._name = name
        self._recorder: Recorder | None = None
        self._ticket: _Ticket | None = None
        self._told: endings.Told | None = None
        self._register: Register | None = None
        self._start: records.RunStart | None = None
        env = os.environ
        if ambient.Inert.count:
            raise ambient.Inert
        if _is_silent(env):
            return
        from git_exp.starting import Request

        here = _here()
        request = Request(
            caller=_caller(here),
            name=name,
            metadata=metadata,
            params={} if params is None else params,
            tags=tags,
            group=group,
            private=private or env.get("GIT_EXP_PRIVATE") == "1",
        )
        recorder, run = _open(request, here / (repo or ""), env)
        self._name = run.name
        self._start = run
        self._begin(recorder)
        if recorder.owner:
            _tell_gaps(run)
        endings.watch(self)

    @property
    def run_id(self) -> str | None:
        """The run's id, None when nothing is recorded."""
        return self._ticket.run_id if self._ticket else None

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
        return self._ticket.commit if self._ticket else None

    def track(self, value: Any, note: str | None = None, *, step: float | None = None) -> None:
        """Record a value: a number, or a mapping whose numeric leaves are metrics.

        It survives `kill -9` when this returns. `step` is a number; without it a `step` in the
        value counts. Raises `Unencodable`, a `TypeError` that names the key, for what no record can
        hold, and `JournalFailed`, an `OSError`, on a full disk; nothing of the value is then kept
        and the run goes on. Raises `UsageError` after the end of the run.
        """
        if recorder := self._running():
            recorder.track(value, note, step=step)

    def note(self, text: str) -> None:
        """Add words to the run."""
        if recorder := self._running():
            if not isinstance(text, str):
                raise errors.Unencodable(f"a note is text, not {type(text).__name__}")
            recorder.record(lambda t: records.Note(t=t, text=text))

    def tag(self, *tags: str) -> None:
        """Add tags to the run: one line of text each."""
        if (recorder := self._running()) and tags:
            from git_exp import starting

            checked = starting.tags(tags)
            recorder.record(lambda t: records.Tag(t=t, tags=checked))

    def artifact(self, path: str | os.PathLike[str], name: str | None = None) -> None:
        """Keep a file with the run, as it is now, under its own name or another relative path.

        The last one of a name counts. One over `exp.maxArtifact` (10 MiB) is described and stays
        where it is. Raises `FileNotFoundError`, and `UsageError` for a name that git could not
        check out everywhere.
        """
        if recorder := self._running():
            source = Path(path)
            recorder.artifact(source, source.name if name is None else name)

    def add_action(self, action: Action) -> str:
        """Offer an action for this run, from now on and after its end; give its id.

        An equal one is the same action. Raises `BadConfig`, a `TypeError`, for what is no action or
        cannot be stored; nothing of it is then kept.
        """
        recorder = self._running()
        if recorder is None:
            from git_exp.action import registering

            return registering.identified(action)
        return self._registers(recorder).action(action)

    def _registers(self, recorder: Recorder) -> Register:
        if self._register is None:
            from git_exp.action.registering import Register

            self._register = Register(recorder)
        return self._register

    def checkpoint(self) -> None:
        """Seal what is recorded so far: it survives the machine when this returns.

        Where it cannot be sealed now this prints one line, and what is recorded survives the
        process alone. Raises `UsageError` after the end of the run.
        """
        if recorder := self._running():
            recorder.expect_running()
            endings.carefully(recorder.checkpoint, recorder.run_id)

    def finish(self, status: endings.Status = "finished") -> None:
        """End the run; a second call does nothing.

        What cannot be sealed now stays in the spool and is sealed by the next command: this
        prints one line then, and does not raise.
        """
        if self._recorder and status not in endings.STATUSES:
            raise errors.UsageError(
                f"unknown status '{status}'", hint=f"one of {', '.join(endings.STATUSES)}"
            )
        self._end(status)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end(*endings.told_by(error))

    def __repr__(self) -> str:
        if self._ticket is None:
            return f"<{type(self).__name__}: records nothing>"
        return f"<{type(self).__name__} {self._name!r} {self._ticket.run_id}>"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "track": None, "_recorder": None, "_register": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Write to the run from wherever this is unpickled, while it is running there."""
        del state["track"]
        self.__dict__.update(state)
        if self._ticket and not _is_off(os.environ):
            recorder = _attached(self._ticket, os.environ)
            if recorder:
                self._begin(recorder)

    def _begin(self, recorder: Recorder) -> None:
        self._recorder = recorder
        where = recorder.repo.top or recorder.repo.git_dir
        self._ticket = _Ticket(recorder.run_id, recorder.commit, str(where), recorder.rank)
        if type(self).track is Experiment.track:
            # One call less on the hot path: `track` is what callers see, and does the same.
            setattr(self, "track", recorder.track)  # noqa: B010

    def _running(self) -> Recorder | None:
        """The writer of this run, None if nothing is recorded."""
        if self._recorder is None and self._ticket and not _is_off(os.environ):
            raise errors.UsageError(
                f"run '{self._ticket.run_id}' is not running here",
                hint="a pickle of an Experiment is of use while its run goes on",
            )
        return self._recorder

    def _end(
        self, status: str, exit_code: int | None = None, error: records.Error | None = None
    ) -> None:
        recorder = self._recorder
        if recorder is None:
            return
        told = self._told = self._told or (status, exit_code, error)
        endings.carefully(
            lambda: recorder.finish(told[0], exit_code=told[1], error=told[2]), recorder.run_id
        )
        # Where not even the end could be written, the end of the process tries again.
        if recorder.ended:
            endings.forget(self)


def _is_off(env: Mapping[str, str]) -> bool:
    return env.get("GIT_EXP_DISABLED", "") not in ("", "0")


def _is_silent(env: Mapping[str, str]) -> bool:
    """Whether this process records nothing: switched off, or a rank of a job without its run."""
    if _is_off(env):
        return True
    if env.get("GIT_EXP_RUN") or _rank(env) == 0:
        return False
    _say_once("rank", f"rank {_rank(env)} records nothing: set GIT_EXP_RUN to join rank 0's run")
    return True


def _rank(env: Mapping[str, str]) -> int:
    for name in ("GIT_EXP_RANK", *RANKS):
        text = env.get(name, "")
        if text.isdecimal():
            return int(text)
    return 0


def _open(request: Request, cwd: Path, env: Mapping[str, str]) -> tuple[Recorder, records.RunStart]:
    from msgspec.structs import replace

    from git_exp import recorder
    from git_exp.git.repo import discover

    repo = discover(cwd, dict(env))
    run_id = ambient.within.get() or env.get("GIT_EXP_RUN")
    if not run_id:
        return _parents(repo, request) or recorder.begin(repo, request)
    if (os.getpid(), run_id) in _joined:
        return recorder.begin(repo, replace(request, parent_run=run_id))
    joined = recorder.join(repo, run_id, request, rank=_rank(env))
    if joined:
        _joined.add((os.getpid(), run_id))
        return joined
    _say_once("join", f"no run '{run_id[:80]}' is running here: this is a run of its own")
    return recorder.begin(repo, request)


def _parents(repo: Repo, request: Request) -> tuple[Recorder, records.RunStart] | None:
    """The parent's run, where multiprocessing imports the main module again in a child.

    An `Experiment` at the top of a script is one run, whichever way its children are started.
    """
    if not is_main_again():
        return None
    from git_exp import recorder

    run = recorder.of_ancestor(repo, request.name)
    attached = recorder.attach(repo, run.run_id, rank=0) if run else None
    return (attached, run) if attached and run else None


def is_main_again() -> bool:
    """Whether multiprocessing executes the program's main module once more, in a child."""
    frame = sys._getframe()
    while frame.f_back:
        frame = frame.f_back
        if frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") == "__mp_main__":
            return True
    return False


def _attached(ticket: _Ticket, env: Mapping[str, str]) -> Recorder | None:
    from git_exp import recorder
    from git_exp.git.repo import discover

    try:
        repo = discover(Path(ticket.where), dict(env))
        return recorder.attach(repo, ticket.run_id, rank=ticket.rank)
    except errors.GitExpError:
        # A pickle can be read wherever it is; who tracks is told that nobody records.
        return None


def _here() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise errors.RepositoryError(
            "cannot read the current folder: it does not exist any more",
            hint="start in a folder that exists",
        ) from None


def _caller(here: Path) -> Caller:
    from git_exp.starting import Caller

    return Caller(
        argv=list(getattr(sys, "orig_argv", sys.argv)),
        cwd=here,
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
