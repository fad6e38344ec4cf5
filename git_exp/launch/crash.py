"""How a program crashed, from what it wrote: the last traceback of Python in it."""

from __future__ import annotations

import re
from pathlib import Path

from git_exp import values
from git_exp.records import Error

# So much of the end of the output is looked at, and so many lines of a traceback are kept.
_TAIL = 1 << 16
_LINES = 50
# And so many of what a failed command wrote are shown where nobody has seen it.
_SHOWN = 5
_HEAD = "Traceback (most recent call last):"
# The line that ends a traceback: the name of an exception, and what it says.
_LAST = re.compile(r"(?P<type>[A-Za-z_][\w.]*)(?:: (?P<message>.*))?$")
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def told_in(folder: Path) -> Error | None:
    """The exception that the output in a folder ends with; None where it tells of none."""
    for name in ("stderr", "stdout"):
        found = read(_end(folder / name))
        if found:
            return found
    return None


def last(folder: Path) -> list[str]:
    """The last few lines that a command wrote, to stderr if it wrote anything there."""
    for name in ("stderr", "stdout"):
        text = _ESCAPES.sub("", _end(folder / name).decode("utf-8", "replace"))
        if lines := [line for line in text.splitlines() if line.strip()]:
            return lines[-_SHOWN:]
    return []


def read(output: bytes) -> Error | None:
    """The last traceback in some output as an error; None where there is none that is whole."""
    text = _ESCAPES.sub("", output.decode("utf-8", "surrogateescape").replace("\r\n", "\n"))
    before, head, after = text.rpartition(_HEAD)
    if not head or (before and not before.endswith("\n")):
        return None
    lines = after.split("\n")[1:]
    for at, line in enumerate(lines):
        if line.startswith((" ", "\t")) or not line:
            continue
        found = _LAST.match(line)
        if found is None:
            return None
        whole = [head, *lines[: at + 1]][-_LINES:]
        return Error(
            type=found["type"],
            message=values.quoted(found["message"] or ""),
            traceback=values.quoted("\n".join(whole) + "\n"),
        )
    return None


def _end(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL))
            return file.read()
    except OSError:
        return b""
