"""git_exp.launch from the outside: a program that launches, its terminal, shell and death."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

RUNNER = """
import os, sys
from pathlib import Path
from git_exp import launch

child = launch.start(
    sys.argv[2:], cwd=Path.cwd(), env=os.environ, output=Path(sys.argv[1]), terminal=os.isatty(1)
)
outcome = child.follow(stdout=sys.stdout.buffer, stderr=sys.stderr.buffer)
print("outcome", outcome.exit_code, flush=True)
sys.exit(outcome.exit_code)
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
COUNTER = """
import os, signal, sys, time

got = []
signal.signal(signal.SIGINT, lambda *_: got.append(1))
print("ready", file=sys.stderr, flush=True)
while not os.path.exists("go"):
    time.sleep(0.01)
print("interrupts", len(got))
"""


def until(ready: Callable[[], object]) -> None:
    """Wait for something that will come, a minute at most."""
    deadline = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def runner(folder: Path, *argv: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        (sys.executable, "-c", RUNNER, str(folder / "output"), *argv),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def written(folder: Path) -> bytes:
    file = folder / "output" / "stdout"
    return file.read_bytes() if file.exists() else b""


def is_raw(terminal: int) -> bool:
    return not termios.tcgetattr(terminal)[1] & termios.OPOST


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


def test_ctrl_c_without_a_terminal_is_passed_on_and_the_run_ends_in_order(tmp_path: Path) -> None:
    run = runner(tmp_path, "sh", "-c", "echo ready; exec sleep 60")
    until(lambda: written(tmp_path) == b"ready\n")

    run.send_signal(signal.SIGINT)

    assert run.communicate()[0] == b"ready\noutcome 130\n"
    assert run.returncode == 130


def test_ctrl_c_reaches_the_command_once_where_only_stdout_is_no_terminal(tmp_path: Path) -> None:
    pid, keys = pty.fork()
    if not pid:
        os.chdir(tmp_path)
        os.dup2(os.open("shown", os.O_WRONLY | os.O_CREAT), 1)
        argv = [sys.executable, "-c", RUNNER, "output", sys.executable, "-c", COUNTER]
        os.execv(sys.executable, argv)  # noqa: S606
    Typist(keys).wait(b"ready")

    os.write(keys, b"\x03")
    time.sleep(0.2)
    (tmp_path / "go").touch()
    os.waitpid(pid, 0)
    os.close(keys)

    assert (tmp_path / "shown").read_bytes() == b"interrupts 1\noutcome 0\n"


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


def test_kill_9_ends_the_watch_and_neither_command_nor_output(tmp_path: Path) -> None:
    code = "echo one; until [ -e go ]; do sleep 0.01; done; echo two; echo three >&2"
    run = runner(tmp_path, "sh", "-c", code)
    until(lambda: written(tmp_path) == b"one\n")

    run.kill()
    assert run.communicate()[0] in (b"one\n", b"")
    (tmp_path / "go").touch()

    until(lambda: written(tmp_path) == b"one\ntwo\n")
    until(lambda: (tmp_path / "output" / "stderr").read_bytes() == b"three\n")


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
    until(lambda: is_raw(theirs))

    run.kill()
    run.wait()
    until(lambda: not is_raw(theirs))
    (tmp_path / "go").touch()

    file = tmp_path / "output" / "stdout"
    until(lambda: file.read_bytes() == b"one\r\ntwo\r\nthree\r\n")
    os.close(keys)
    os.close(theirs)
