"""How a program crashed, from what it wrote: the last traceback of Python in it."""

from __future__ import annotations

import re
from pathlib import Path

from git_exp import values
from git_exp.records import Error

# So much of the end of the output is looked at, and so many lines of a traceback are kept, each up
# to so many characters, as is its message. So many lines may follow, and are kept with it: those of
# a message of several, or what libraries say when they take their leave.
_TAIL = 1 << 16
_LINES = 50
_LONGEST = 500
_AFTER = 10
# And so many of what a failed command wrote are shown where nobody has seen it.
_SHOWN = 5
_HEAD = re.compile(r"^(?P<group>  \+ Exception Group )?Traceback \(most recent call last\):", re.M)
# What stands before each line of a group of exceptions, and before those of its parts.
_MARGIN = "  | "
_PARTS = ("  |", "  +", "    ")
# The line that ends a traceback: the name of an exception, and what it says.
_LAST = re.compile(r"(?P<type>[A-Za-z_][\w.]*)(?:: (?P<message>.*))?$")
# What Python exits with for an exception that nobody has handled, and for Ctrl-C.
_CODES = {1: "", 130: "KeyboardInterrupt"}
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def told_in(folder: Path, exit_code: int) -> Error | None:
    """The exception that the output in a folder ends with; None where it tells of none.

    With another exit code than Python's own the program has handled what it wrote of, and gone on.
    """
    if exit_code not in _CODES:
        return None
    for name in ("stderr", "stdout"):
        found = read(_end(folder / name))
        if found:
            return found if _CODES[exit_code] in ("", found.type) else None
    return None


def last(folder: Path) -> list[str]:
    """The last few lines that a command wrote, to stderr if it wrote anything there."""
    for name in ("stderr", "stdout"):
        text = _ESCAPES.sub("", _end(folder / name).decode("utf-8", "replace"))
        if lines := [line for line in text.splitlines() if line.strip()]:
            return lines[-_SHOWN:]
    return []


def read(output: bytes) -> Error | None:
    """The last traceback in some output as an error; None where there is none that is whole.

    Nor is there one where much was written after it: the program has gone on.
    """
    text = _ESCAPES.sub("", output.decode("utf-8", "surrogateescape").replace("\r\n", "\n"))
    heads = list(_HEAD.finditer(text))
    if not heads:
        return None
    lines = text[heads[-1].start() :].split("\n")
    grouped = heads[-1]["group"] is not None
    bare = [line.removeprefix(_MARGIN) for line in lines] if grouped else lines
    at = next((at for at, line in enumerate(bare) if at and line and line[0] not in " \t"), 0)
    found = _LAST.match(bare[at]) if at else None
    if found is None:
        return None
    while grouped and at + 1 < len(lines) and lines[at + 1].startswith(_PARTS):
        at += 1
    after = [line for line in lines[at + 1 :] if line.strip()]
    if len(after) > _AFTER:
        return None
    whole = map(_cut, [*lines[: at + 1], *after][-_LINES:])
    return Error(
        type=found["type"],
        message=values.quoted(_cut(found["message"] or "")),
        traceback=values.quoted("\n".join(whole) + "\n"),
    )


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _end(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL))
            return file.read()
    except OSError:
        return b""
