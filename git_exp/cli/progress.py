"""The progress of long work: a bar on a terminal once it has taken a second, else nothing."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from typing import Any

from git_exp.cli import terminal

PATIENCE = 1.0


class Late:
    """A bar that comes up late; called with what is done of how much."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._begun: float | None = None
        self._shown = ExitStack()
        self._bar: Any = None

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        self._begun = now if self._begun is None else self._begun
        if self._bar is None and now - self._begun >= PATIENCE and sys.stderr.isatty():
            self._bar = self._shown.enter_context(_drawn())
            self._bar.add_task(self._what)
        if self._bar is not None:
            self._bar.update(0, completed=done, total=total)
        if done >= total:
            self.close()

    def close(self) -> None:
        """Take the bar away; more work draws another."""
        self._shown.close()
        self._bar = self._begun = None


def _drawn() -> Any:
    from rich.console import Console
    from rich.progress import Progress

    coloured = terminal.colour(sys.stderr)
    console = Console(file=sys.stderr, no_color=not coloured)
    return Progress(console=console, transient=True)
