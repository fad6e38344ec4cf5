"""The keeper of a pty: copies what a command writes there to a file, also when git-exp is gone.

Runs as a script in a bare interpreter, so that it holds and imports next to nothing.
"""

from __future__ import annotations

import marshal
import os
import select
import sys
import termios


def keep(
    *, master: int, target: int, lifeline: int, keyboard: int | None, cooked: list[object]
) -> None:
    """Copy until nobody can write to the pty any more; the lifeline ends with git-exp."""
    watched = [master, lifeline]
    while True:
        ready = select.select(watched, [], [])[0]
        if lifeline in ready:
            watched.remove(lifeline)
            if keyboard is not None:
                _calm(keyboard, cooked)
        if master in ready and not _copy(master, target):
            return


def _copy(master: int, target: int) -> bool:
    """Copy what is there to read; False at the end."""
    try:
        data = os.read(master, 1 << 16)
    except BlockingIOError:
        return True
    except OSError:
        return False
    more = bool(data)
    try:
        while data:
            data = data[os.write(target, data) :]
    except OSError:
        data = b""  # a full disk costs output, it does not stop the command
    return more


def _calm(keyboard: int, cooked: list[object]) -> None:
    """Undo the raw mode that a killed git-exp left in the user's terminal, and let go of it."""
    try:
        # A shell that was quicker has modes of its own there, but its output is not raw.
        if not termios.tcgetattr(keyboard)[1] & termios.OPOST:
            termios.tcsetattr(keyboard, termios.TCSANOW, cooked)  # type: ignore[arg-type]
    except termios.error:
        pass  # the terminal is gone
    os.close(keyboard)


if __name__ == "__main__":
    keep(**marshal.load(sys.stdin.buffer))  # noqa: S302 (our own bytes)
