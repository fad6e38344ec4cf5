"""git_exp.launch: a command run under watch, at a terminal."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from git_exp import launch
from git_exp.launch import keeper

RUNNER = """
import os, sys
from pathlib import Path
from git_exp import launch

child = launch.start(
    sys.argv[2:], cwd=Path.cwd(), env=os.environ, output=Path(sys.argv[1]), terminal=os.isatty(1)
)
outcome = child.follow(stdout=sys.stdout.buffer, stderr=sys.stderr.buffer)
print("outcome", outcome.exit_code, flush=True)
"""
# A shell's job control: the job gets the terminal, and gives it back when it stops.
SHELL = """
import os, signal, sys

signal.signal(signal.SIGTTOU, signal.SIG_IGN)
job = os.fork()
if not job:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
while True:
    _, status = os.waitpid(job, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        break
    os.tcsetpgrp(0, os.getpgrp())
    print("job stopped", flush=True)
    os.system("stty -a | tr ';' '\\\\n' | grep -o -- '-*opost'")
    sys.stdin.readline()
    os.tcsetpgrp(0, job)
    os.killpg(job, signal.SIGCONT)
"""


class User:
    """Who sits at the terminal that is our stdin, stdout and stderr."""

    def __init__(self, keys: int, ours: int) -> None:
        self.keys, self.ours = keys, ours

    def type(self, keys: bytes) -> None:
        while keys:
            keys = keys[os.write(self.keys, keys) :]

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def is_raw(self) -> bool:
        return not termios.tcgetattr(self.ours)[1] & termios.OPOST


@pytest.fixture
def user() -> Iterator[User]:
    keys, ours = os.openpty()
    yield User(keys, ours)
    os.close(keys)
    os.close(ours)


@pytest.fixture
def watched(tmp_path: Path, user: User) -> Watched:
    return Watched(tmp_path, user)


class Watched:
    """A command at a user's terminal; `on_metric` is what happens at each METRIC line."""

    def __init__(self, folder: Path, user: User) -> None:
        self.folder = folder
        self.streams = [user.ours] * 3
        self.err = io.BytesIO()
        self.on_metric: Callable[[], object] = lambda: None

    def sh(self, code: str) -> tuple[launch.Outcome, bytes]:
        return self.run("sh", "-c", code)

    def run(self, *argv: str) -> tuple[launch.Outcome, bytes]:
        with standing_for_ours(self.streams):
            return self._run(argv)

    def _run(self, argv: tuple[str, ...]) -> tuple[launch.Outcome, bytes]:
        out = io.BytesIO()
        folder = self.folder / "output"
        child = launch.start(argv, cwd=self.folder, env=os.environ, output=folder, terminal=True)
        outcome = child.follow(stdout=out, stderr=self.err, on_metric=lambda *_: self.on_metric())
        assert (folder / "stdout").read_bytes() == out.getvalue()
        return outcome, out.getvalue()


@contextlib.contextmanager
def standing_for_ours(streams: list[int]) -> Iterator[None]:
    """Descriptors in the place of our stdin, stdout and stderr."""
    saved = [os.dup(fd) for fd in (0, 1, 2)]
    for fd, stream in enumerate(streams):
        os.dup2(stream, fd)
    try:
        yield
    finally:
        for fd, before in enumerate(saved):
            os.dup2(before, fd)
            os.close(before)


def until(ready: Callable[[], object]) -> None:
    """Wait for something that will come, a minute at most."""
    deadline = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_command_sees_a_terminal_of_the_user_s_size(watched: Watched, user: User) -> None:
    user.resize(33, 99)

    outcome, out = watched.sh("test -t 0 && test -t 1 && test -t 2 && stty size < /dev/tty")

    assert outcome.exit_code == 0
    assert out == b"33 99\r\n"
    assert not (watched.folder / "output" / "stderr").exists()


def test_both_streams_come_in_order(watched: Watched, user: User) -> None:
    _, out = watched.sh("echo one; echo two >&2; echo three")

    assert out == b"one\r\ntwo\r\nthree\r\n"


def test_a_stderr_that_is_no_terminal_stays_apart(watched: Watched, user: User) -> None:
    with open(os.devnull, "wb") as elsewhere:
        watched.streams[2] = elsewhere.fileno()
        _, out = watched.sh("echo one; echo two >&2; test -t 2 || echo three")

    assert out == b"one\r\nthree\r\n"
    assert watched.err.getvalue() == b"two\n"


def test_a_stdin_that_is_no_terminal_is_the_command_s(watched: Watched, user: User) -> None:
    given = watched.folder / "given"
    given.write_text("from a file\n")
    watched.on_metric = lambda: seen.append(user.is_raw())
    seen: list[bool] = []

    with given.open() as file:
        watched.streams[0] = file.fileno()
        _, out = watched.sh("echo METRIC a=1; cat")

    assert out == b"METRIC a=1\r\nfrom a file\r\n"
    assert seen == [False]


def test_what_is_typed_reaches_the_command_and_the_terminal_is_put_back(
    watched: Watched, user: User
) -> None:
    before = termios.tcgetattr(user.ours)
    raw: list[bool] = []

    def answer() -> None:
        raw.append(user.is_raw())
        user.type(b"hello\r")

    watched.on_metric = answer

    _, out = watched.sh("echo METRIC a=1; read x; echo got $x")

    assert raw == [True]
    assert b"got hello\r\n" in out
    assert termios.tcgetattr(user.ours) == before


def test_ctrl_d_ends_what_is_typed(watched: Watched, user: User) -> None:
    watched.on_metric = lambda: user.type(b"\x04")

    outcome, out = watched.sh("echo METRIC a=1; cat; echo end")

    assert outcome.exit_code == 0
    assert out.endswith(b"end\r\n")


def test_ctrl_c_reaches_the_command(watched: Watched, user: User) -> None:
    watched.on_metric = lambda: user.type(b"\x03")

    outcome, _ = watched.sh("trap 'exit 9' INT; echo METRIC a=1; while :; do sleep 0.02; done")

    assert outcome.exit_code == 9


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_us_is_the_command_s(
    watched: Watched, user: User, number: signal.Signals
) -> None:
    watched.on_metric = lambda: os.kill(os.getpid(), number)

    outcome, _ = watched.sh("echo METRIC a=1; exec sleep 60")

    assert outcome.signal == number
    assert not user.is_raw()


def test_a_new_size_of_the_window_reaches_the_command(watched: Watched, user: User) -> None:
    def resize() -> None:
        user.resize(12, 34)
        os.kill(os.getpid(), signal.SIGWINCH)

    watched.on_metric = resize

    _, out = watched.sh(
        "trap 'stty size; exit' WINCH; echo METRIC a=1; while :; do sleep 0.02; done"
    )

    assert out.endswith(b"12 34\r\n")


def test_after_a_stop_the_terminal_is_raw_again(watched: Watched, user: User) -> None:
    cooked = termios.tcgetattr(user.ours)

    def stopped_and_continued() -> None:
        termios.tcsetattr(user.ours, termios.TCSANOW, cooked)
        os.kill(os.getpid(), signal.SIGCONT)
        threading.Timer(0, answer).start()

    def answer() -> None:
        until(user.is_raw)
        user.type(b"\x03")

    watched.on_metric = stopped_and_continued

    outcome, _ = watched.sh("echo METRIC a=1; exec sleep 60")

    assert outcome.signal == signal.SIGINT


def test_a_command_that_cannot_be_started_leaves_the_terminal(watched: Watched, user: User) -> None:
    before = termios.tcgetattr(user.ours)

    outcome, out = watched.run("nosuch")

    assert (outcome.exit_code, out) == (127, b"")
    assert termios.tcgetattr(user.ours) == before


def test_what_is_typed_waits_for_a_command_that_is_busy(watched: Watched, user: User) -> None:
    code = (
        "import os, time, tty; tty.setraw(0); print('METRIC a=1', flush=True); time.sleep(0.3)\n"
        "n = 0\nwhile n < 200_000: n += len(os.read(0, 1 << 16))\nprint(n)"
    )
    typist = threading.Thread(target=user.type, args=(b"x" * 200_000,))
    watched.on_metric = typist.start

    _, out = watched.run(sys.executable, "-c", code)
    typist.join()

    assert out.endswith(b"200000\n")


def test_a_terminal_that_is_closed_costs_the_command_nothing(watched: Watched, user: User) -> None:
    def close() -> None:
        os.dup2(os.open(os.devnull, os.O_RDWR), user.keys)
        (watched.folder / "go").touch()

    watched.on_metric = close

    outcome, out = watched.sh(
        "echo METRIC a=1; until [ -e go ]; do sleep 0.02; done; sleep 0.1; echo end"
    )

    assert outcome.exit_code == 0
    assert out.endswith(b"end\r\n")


def test_the_suspend_key_is_the_command_s_where_it_wants_it(watched: Watched, user: User) -> None:
    code = "import os, tty; tty.setraw(0); print('METRIC a=1', flush=True); print(os.read(0, 9))"
    watched.on_metric = lambda: user.type(b"\x1a")

    _, out = watched.run(sys.executable, "-c", code)

    assert out.endswith(b"b'\\x1a'\n")


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


class Typist:
    """A user at a terminal where another program runs."""

    def __init__(self, keys: int) -> None:
        self.keys = keys
        self.shown = b""

    def wait(self, text: bytes) -> None:
        while text not in self.shown:
            self.shown += os.read(self.keys, 4096)


def test_ctrl_z_stops_command_and_job_and_the_shell_continues_them(tmp_path: Path) -> None:
    command = ["sh", "-c", "echo pid $$.; read x; echo got $x"]
    pid, keys = pty.fork()
    if not pid:
        os.chdir(tmp_path)
        argv = [sys.executable, "-c", SHELL, "-c", RUNNER, "output", *command]
        os.execv(sys.executable, argv)  # noqa: S606
    user = Typist(keys)
    user.wait(b".\r\n")
    of_command = int(user.shown.partition(b"pid ")[2].partition(b".")[0])

    os.write(keys, b"\x1a")
    user.wait(b"opost\r\n")
    until(lambda: state(of_command) == "T")
    os.write(keys, b"go on\n")
    os.write(keys, b"bye\n")
    user.wait(b"outcome 0")

    assert b"job stopped\r\nopost\r\n" in user.shown
    assert b"got bye" in user.shown
    os.waitpid(pid, 0)
    os.close(keys)


def test_kill_9_ends_the_watch_and_neither_command_nor_terminal(tmp_path: Path) -> None:
    keys, theirs = os.openpty()
    code = "echo one; until [ -e go ]; do sleep 0.01; done; echo two; test -t 1 && echo three"
    run = subprocess.Popen(
        (sys.executable, "-c", RUNNER, "output", "sh", "-c", code),
        cwd=tmp_path,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    Typist(keys).wait(b"one")
    until(User(keys, theirs).is_raw)

    run.kill()
    run.wait()
    until(lambda: not User(keys, theirs).is_raw())
    (tmp_path / "go").touch()

    file = tmp_path / "output" / "stdout"
    until(lambda: file.read_bytes() == b"one\r\ntwo\r\nthree\r\n")
    os.close(keys)
    os.close(theirs)


def test_the_keeper_copies_until_nobody_can_write(tmp_path: Path, user: User) -> None:
    master, slave = os.openpty()
    lifeline, ours = os.pipe()
    os.set_blocking(master, False)
    cooked = termios.tcgetattr(user.ours)
    keyboard = os.dup(user.ours)
    tty.setraw(user.ours)
    os.close(ours)
    with (tmp_path / "stdout").open("wb") as target:
        copy = threading.Thread(
            target=keeper.keep, args=(master, target.fileno(), lifeline, keyboard, cooked)
        )

        copy.start()
        os.write(slave, b"one\n")
        until(lambda: not user.is_raw())
        os.close(slave)
        copy.join()

    assert (tmp_path / "stdout").read_bytes() == b"one\r\n"
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(keyboard)
    for fd in (master, lifeline):
        os.close(fd)


def test_the_keeper_goes_on_when_disk_and_terminal_are_gone() -> None:
    master, slave = os.openpty()
    lifeline, ours = os.pipe()
    os.close(ours)
    os.write(slave, b"one\n")
    os.close(slave)
    with open("/dev/full", "wb", buffering=0) as full, open(os.devnull) as terminal:
        keeper.keep(master, full.fileno(), lifeline, os.dup(terminal.fileno()), [])

    with pytest.raises(OSError, match="Input/output error"):
        os.read(master, 1)
    for fd in (master, lifeline):
        os.close(fd)
