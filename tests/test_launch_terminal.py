"""git_exp.launch: a command run under watch, at a terminal."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import signal
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from git_exp import launch
from git_exp.launch.screen import Screen


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


def test_a_terminal_that_is_closed_is_not_read_for_ever(user: User) -> None:
    with open(os.devnull, "wb") as target, standing_for_ours([user.ours] * 3):
        made = Screen(0, target.fileno())
        os.close(made.slave)
        before = made.source()
        os.dup2(target.fileno(), user.keys)
        made.read()
        after = made.source()
        made.finish()
        made.close()

    assert (before, after) == (0, None)


def test_the_suspend_key_is_the_command_s_where_it_wants_it(watched: Watched, user: User) -> None:
    code = "import os, tty; tty.setraw(0); print('METRIC a=1', flush=True); print(os.read(0, 9))"
    watched.on_metric = lambda: user.type(b"\x1a")

    _, out = watched.run(sys.executable, "-c", code)

    assert out.endswith(b"b'\\x1a'\n")


def test_an_error_of_the_listener_gives_the_terminal_back_and_the_command_goes_on(
    watched: Watched, user: User
) -> None:
    before = termios.tcgetattr(user.ours)

    def fail() -> None:
        raise RuntimeError("full")

    watched.on_metric = fail

    with pytest.raises(RuntimeError, match="full"):
        watched.sh("echo METRIC a=1; until [ -e go ]; do sleep 0.01; done; echo end")
    (watched.folder / "go").touch()

    assert termios.tcgetattr(user.ours) == before
    file = watched.folder / "output" / "stdout"
    until(lambda: file.read_bytes() == b"METRIC a=1\r\nend\r\n")
