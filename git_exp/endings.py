"""How the runs of a process end when it does: at exit, by an exception, by a signal."""

from __future__ import annotations

import atexit
import dis
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

from git_exp import errors, records

if TYPE_CHECKING:
    from git_exp.experiment import Experiment
    from git_exp.seal import Report

STATUSES = ("finished", "failed", "interrupted")
TRACEBACK_LINES = 50
_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
_RETURNS = ("RETURN_VALUE", "RETURN_CONST")

Told = tuple[str, int | None, records.Error | None]


def watch(experiment: Experiment) -> None:
    """End this run with the process, if nobody ends it before."""
    if not _process.hooked:
        _process.hook()
    _process.unfinished.append(experiment)


def forget(experiment: Experiment) -> None:
    """The run is ending now."""
    if experiment in _process.unfinished:
        _process.unfinished.remove(experiment)


def told_by(error: BaseException | None) -> Told:
    """Status, exit code and error of a run that an exception ended, or none."""
    match error:
        case None:
            return "finished", 0, None
        case SystemExit():
            code = _code(error.code)
            return ("finished" if code == 0 else "failed"), code, None
        case KeyboardInterrupt():
            return "interrupted", 128 + signal.SIGINT, None
    return "failed", 1, _described(error)


def carefully(act: Callable[[], Report], run_id: str) -> None:
    """Seal without ever raising into the user's program: what fails stays in the spool."""
    try:
        report = act()
    except (errors.GitExpError, OSError) as error:
        say(f"run {run_id[:8]} stays in the spool until the next git exp command: {error}")
        return
    for aside, why in report.aside.items():
        say(f"run {aside[:8]} could not be sealed: {why}")


def say(text: str) -> None:
    """One line on stderr, where there is one."""
    stream = sys.stderr
    if stream is not None:
        try:
            stream.write(f"git-exp: {text}\n")
            stream.flush()
        except (OSError, ValueError):
            return


class _Process:
    """What this process's end is known to be, so far."""

    def __init__(self) -> None:
        self.hooked = False
        self.unfinished: list[Experiment] = []
        self.exit_code: int | None = None
        self.error: BaseException | None = None
        self.outermost: FrameType | None = None

    def hook(self) -> None:
        self.hooked = True
        self.outermost = _outermost()
        atexit.register(self.end)
        self._hook_exceptions()
        self._hook_exit()
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                if signal.getsignal(number) is signal.SIG_DFL:
                    signal.signal(number, self.signalled)

    def end(self) -> None:
        """At interpreter exit."""
        self._end_all(*self._told())

    def signalled(self, number: int, _: FrameType | None) -> None:
        """End the runs, then die of the signal as the program would have without us."""
        self._end_all("interrupted", 128 + number, None)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def _end_all(self, *told: Any) -> None:
        for experiment in list(self.unfinished):
            experiment._end(*told)

    def _told(self) -> Told:
        if self.error is not None:
            return told_by(self.error)
        if self.outermost is None or _returned(self.outermost):
            return told_by(None)
        if self.exit_code is not None:
            return told_by(SystemExit(self.exit_code))
        # A bare `raise SystemExit(n)`: Python tells nobody which n it was.
        return "finished", None, None

    def _hook_exceptions(self) -> None:
        before = sys.excepthook

        def hook(
            kind: type[BaseException], error: BaseException, trace: TracebackType | None
        ) -> None:
            self.error = error
            before(kind, error, trace)

        sys.excepthook = hook

    def _hook_exit(self) -> None:
        before = sys.exit

        def leave(status: Any = None, /) -> NoReturn:
            if threading.current_thread() is threading.main_thread():
                self.exit_code = _code(status)
            before(status)

        sys.exit = leave


_process = _Process()


def _outermost() -> FrameType:
    frame = sys._getframe()
    while frame.f_back:
        frame = frame.f_back
    return frame


def _returned(frame: FrameType) -> bool:
    """Whether a frame that is over ended by returning, and not by an exception."""
    code = frame.f_code.co_code
    return 0 <= frame.f_lasti < len(code) and dis.opname[code[frame.f_lasti]] in _RETURNS


def _code(status: Any) -> int:
    """The exit code of `sys.exit(status)`: none is 0, what is no number is printed and 1."""
    if status is None:
        return 0
    return status & 0xFF if isinstance(status, int) else 1


def _described(error: BaseException) -> records.Error:
    lines = "".join(traceback.format_exception(error)).splitlines()
    return records.Error(
        type=type(error).__qualname__,
        message=str(error),
        traceback="\n".join(lines[-TRACEBACK_LINES:]),
    )


def _forked() -> None:
    """A fork ends none of its parent's runs."""
    _process.unfinished.clear()


os.register_at_fork(after_in_child=_forked)
