"""The tasks of an experiment as runs: children of its run, on commits of the same tree."""

from __future__ import annotations

import enum
import os
from collections import deque
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from git_exp import endings, errors, records, seal, starting, values
from git_exp.git import objects, refs
from git_exp.recorder import Recorder
from git_exp.task import sibling
from git_exp.task.earlier import files_of
from git_exp.task.task import Task
from git_exp.task.work import Outcome

# What a list of runs can show; the whole config is among the experiment's objects.
_PARAMS = 200
_LONGEST = 1_000


class Child:
    """One task that is executed, as its run."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.run_id = recorder.run_id
        endings.watch(self)

    def end(self, outcome: Outcome) -> None:
        """The task is over; what was written is sealed together with its siblings."""
        if outcome.unrecorded:
            endings.say(f"run {self.run_id[:8]}: {outcome.unrecorded}")
        self._leave(outcome, returned=outcome.metrics)

    def seal(self) -> None:
        """Seal what has ended so far, if nobody else is at it."""
        try:
            seal.complete(self.recorder.repo, wait=0)
        except (errors.GitExpError, OSError):
            # All of it stays in the spool, for the end of the experiment.
            return

    def _end(
        self, status: str, exit_code: int | None = None, error: records.Error | None = None
    ) -> None:
        self._leave(Outcome(status=status, exit_code=exit_code, error=error))

    def _leave(self, outcome: Outcome, *, returned: Any = None) -> None:
        usage = {} if outcome.wall_ms is None else {"wall_ms": outcome.wall_ms}
        try:
            self.recorder.leave(
                outcome.status,
                exit_code=outcome.exit_code,
                error=outcome.error,
                usage=usage,
                returned=returned,
            )
        except errors.JournalFailed as failed:
            endings.say(f"the end of run {self.run_id[:8]} is lost: {failed}")
            self.recorder.close()
        endings.forget(self)


class Family:
    """Where the children of one run begin."""

    def __init__(self, parent: Recorder, start: records.RunStart) -> None:
        self._writer = objects.Writer(parent.repo)
        self._start = start
        told = start.process or records.Process(pid=os.getpid())
        where = parent.repo.top or parent.repo.git_dir
        self._caller = starting.Caller(
            argv=told.argv,
            cwd=where / (told.cwd or "."),
            executable=told.executable,
            python=told.python,
        )
        self._parent = parent
        self._commits: list[objects.Commit] = []

    def begin(self, task: Task, key: str) -> Child:
        """Begin the run of a task."""
        files = files_of(task, self._writer.repo.top)
        request = starting.Request(
            caller=self._caller,
            name=name_of(task),
            metadata={"task": {"class": type(task).__name__, "key": key, "files": files}},
            params=params_of(task),
            parent_run=self._parent.run_id,
            private=self._start.private,
        )
        started, commit = sibling.begin(self._writer, self._start, request)
        self._commits.append(commit)
        first = starting.writer(started.run.run_id, started.commit, owner=True, rank=0)
        return Child(Recorder(self._parent.repo, first, started.opened, start=started.run.t))

    def keep(self) -> None:
        """Write again what a gc took that had read the refs before those of the children."""
        with suppress(errors.GitExpError, OSError):
            sibling.restore(self._writer, self._commits)

    def tidy(self) -> None:
        """Pack the refs of the children, where many are loose."""
        with suppress(errors.GitExpError, OSError):
            refs.tidy(self._parent.repo, "refs/runs", "refs/exp")


def name_of(task: Task) -> str:
    """What the run of a task is called: its class, as a list shows its params beside it."""
    plain = " ".join(type(task).__name__.split()).lstrip("-@ ")
    return values.quoted(plain) or "task"


def params_of(task: Task) -> dict[str, Any]:
    """The params of a config as those of a run: flat names to scalars, as many as a list can use.

    A nested config has its params below its own name, one that is held twice below the first; a
    list is not told.
    """
    from git_exp.config import Config
    from git_exp.config.fields import declared

    found: dict[str, Any] = {}
    seen: set[int] = set()
    waiting: deque[tuple[str, Any]] = deque([("", task)])
    while waiting and len(found) < _PARAMS and len(seen) < _PARAMS:
        name, value = waiting.popleft()
        prefix = f"{name}." if name else ""
        if isinstance(value, Config | dict):
            if id(value) not in seen:
                inner = ((str(key), value[key]) for key in value) if isinstance(value, dict) else (
                    (one, value.__dict__[one]) for one in declared(type(value))
                )  # fmt: skip
                waiting += [(prefix + key, one) for key, one in islice(inner, _PARAMS)]
            seen.add(id(value))
        elif value is None or isinstance(value, bool | int | float | str | Path | enum.Enum):
            found[values.quoted(name[:_LONGEST])] = _scalar(value)
    return found


def _scalar(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, int) and value.bit_length() > values.INTEGER_BITS:
        return f"{value.bit_length()} bits"
    return str(value)[:_LONGEST] if isinstance(value, Path | str) else value
