"""The terminal: whether there is one, its width, its colours, and the user's pager before it."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
from typing import TextIO

import click

from git_exp import cli

_PAGED = "git_exp.paged"
_STYLES = {
    "bold": 1, "dim": 2, "italic": 3, "underline": 4, "reverse": 7,
    "red": 31, "green": 32, "yellow": 33, "blue": 34, "magenta": 35, "cyan": 36,
}  # fmt: skip
# What git sets for a pager that the user has not told otherwise.
_PAGER_ENV = {"LESS": "FRX", "LV": "-c"}
_SHELL_SIGNS = set("|&;<>()$`\\\"' \t\n*?[#~=%")


def setting(key: str) -> str | None:
    """A value of git's configuration, once the command has opened its repository."""
    store = cli.opened()
    return store.repo.config.get(key) if store else None


def shown() -> bool:
    """Whether a person sees stdout: a terminal, or a pager on one."""
    context = click.get_current_context(silent=True)
    paged = bool(context and context.meta.get(_PAGED))
    return paged or sys.stdout.isatty() or _flag(os.environ.get("GIT_PAGER_IN_USE"))


def colour(stream: TextIO | None = None) -> bool:
    """Whether a stream (stdout) takes colours: never when it is piped, whatever `color.ui` says."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb":
        return False
    if not (shown() if stream is None else stream.isatty()):
        return False
    wish = setting("color.exp") or setting("color.ui") or "auto"
    return wish.lower() not in ("never", "false", "no", "off", "0")


def width() -> int:
    """The columns of the terminal."""
    import shutil

    return shutil.get_terminal_size().columns


def styled(text: str, style: str, stream: TextIO | None = None) -> str:
    """Text in a style such as "bold red" where the stream takes colours."""
    if not style or not colour(stream):
        return text
    codes = ";".join(str(_STYLES[word]) for word in style.split())
    return f"\x1b[{codes}m{text}\x1b[m"


def page() -> None:
    """Send what follows on stdout through the user's pager, as git does; never when it is piped."""
    context = click.get_current_context(silent=True)
    if context is None or context.meta.get(_PAGED) or not sys.stdout.isatty():
        return
    command = _pager(context)
    if not command:
        return
    sys.stdout.flush()
    env = {**_PAGER_ENV, **os.environ, "GIT_PAGER_IN_USE": "1"}
    columns = str(width())
    child = subprocess.Popen(
        ("sh", "-c", command), stdin=subprocess.PIPE, env={"COLUMNS": columns, **env}
    )
    assert child.stdin
    terminal = os.dup(1)
    os.dup2(child.stdin.fileno(), 1)
    child.stdin.close()
    context.meta[_PAGED] = True
    signal.signal(signal.SIGINT, functools.partial(_interrupt, child))
    context.find_root().call_on_close(lambda: _leave(child, terminal))


def _pager(context: click.Context) -> str:
    if context.meta.get("git_exp.no_pager") or setting("pager.exp") == "false":
        return ""
    wishes = (os.environ.get("GIT_PAGER"), setting("core.pager"), os.environ.get("PAGER"), "less")
    command = next(wish for wish in wishes if wish is not None)
    import shutil

    if command == "cat" or (not _SHELL_SIGNS & set(command) and not shutil.which(command)):
        return ""
    return command


def _leave(child: subprocess.Popen[bytes], terminal: int) -> None:
    """Give stdout back to the terminal and wait until the user has left the pager."""
    try:
        sys.stdout.flush()
    finally:
        os.dup2(terminal, 1)
        os.close(terminal)
        child.wait()


def _interrupt(child: subprocess.Popen[bytes], *_: object) -> None:
    # ^C belongs to the pager: leaving while it runs would make two readers of one terminal.
    if child.poll() is not None:
        raise KeyboardInterrupt


def _flag(value: str | None) -> bool:
    return (value or "").lower() in ("true", "yes", "on", "1")
