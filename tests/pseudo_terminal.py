"""A terminal for a program: what a person would type into it, and see there."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Sequence
from functools import partial
from types import TracebackType

PATIENCE = 30.0


class Screen:
    """A program on a terminal of its own; leaving it ends the program."""

    def __init__(self, words: Sequence[str], **env: str) -> None:
        self._ours, theirs = pty.openpty()
        self.seen = ""
        self.program = subprocess.Popen(
            words,
            preexec_fn=partial(os.login_tty, theirs),
            env={**os.environ, "TERM": "xterm-256color", **env},
        )
        os.close(theirs)

    def __enter__(self) -> Screen:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.program.pid, signal.SIGKILL)
        self.program.wait()
        os.close(self._ours)

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def until(self, pattern: str) -> str:
        """All that was shown since the last call, once this is among it."""
        end = time.monotonic() + PATIENCE
        while not re.search(pattern, self.seen):
            assert time.monotonic() < end, f"never saw {pattern!r} in {self.seen!r}"
            assert self._read(), f"ended without {pattern!r}: {self.seen!r}"
        shown, self.seen = self.seen, ""
        return shown

    def rest(self) -> str:
        """All that is shown until the program ends."""
        while self._read():
            pass
        self.program.wait(PATIENCE)
        return self.seen.replace("\r\n", "\n")

    def _read(self) -> bool:
        if not select.select([self._ours], [], [], PATIENCE)[0]:
            return False
        try:
            data = os.read(self._ours, 65_536)
        except OSError:
            # Linux says so when the other side is closed.
            return False
        self.seen += data.decode(errors="replace")
        return bool(data)


def shown(words: Sequence[str], **env: str) -> str:
    """What a program shows on a terminal from its start to its end."""
    with Screen(words, **env) as screen:
        return screen.rest()
