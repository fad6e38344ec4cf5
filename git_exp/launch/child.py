"""A command from its start to its end, with the signals and the time limit between."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os

# `os.wait4` imports it at its first call, which a signal that comes just then would meet half done.
import resource  # noqa: F401
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec

from git_exp.launch import process
from git_exp.launch.family import Family
from git_exp.launch.output import OnMetric, Tail, Unread
from git_exp.launch.process import Command
from git_exp.launch.screen import Screen, at_keyboard

GRACE = 5.0  # seconds from SIGTERM to SIGKILL

_SHORTEST, _LONGEST = 0.001, 0.05
_MOMENT = 1.0  # seconds that a process may take to end when it is killed
_TYPED = (signal.SIGINT, signal.SIGQUIT)
_FORWARDED = (*_TYPED, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a command ended.

    `exit_code` as a shell has it: the command's own, 128+N for signal N, 124 when it ran out of
    time, 125 without its folder, 126 and 127 when it could not be started (`error` says why).
    Times in milliseconds; `max_rss` in bytes, of its largest process, 0 where it is not known.
    `unread` are METRIC lines of its output that say more than could be read.
    """

    exit_code: int
    signal: int | None = None
    wall_ms: float = 0.0
    cpu_ms: float = 0.0
    max_rss: int = 0
    timed_out: bool = False
    error: str | None = None
    unread: Unread = Unread()


def start(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    output: Path,
    terminal: bool = False,
    stdin: int = 0,
) -> Child:
    """Start a command whose output goes to the files `stdout` and `stderr` of a folder.

    `terminal` says that our own stdout is one. The command then has a pty, and both its streams
    are in `stdout`, unless our stderr is no terminal. From here on our signals are the command's,
    until `follow` or `close`.
    """
    child = Child(output)
    try:
        child.begin(Command(tuple(argv), cwd, env), stdin, terminal=terminal)
    except BaseException:
        child.close()
        raise
    return child


