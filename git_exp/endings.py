"""How the runs of a process end when it does: at exit, by an exception, by a signal."""

from __future__ import annotations

import atexit
import contextlib
import dis
import gc
import io
import os
import re
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Protocol, TypeGuard, get_args

from git_exp import errors, records

if TYPE_CHECKING:
    from git_exp.seal import Report

Status = Literal["finished", "failed", "interrupted"]
STATUSES: tuple[str, ...] = get_args(Status)
TRACEBACK_LINES = 50
_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
_RETURNS = ("RETURN_VALUE", "RETURN_CONST")
_CHILD = "BaseProcess._bootstrap"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

Told = tuple[str, int | None, records.Error | None]


class Unfinished(Protocol):
    """A run that goes on in this process."""

    def _end(
        self, status: str, exit_code: int | None = None, error: records.Error | None = None
    ) -> None: ...


def watch(run: Unfinished) -> None:
    """End this run with the process, if nobody ends it before."""
    _process.hook()
    _process.unfinished.append(run)


def forget(run: Unfinished) -> None:
    """The run has ended."""
    if run in _process.unfinished:
        _process.unfinished.remove(run)


def let_go(run_id: str | None) -> None:
    """Close what joined a run in this process without ending it: the run's owner ends it."""
    for run in list(_process.unfinished):
        recorder = getattr(run, "_recorder", None)
        if recorder is not None and recorder.run_id == run_id and not recorder.owner:
            recorder.close()
            forget(run)


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
    if _is_cancelled(error):
        return "interrupted", None, None
    return "failed", 1, _described(error)


def carefully(act: Callable[[], Report], run_id: str) -> bool:
    """Seal without ever raising into the user's program: what fails stays in the spool.

    False where nothing could be done.
    """
    try:
        report = act()
    except Exception as error:
        why = str(error) if isinstance(error, errors.GitExpError | OSError) else repr(error)
        say(f"run {run_id[:8]} stays in the spool until the next git exp command: {why}")
        return False
    for aside, why in report.aside.items():
        say(f"run {aside[:8]} could not be sealed: {why}")
    return True


def say(text: str) -> None:
    """One line on stderr, where there is one; no text of it moves a cursor."""
    stream = sys.stderr
    if stream is not None:
        line = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
        try:
            stream.write(f"git-exp: {line}\n")
            stream.flush()
        except (OSError, ValueError):
            return


class _Process:
    """What this process's end is known to be, so far."""

    def __init__(self) -> None:
        self.pid = 0
        self.unfinished: list[Unfinished] = []
        self.exit_code: int | None = None
        self.left: int | None = None
        self.error: BaseException | None = None
        self.program: FrameType | None = None
        self._flushed: Callable[[], None] | None = None
        self._signals = False

    def hook(self) -> None:
        if not self.pid:
            self._hook_exit()
            self._hook_quit()
            self._hook_flush()
        if self.pid != os.getpid():
            # Each fork again: its program may be another, and multiprocessing forgets our hook.
            self.pid = os.getpid()
            self.program = _program()
            atexit.register(self.end)
            if _is_child(self.program):
                self._hook_child()
        if not self._signals and threading.current_thread() is threading.main_thread():
            self._signals = True
            self._hook_signals()

    def end(self) -> None:
        """At interpreter exit."""
        self._unhook_flush()
        self._end_all(*self._told())

    def signalled(self, number: int, _: FrameType | None) -> None:
        """End the runs, then die of the signal as the program would have without us.

        One that comes while this process seals does not wait for itself: the next command seals.
        """
        self._end_all("interrupted", 128 + number, None)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def _end_all(self, *told: Any) -> None:
        # A child is sealed with its parent: what began last ends first.
        for run in reversed(self.unfinished[:]):
            run._end(*told)

    def _told(self) -> Told:
        if _is_child(self.program):
            return self._told_of_child(self.program)
        if self.program is None or _returned(self.program):
            return told_by(None)
        error = _unhandled(self.program)
        if error is not None:
            return told_by(error)
        code = self.exit_code if self.left is None else self.left
        if code is not None:
            return told_by(SystemExit(code))
        # A bare `raise SystemExit(n)` outside a script: Python tells nobody which n it was.
        return "finished", None, None

    def _told_of_child(self, bootstrap: FrameType) -> Told:
        # Until Python 3.12 what its target raised is in flight now, later it is over.
        error = sys.exc_info()[1] or self.error
        if error is not None and error.__traceback__ and error.__traceback__.tb_frame is bootstrap:
            return told_by(error)
        return told_by(SystemExit(bootstrap.f_locals.get("exitcode")))

    def _hook_exit(self) -> None:
        before = sys.exit

        def leave(status: Any = None, /) -> NoReturn:
            self._leaves(status)
            before(status)

        sys.exit = leave

    def _hook_quit(self) -> None:
        """`exit` and `quit`, which are meant for a prompt and found in scripts too."""
        quitter = getattr(sys.modules.get("_sitebuiltins"), "Quitter", None)
        if quitter is None:
            return
        before = quitter.__call__

        def leave(self_: Any, code: Any = None) -> None:
            self._leaves(code)
            before(self_, code)

        quitter.__call__ = leave

    def _leaves(self, status: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            self.exit_code = _code(status)

    def _hook_flush(self) -> None:
        """See the `SystemExit` that ends a script, which Python shows to nobody.

        Python flushes standard error after a script and before its own end, and holds the exception
        meanwhile: at exit it is gone. Where Python does not, or the program has another standard
        error, nothing is seen.
        """
        stream = sys.stderr
        if stream is None or stream is not sys.__stderr__ or type(stream) is not io.TextIOWrapper:
            return
        flush = stream.flush

        def flushed() -> None:
            with contextlib.suppress(Exception):
                self._look()
            flush()

        self._flushed = stream.flush = flushed  # type: ignore[method-assign]

    def _unhook_flush(self) -> None:
        if self._flushed and vars(sys.__stderr__).get("flush") is self._flushed:
            del sys.__stderr__.flush  # type: ignore[union-attr]

    def _look(self) -> None:
        if self.unfinished and self.program and _is_called_by_nobody():
            self.left = None if _returned(self.program) else _leaving()

    def _hook_signals(self) -> None:
        for number in _SIGNALS:
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, self.signalled)

    def _hook_child(self) -> None:
        """In a process of multiprocessing, which ends without the interpreter's own end."""
        from multiprocessing import util

        util.Finalize(None, self.end, exitpriority=100)
        before = traceback.print_exc

        def told(*given: Any, **named: Any) -> None:
            self.error = sys.exc_info()[1]
            before(*given, **named)

        traceback.print_exc = told


