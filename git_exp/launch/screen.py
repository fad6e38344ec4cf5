"""The user's terminal, and the pty that stands for it before a command."""

from __future__ import annotations

import contextlib
import fcntl
import marshal
import os
import subprocess
import sys
import termios
import tty

from git_exp.launch import keeper

# Its interpreter has to start before it copies: on a busy machine that takes a while.
KEEPER_WAIT = 10.0
_STDOUT = 1


class Screen:
    """One pty, kept by a process of its own, and the user's keyboard where stdin is a terminal."""

    def __init__(self, stdin: int, target: int) -> None:
        self.keyboard = stdin if os.isatty(stdin) else None
        self._raw = self._stale = False
        self._typed = b""
        self._cooked = termios.tcgetattr(_STDOUT if self.keyboard is None else self.keyboard)
        self._master, self.slave = os.openpty()
        os.set_blocking(self._master, False)
        termios.tcsetattr(self.slave, termios.TCSANOW, self._cooked)
        self.resize()
        self._keeper = self._keep(target)

    def resize(self, *_signal: object) -> None:
        """Give the pty the size of the user's window; the command gets SIGWINCH."""
        with contextlib.suppress(OSError):
            size = fcntl.ioctl(_STDOUT, termios.TIOCGWINSZ, bytes(8))
            fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)

    def continued(self, *_signal: object) -> None:
        """Whoever stopped us may have changed the modes of the terminal."""
        self._stale = True

    def owner(self) -> int:
        """The process group in the foreground of the pty."""
        return os.tcgetpgrp(self._master)

    def source(self) -> int | None:
        """The keyboard while it is ours to read, in raw mode: in the background it is not."""
        if self.keyboard is None:
            return None
        ours = in_foreground(self.keyboard, without=True)
        if ours and (self._stale or not self._raw):
            self._stale = False
            with contextlib.suppress(termios.error):
                tty.setraw(self.keyboard, termios.TCSANOW)
        self._raw = ours
        # What the command has not taken yet goes first.
        return self.keyboard if ours and not self._typed else None

    def read(self) -> None:
        """Take what was typed; at the end of a terminal there is no keyboard any more."""
        with contextlib.suppress(OSError):
            self._typed = os.read(self.keyboard or 0, 1024)
        if not self._typed:
            self.restore()
            self.keyboard = None

    def send(self, pid: int) -> bool:
        """Pass on what was typed, as far as the pty takes it; True where it says: suspend `pid`."""
        if not self._typed:
            return False
        before, suspend, after = self._cut(pid)
        with contextlib.suppress(OSError):
            before = before[os.write(self._master, before) :]
        self._typed = before + suspend + after
        if before or not suspend:
            return False
        self._typed = after
        return True

    def restore(self) -> None:
        """Put the user's terminal back as it was; in the background it is somebody else's."""
        keyboard = self.keyboard
        if self._raw and keyboard is not None and in_foreground(keyboard, without=True):
            with contextlib.suppress(termios.error):
                termios.tcsetattr(keyboard, termios.TCSANOW, self._cooked)
        self._raw = False

    def finish(self) -> None:
        """Wait until the keeper has copied all that an ended command wrote."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._keeper.wait(KEEPER_WAIT)

    def close(self) -> None:
        """Let go of the pty, which the keeper holds for as long as it is needed."""
        self.restore()
        os.close(self._master)
        if self._keeper.stdin:
            self._keeper.stdin.close()
        if self._keeper.poll() is None:
            self._keeper.returncode = 0  # it outlives us on purpose

    def _keep(self, target: int) -> subprocess.Popen[bytes]:
        # A copy, because its number 0 is the lifeline: a stdin that is open for as long as we live.
        keyboard = None if self.keyboard is None else os.dup(self.keyboard)
        child = subprocess.Popen(
            (sys.executable, "-I", "-S", keeper.__file__),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[fd for fd in (self._master, target, keyboard) if fd is not None],
            start_new_session=True,
            cwd="/",
        )
        assert child.stdin
        given = {"master": self._master, "target": target, "lifeline": 0, "keyboard": keyboard}
        child.stdin.write(marshal.dumps({**given, "cooked": self._cooked}))
        child.stdin.flush()
        if keyboard is not None:
            os.close(keyboard)
        return child

    def _cut(self, pid: int) -> tuple[bytes, bytes, bytes]:
        """What was typed before, at and after the key that suspends.

        The command leads a session of its own, where the kernel stops nobody on that key; what it
        runs in the foreground, as a shell does, is its own affair, and so is a raw pty.
        """
        with contextlib.suppress(OSError, termios.error):
            modes = termios.tcgetattr(self._master)
            key = modes[6][termios.VSUSP]
            if key != b"\0" and modes[3] & termios.ISIG and self.owner() == pid:
                return self._typed.partition(key)
        return self._typed, b"", b""


def in_foreground(terminal: int, *, without: bool) -> bool:
    """Whether our job is the one that a terminal talks to; `without` job control there."""
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return without


def at_keyboard() -> bool:
    """Whether Ctrl-C in our terminal reaches our whole job."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return in_foreground(terminal, without=False)
    finally:
        os.close(terminal)
