"""A command recorded as a run: its snapshot before, its output and metrics during, its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from git_exp import data, endings, errors, protect, recorder, records, spool
from git_exp.git.repo import Repo
from git_exp.launch import crash
from git_exp.launch.child import Child, Outcome, start
from git_exp.launch.family import OUTER
from git_exp.protect import Guard, Taint
from git_exp.recorder import Recorder
from git_exp.starting import Request

# The type of the error of a command that did not even begin.
NOT_STARTED = "LaunchError"
_INTERRUPTS = (2, 15, 1)


class Streams(msgspec.Struct, frozen=True, kw_only=True):
    """Where the command's output goes; `terminal` says that stdout is one."""

    stdout: BinaryIO
    stderr: BinaryIO
    terminal: bool = False


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How a command is run: with these notes, `timeout` seconds at most, under a guard."""

    notes: Sequence[str] = ()
    timeout: float | None = None
    guard: Guard | None = None


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """A run that is over: how its command ended, and the metrics that were counted.

    `tainted` says why it counts for nothing, `last` are the last lines that a command which failed
    has written.
    """

    run: records.RunStart
    status: str
    outcome: Outcome
    metrics: Mapping[str, records.Summary]
    error: records.Error | None = None
    tainted: Taint | None = None
    last: Sequence[str] = ()


_PLAINLY = Manner()


def run(
    repo: Repo,
    request: Request,
    streams: Streams,
    *,
    env: Mapping[str, str],
    manner: Manner = _PLAINLY,
    begun: Callable[[records.RunStart], None],
) -> Recorded:
    """Run `request.caller.argv` as a run of its own: no snapshot, no command.

    `begun` is told of the run before its command starts. The command gets `GIT_EXP_RUN`, by which
    its own `Experiment` joins the run.
    """
    writer, started = recorder.begin(repo, request)
    try:
        begun(started)
        for text in manner.notes:
            writer.record(lambda t, text=text: records.Note(t=t, text=text))  # type: ignore[misc]
        check = _Check(writer, started, manner.guard)
        inside = {**env, "GIT_EXP_RUN": writer.run_id}
        if started.private:
            # What it starts beside its own run is not for others either.
            inside["GIT_EXP_PRIVATE"] = "1"
        if request.parent_run:
            # It ends with each of those, if their time is over.
            inside[OUTER] = f"{env.get(OUTER, '')} {request.parent_run}".lstrip()
        outcome = _watched(writer, request, streams, env=inside, timeout=manner.timeout)
        check.after()
    except BaseException as error:
        status, code, told = endings.told_by(error)
        _ended(writer, status, Outcome(exit_code=code or 0), error=told)
        raise
    status, why = _status(outcome), _error(writer, outcome, manner)
    last = crash.last(writer.folder / "output") if outcome.exit_code else []
    counted = _ended(writer, status, outcome, error=why)
    return Recorded(
        run=started,
        status=status,
        outcome=outcome,
        metrics=counted,
        error=why,
        tainted=check.taint,
        last=last,
    )


class _Check:
    """The protected files of a run, looked at before its command and after it."""

    def __init__(self, writer: Recorder, started: records.RunStart, guard: Guard | None) -> None:
        self.taint: Taint | None = None
        self._writer = writer
        self._guard = guard
        if guard:
            snapshot = started.git.commit if started.git else None
            self._seen, found = guard.before(writer.repo, snapshot)
            self._mark(found)

    def after(self) -> None:
        if self._guard and not self.taint:
            self._mark(self._guard.after(self._writer.repo, self._seen))

    def _mark(self, found: Taint | None) -> None:
        self.taint = found
        if found:
            protect.taint(self._writer, found)


def _error(writer: Recorder, outcome: Outcome, manner: Manner) -> records.Error | None:
    """What ended a command that failed, as far as is known."""
    if outcome.error:
        return records.Error(type=NOT_STARTED, message=outcome.error)
    if outcome.timed_out:
        return records.Error(type="TimeoutExpired", message=f"after {manner.timeout:g} s")
    return crash.told_in(writer.folder / "output", outcome.exit_code)


def _watched(
    writer: Recorder,
    request: Request,
    streams: Streams,
    *,
    env: Mapping[str, str],
    timeout: float | None,
) -> Outcome:
    child = start(
        request.caller.argv,
        cwd=Path(request.caller.cwd),
        env=env,
        output=writer.folder / "output",
        terminal=streams.terminal,
    )
    try:
        _note_child(writer, child)
    except BaseException:
        child.close()
        raise
    return child.follow(
        stdout=streams.stdout,
        stderr=streams.stderr,
        on_metric=_Tracked(writer).track,
        timeout=timeout,
        limit=writer.repo.config.size("exp.maxOutput", data.MAX_OUTPUT),
    )


class _Tracked:
    """The metrics that a command prints, tracked; a full disk does not end the watch."""

    def __init__(self, writer: Recorder) -> None:
        self._writer = writer
        self._told = False

    def track(self, values: Mapping[str, int | float], step: int | None) -> None:
        try:
            self._writer.track(values, step=step)
        except errors.JournalFailed as error:
            if not self._told:
                endings.say(f"metrics are lost: {error}")
            self._told = True


def _note_child(writer: Recorder, child: Child) -> None:
    """While this process lives, the run does, though its launcher be killed."""
    pid = child.pid
    if pid is not None:
        writer.record(lambda t: records.Child(t=t, pid=pid, born=spool.born(pid)))


def _ended(
    writer: Recorder, status: str, outcome: Outcome, *, error: records.Error | None
) -> Mapping[str, records.Summary]:
    usage = {"wall_ms": outcome.wall_ms, "cpu_ms": outcome.cpu_ms, "max_rss": outcome.max_rss}
    endings.carefully(
        lambda: writer.finish(status, exit_code=outcome.exit_code, error=error, usage=usage),
        writer.run_id,
    )
    return writer.metrics


def _status(outcome: Outcome) -> str:
    if outcome.timed_out:
        return "failed"
    if outcome.signal in _INTERRUPTS or outcome.exit_code == 130:
        return "interrupted"
    return "failed" if outcome.exit_code else "finished"