_process = _Process()


def _program() -> FrameType | None:
    """The frame of the main thread below all others, or where multiprocessing runs its child."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame and frame.f_back and not _is_child(frame):
        frame = frame.f_back
    return frame


def _is_child(frame: FrameType | None) -> TypeGuard[FrameType]:
    return frame is not None and frame.f_code.co_qualname == _CHILD


def _unhandled(program: FrameType) -> BaseException | None:
    """The exception that ended the program, if one did.

    Python keeps the last one that nobody handled, but consoles and notebooks do that too: one that
    ended the program has passed through its frame.
    """
    trace = getattr(sys, "last_traceback", None)
    error = getattr(sys, "last_value", None)
    return error if trace is not None and trace.tb_frame is program else None


def _returned(frame: FrameType) -> bool:
    """Whether a frame that is over ended by returning, and not by an exception."""
    code = frame.f_code.co_code
    return 0 <= frame.f_lasti < len(code) and dis.opname[code[frame.f_lasti]] in _RETURNS


def _is_called_by_nobody() -> bool:
    """Whether the caller's caller was called by no program, but by Python itself."""
    try:
        sys._getframe(3)
    except ValueError:
        return True
    return False


def _leaving() -> int | None:
    """The exit code of the `SystemExit` in flight, as far as there is just one that it can be."""
    every = [one for one in gc.get_objects() if issubclass(type(one), SystemExit)]
    # What was caught and kept is held by something; of one in flight Python says nothing.
    flying = [one for one in every if all(held is every for held in gc.get_referrers(one))]
    return _code(flying[0].code) if len(flying) == 1 else None


def _code(status: Any) -> int:
    """The exit code of `sys.exit(status)`: none is 0, what is no number is printed and 1."""
    if status is None:
        return 0
    return status & 0xFF if isinstance(status, int) else 1


def _is_cancelled(error: BaseException) -> bool:
    """Whether a task of asyncio was cancelled, as Ctrl-C does; nobody imports asyncio for that."""
    asyncio = sys.modules.get("asyncio.exceptions")
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


def _described(error: BaseException) -> records.Error:
    lines = "".join(traceback.format_exception(error)).splitlines()
    return records.Error(
        type=type(error).__qualname__,
        message=_message(error),
        traceback="\n".join(lines[-TRACEBACK_LINES:]),
    )


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "<exception str() failed>"


def _forked() -> None:
    """A fork ends none of its parent's runs."""
    _process.unfinished.clear()
    _process.exit_code = _process.left = _process.error = None


os.register_at_fork(after_in_child=_forked)