class Child:
    """A command that was started: its `pid`, or the `error` why it could not be."""

    def __init__(self, output: Path) -> None:
        self.pid: int | None = None
        self.error: str | None = None
        self._output = output
        self._files: list[Path] = []
        self._code = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._screen: Screen | None = None
        self._ended: _Ended | None = None
        self._began = 0.0
        self._deadline: float | None = None
        self._run: str | None = None
        self._family: Family | None = None
        self._timed_out = self._killed = self._hurried = False
        self._peak = self._floor = 0
        self._before: dict[int, Any] = {}
        self._early: list[int] = []
        self._wake: tuple[int, ...] = os.pipe()

    def begin(self, command: Command, stdin: int, *, terminal: bool) -> None:
        """Open the files, take over the signals, start the command: `start` calls this."""
        self._output.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as opened:
            out = self._open("stdout", opened)
            source, both = stdin, out
            if terminal:
                self._screen = Screen(stdin, out)
                both = self._screen.slave
                opened.callback(os.close, both)
                source = stdin if self._screen.keyboard is None else both
            err = both if terminal and os.isatty(2) else self._open("stderr", opened)
            self._listen()
            self._spawn(command, (source, both, err))

    def follow(
        self,
        *,
        stdout: BinaryIO,
        stderr: BinaryIO,
        on_metric: OnMetric | None = None,
        timeout: float | None = None,
        limit: int | None = None,
    ) -> Outcome:
        """Pass on what the command writes until it ends; `timeout` in seconds from its start.

        `limit` is how much of each file will be kept: the middle of one that grows far beyond it
        is given back to the disk. What `on_metric` raises ends the watch, not the command.
        """
        if timeout is not None:
            self._deadline = self._began + timeout
        with contextlib.ExitStack() as opened:
            opened.callback(self.close)
            gone = self._reader_gone
            tails = [
                opened.enter_context(
                    Tail(path, sink, on_gone=gone, on_metric=on_metric, limit=limit)
                )
                for path, sink in zip(self._files, (stdout, stderr), strict=False)
            ]
            self._watch(tails)
            if self._timed_out:
                self._outlast(tails)
            if self._screen:
                self._screen.finish()
            for tail in tails:
                tail.drain()
            unread = functools.reduce(Unread.and_then, (tail.unread for tail in tails), Unread())
        return msgspec.structs.replace(self._outcome(), unread=unread)

    def close(self) -> None:
        """Give back signals and terminal; the command goes on if it has not ended."""
        for number, before in self._before.items():
            signal.signal(number, before or signal.SIG_DFL)
        self._before.clear()
        if self._screen:
            self._screen.close()
            self._screen = None
        for end in self._wake:
            os.close(end)
        self._wake = ()
        if self._process and not self._ended:
            self._process.returncode = 0  # nobody waits for it any more, on purpose

    def _open(self, name: str, opened: contextlib.ExitStack) -> int:
        self._files.append(self._output / name)
        file = opened.enter_context(self._files[-1].open("ab", buffering=0)).fileno()
        # The command shares this lock: while it can write here, others can tell that it lives.
        fcntl.flock(file, fcntl.LOCK_SH)
        return file

    def _spawn(self, command: Command, streams: tuple[int, int, int]) -> None:
        self._began = time.monotonic()
        try:
            self._process = process.spawn(command, streams, terminal=self._screen is not None)
        except OSError as error:
            self._code, text = process.refusal(command, error)
            self.error = f"git exp run: {text}"
            return
        self.pid = self._process.pid
        self._run = command.env.get("GIT_EXP_RUN")
        for number in self._early:
            process.send([self.pid], number)
        self._floor = process.peak(os.getpid())

    def _listen(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        acts: dict[int, Any] = dict.fromkeys(_FORWARDED, self._forward)
        # A reader of ours that ends before the command must not end us.
        acts |= {signal.SIGCHLD: self._child, signal.SIGPIPE: signal.SIG_IGN}
        if self._screen:
            acts |= {signal.SIGWINCH: self._screen.resize, signal.SIGCONT: self._screen.continued}
        for number, act in acts.items():
            # What was ignored from the start (nohup) stays so, here and in the command.
            if number == signal.SIGCHLD or signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, act)

    def _forward(self, number: int, _frame: object) -> None:
        if self.pid is None:
            # It is about to start, or runs already while we have not heard of it.
            self._early.append(number)
            return
        if self._ended:
            self._hurried = True
            return
        with contextlib.suppress(OSError):
            if number not in _TYPED:
                os.kill(self.pid, number)
            elif self._screen:
                os.killpg(self._screen.owner(), number)
            elif not at_keyboard():  # else the command beside us has it already
                os.kill(self.pid, number)

    def _child(self, *_signal: object) -> None:
        # It may come between the end of wait4 in _watch and the note of what that found.
        with contextlib.suppress(ChildProcessError):
            self._collect()

    def _collect(self) -> None:
        """Note the end of the command, if it has ended."""
        if self._process is None or self._ended:
            return
        try:
            pid, status, usage = os.wait4(self._process.pid, os.WNOHANG)
        except ChildProcessError:
            if self._ended:  # the signal came before wait4
                return
            raise
        if pid:
            self._ended = _Ended(status, usage, time.monotonic())
            self._process.returncode = os.waitstatus_to_exitcode(status)
            os.write(self._wake[1], b".")

    def _watch(self, tails: Sequence[Tail]) -> None:
        pause = 0.0
        while self.pid is not None and not self._ended:
            typed = self._rest(pause, self.pid)
            moved = [tail.pass_on() for tail in tails]
            pause = 0.0 if typed or any(moved) else min(max(2 * pause, _SHORTEST), _LONGEST)
            self._peak = max(self._peak, process.peak(self.pid))
            self._expire(self.pid)
            self._collect()

    def _rest(self, pause: float, pid: int) -> bool:
        """Wait for the command's end or for what is typed; whether anything was."""
        keyboard = self._screen.source() if self._screen else None
        sources = [self._wake[0]] if keyboard is None else [self._wake[0], keyboard]
        ready = select.select(sources, [], [], pause)[0]
        if self._screen and keyboard in ready:
            self._screen.read()
        if self._screen and self._screen.send(pid):
            _suspend(pid, self._screen)
        return keyboard in ready

    def _expire(self, pid: int) -> None:
        now = time.monotonic()
        if self._ended or self._deadline is None or now < self._deadline:
            return
        self._killed = self._timed_out
        number = signal.SIGKILL if self._killed else signal.SIGTERM
        self._family = self._family or Family(pid, self._run)
        process.send(list(dict.fromkeys((pid, *self._family.there()))), number)
        self._timed_out = True
        self._deadline = now + GRACE

    def _outlast(self, tails: Sequence[Tail]) -> None:
        """The command has ended, out of time: what it started may use up its grace, then it ends.

        A signal that comes meanwhile is for nobody else, and ends the grace. What does not even end
        by SIGKILL, such as one that waits for a disk, is left after a moment.
        """
        family = self._family
        while family and family.there() and not self._killed:
            for tail in tails:
                tail.pass_on()
            time.sleep(_LONGEST)
            self._killed = self._hurried or time.monotonic() >= (self._deadline or 0)
        until = time.monotonic() + _MOMENT
        while family and (left := family.there()) and time.monotonic() < until:
            process.send(left, signal.SIGKILL)
            time.sleep(_SHORTEST)

    def _reader_gone(self) -> None:
        """Give those that write what their next write into a pipe would have given them."""
        if self.pid is not None and not self._ended:
            below = process.tree(self.pid)
            process.send([pid for pid in below if not below[pid]], signal.SIGPIPE)

    def _outcome(self) -> Outcome:
        if self._ended is None:
            return Outcome(exit_code=self._code, error=self.error)
        status, usage, at = self._ended
        code = os.waitstatus_to_exitcode(status)
        measured = usage.ru_maxrss * _RSS_UNIT
        # On Linux it includes the peak of whoever spawned it: near our own it says nothing.
        known = measured > self._floor + self._floor // 8
        return Outcome(
            exit_code=124 if self._timed_out else 128 - code if code < 0 else code,
            signal=-code if code < 0 else None,
            wall_ms=(at - self._began) * 1000,
            cpu_ms=(usage.ru_utime + usage.ru_stime) * 1000,
            max_rss=measured if known else self._peak,
            timed_out=self._timed_out,
        )


class _Ended(NamedTuple):
    status: int
    usage: Any
    at: float


def _suspend(pid: int, screen: Screen) -> None:
    """Stop the command, then the job that we are, as Ctrl-Z does without git-exp."""
    os.killpg(pid, signal.SIGSTOP)
    screen.restore()
    os.kill(0, signal.SIGTSTP)
    os.killpg(pid, signal.SIGCONT)
