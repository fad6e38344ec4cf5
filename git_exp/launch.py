"""A command run under watch: its output goes to files that are passed on as they grow.

Killing git-exp does not kill the command, and the files go on being written. Without a terminal
the command writes to them itself; with one it writes to a pty, whose master is also held by a
small keeper process that copies it to the file.
"""

from __future__ import annotations

import contextlib
import fcntl
import marshal
import os
import re
import select
import signal
import subprocess
import sys
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

GRACE = 5.0  # seconds from SIGTERM to SIGKILL
CHUNK = 1 << 18
LONGEST_LINE = 1 << 16
NEAR = 1 << 12  # how far a cut moves to fall on the end of a line

_SHORTEST, _LONGEST = 0.001, 0.05
_KEEPER_WAIT = 10.0
_TYPED = (signal.SIGINT, signal.SIGQUIT)
_FORWARDED = (*_TYPED, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_ESCAPE = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
_KEEPER = (
    "import marshal, sys; code, given = marshal.load(sys.stdin.buffer);"
    " type(lambda: 0)(code, globals())(*given)"
)

Metrics = dict[str, int | float]
OnMetric = Callable[[Metrics, int | None], None]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a command ended.

    `exit_code` as a shell has it: the command's own, 128+N for signal N, 124 when it ran out of
    time, 125 without its folder, 126 and 127 when it could not be started (`error` says why).
    Times in milliseconds; `max_rss` in bytes, of its largest process, 0 where it is not known.
    """

    exit_code: int
    signal: int | None = None
    wall_ms: float = 0.0
    cpu_ms: float = 0.0
    max_rss: int = 0
    timed_out: bool = False
    error: str | None = None


def start(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    output: Path,
    terminal: bool = False,
    stdin: int = 0,
) -> Child:
    """Start a command whose output goes to the files `stdout` and `stderr` in a folder.

    `terminal` says that our own stdout is one: the command then gets a pty, and what it writes
    there is in `stdout`. From now on signals are the command's; `follow` or `close` gives them back.
    """
    return Child(_Command(tuple(argv), cwd, env), output, stdin=stdin, terminal=terminal)


def metric_line(line: bytes) -> tuple[Metrics, int | None] | None:
    """The values and the step of a line `METRIC name=value [name=value…] [step=N]`.

    None for any other line; what is no `name=number` is passed over.
    """
    text = _ESCAPE.sub(b"", line)
    if not text.startswith(b"METRIC ") or not _is_text(text):
        return None
    values: Metrics = {}
    step = None
    for word in text.decode().split()[1:]:
        name, _, written = word.partition("=")
        value = _number(written)
        if value is None or not name.isprintable():
            continue
        if name == "step":
            step = int(value) if float(value).is_integer() else step
        elif name:
            values[name] = value
    return (values, step) if values else None


def trimmed(path: Path, limit: int) -> Iterator[bytes]:
    """The output that is kept of a file, in pieces: all of it, or its head and tail.

    About `limit` bytes in all, cut at line ends where one is near, with a line between that says
    how many bytes are left out.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size <= limit:
            yield from _pieces(file, 0, size)
            return
        head, feed = _head(file, limit // 2)
        tail = _tail(file, size - (limit - limit // 2), size)
        yield from _pieces(file, 0, head)
        yield f"{feed}… {tail - head} bytes left out …\n".encode()
        yield from _pieces(file, tail, size)


def keep(master: int, target: int, lifeline: int, keyboard: int | None, cooked: list[Any]) -> None:
    """Copy what is written to a pty into a file until nobody can write to it any more.

    Runs in a bare interpreter that holds nothing else, hence its own imports. The lifeline ends
    with git-exp: if that was killed, the user's terminal is still raw, and is put right here.
    """
    import os
    import select
    import termios

    watched = [master, lifeline]
    while True:
        ready = select.select(watched, [], [])[0]
        if lifeline in ready:
            watched.remove(lifeline)
            try:
                # A shell that was quicker has modes of its own there, and no raw output.
                if keyboard is not None and not termios.tcgetattr(keyboard)[1] & termios.OPOST:
                    termios.tcsetattr(keyboard, termios.TCSANOW, cooked)
            except termios.error:
                keyboard = None
            if keyboard is not None:
                os.close(keyboard)
        if master in ready:
            try:
                data = os.read(master, 1 << 16)
            except BlockingIOError:
                continue
            except OSError:
                return
            if not data:
                return
            try:
                while data:
                    data = data[os.write(target, data) :]
            except OSError:
                data = b""  # a full disk costs output, it does not stop the command


class Child:
    """A command that was started: `pid`, or the `error` why it could not be."""

    def __init__(
        self, command: _Command, output: Path, *, stdin: int = 0, terminal: bool = False
    ) -> None:
        self.pid: int | None = None
        self.error: str | None = None
        self._files = [output / "stdout"]
        self._screen: _Screen | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._code = 0
        self._ended: _Ended | None = None
        self._peak = self._floor = 0
        self._deadline: float | None = None
        self._timed_out = False
        self._before: dict[int, Any] = {}
        self._wake = os.pipe()
        output.mkdir(parents=True, exist_ok=True)
        try:
            self._open(command, stdin, terminal)
        except BaseException:
            self.close()
            raise

    def follow(
        self,
        *,
        stdout: BinaryIO,
        stderr: BinaryIO,
        on_metric: OnMetric | None = None,
        timeout: float | None = None,
        limit: int | None = None,
    ) -> Outcome:
        """Pass on what the command writes until it ends, `timeout` seconds after its start at last.

        `limit` is how much of each file will be kept: the middle of one that grows far beyond it
        is given back to the disk. What `on_metric` raises ends the watch, not the command.
        """
        if timeout is not None:
            self._deadline = self._began + timeout
        with contextlib.ExitStack() as opened:
            opened.callback(self.close)
            tails = [
                opened.enter_context(
                    _Tail(path, sink, self._reader_gone, on_metric=on_metric, limit=limit)
                )
                for path, sink in zip(self._files, (stdout, stderr), strict=False)
            ]
            self._watch(tails)
            if self._screen:
                self._screen.finish()
            for tail in tails:
                tail.drain()
        return self._outcome()

    def close(self) -> None:
        """Give back signals and terminal; the command goes on if it has not ended."""
        for number, before in self._before.items():
            signal.signal(number, before or signal.SIG_DFL)
        self._before.clear()
        if self._screen:
            self._screen.close()
        for end in self._wake:
            os.close(end)
        self._wake = ()

    def _open(self, command: _Command, stdin: int, terminal: bool) -> None:
        with contextlib.ExitStack() as opened:
            out = opened.enter_context(self._files[0].open("ab", buffering=0)).fileno()
            streams = (stdin, out, out)
            if terminal:
                self._screen = _Screen(stdin, out)
                opened.callback(os.close, self._screen.slave)
                slave = self._screen.slave
                streams = (stdin if self._screen.keyboard is None else slave, slave, slave)
            if not (terminal and os.isatty(2)):
                self._files.append(self._files[0].with_name("stderr"))
                err = opened.enter_context(self._files[1].open("ab", buffering=0))
                streams = (*streams[:2], err.fileno())
            self._listen()
            self._spawn(command, streams)

    def _spawn(self, command: _Command, streams: tuple[int, int, int]) -> None:
        self._began = time.monotonic()
        try:
            self._process = _process(command, streams, self._screen is not None)
        except OSError as error:
            self._code, self.error = _refusal(command, error)
            return
        self.pid = self._process.pid
        self._peak, self._floor = _peak(self.pid), _peak(os.getpid())

    def _listen(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        acts: dict[int, Any] = dict.fromkeys(_FORWARDED, self._forward)
        # The user's reader may end before the command: that is no end of ours.
        acts |= {signal.SIGCHLD: self._child, signal.SIGPIPE: signal.SIG_IGN}
        if self._screen:
            acts |= {signal.SIGWINCH: self._screen.resize, signal.SIGCONT: self._screen.continued}
        for number, act in acts.items():
            # What was ignored from the start (nohup) stays so, here and in the command.
            if number == signal.SIGCHLD or signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, act)

    def _forward(self, number: int, _frame: object) -> None:
        if self.pid is None or self._ended:
            return
        with contextlib.suppress(OSError):
            if number not in _TYPED:
                os.kill(self.pid, number)
            elif self._screen:
                os.killpg(self._screen.owner(), number)
            elif not _at_keyboard():
                os.kill(self.pid, number)

    def _child(self, _number: int, _frame: object) -> None:
        with contextlib.suppress(ChildProcessError):
            self._collect()
        if self._ended:
            os.write(self._wake[1], b".")

    def _collect(self) -> None:
        if self._process is None or self._ended:
            return
        pid, status, usage = os.wait4(self._process.pid, os.WNOHANG)
        if pid:
            self._ended = _Ended(status, usage, time.monotonic())
            self._process.returncode = os.waitstatus_to_exitcode(status)

    def _watch(self, tails: Sequence[_Tail]) -> None:
        pause = 0.0
        while self.pid is not None and not self._ended:
            moved = any([tail.pass_on() for tail in tails])
            if self._rest(0.0 if moved else pause) or moved:
                pause = _SHORTEST
            else:
                pause = min(2 * pause, _LONGEST) or _SHORTEST
            self._peak = max(self._peak, _peak(self.pid))
            self._expire(self.pid)
            # The signal handler may collect it just before we do.
            with contextlib.suppress(ChildProcessError):
                self._collect()

    def _rest(self, pause: float) -> bool:
        """Wait for the command's end or for what is typed; whether anything was."""
        screen, sources = self._screen, [self._wake[0]]
        if screen and screen.attached():
            sources.append(screen.source())
        ready = select.select(sources, [], [], pause)[0]
        typed = len(sources) > 1 and sources[1] in ready
        if screen and self.pid and screen.send(typed, self.pid):
            self._suspend(self.pid, screen)
        return typed

    def _suspend(self, pid: int, screen: _Screen) -> None:
        """Stop the command, then the job that we are, as Ctrl-Z does without git-exp."""
        os.killpg(pid, signal.SIGSTOP)
        screen.restore()
        os.kill(0, signal.SIGTSTP)
        os.killpg(pid, signal.SIGCONT)

    def _expire(self, pid: int) -> None:
        now = time.monotonic()
        if self._deadline is None or now < self._deadline:
            return
        _signal(_tree(pid), signal.SIGKILL if self._timed_out else signal.SIGTERM)
        self._timed_out = True
        self._deadline = now + GRACE

    def _reader_gone(self) -> None:
        """Tell whoever writes what its next write to a pipe would have: nobody reads any more."""
        if self.pid is not None and not self._ended:
            _signal([pid for pid, below in _tree(self.pid).items() if not below], signal.SIGPIPE)

    def _outcome(self) -> Outcome:
        if self._ended is None:
            return Outcome(exit_code=self._code, error=self.error)
        status, usage, at = self._ended
        code = os.waitstatus_to_exitcode(status)
        own = 128 - code if code < 0 else code
        measured = usage.ru_maxrss * _RSS_UNIT
        # Linux counts the peak of the process that spawned it as its own: near ours it says nothing.
        known = measured > self._floor + self._floor // 8
        return Outcome(
            exit_code=124 if self._timed_out else own,
            signal=-code if code < 0 else None,
            wall_ms=(at - self._began) * 1000,
            cpu_ms=(usage.ru_utime + usage.ru_stime) * 1000,
            max_rss=measured if known else self._peak,
            timed_out=self._timed_out,
        )


class _Command(NamedTuple):
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]


class _Ended(NamedTuple):
    status: int
    usage: Any
    at: float
