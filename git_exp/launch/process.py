"""A process: started as a shell starts it, with what runs below it and the memory it takes."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import subprocess
import termios
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Command(NamedTuple):
    """What to run, where, and with which environment, PATH included."""

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]


class Refusal(NamedTuple):
    """Why a command could not be started, and the exit code that a shell has for it."""

    code: int
    text: str


def spawn(
    command: Command, streams: tuple[int, int, int], *, terminal: bool
) -> subprocess.Popen[bytes]:
    """Start a command on three descriptors; `terminal`: the second is to be its own terminal."""
    try:
        return _popen(command, streams, command.argv, terminal=terminal)
    except OSError as error:
        found = _find(command)
        if error.errno != errno.ENOEXEC or found is None or _is_binary(found):
            raise
        # No shebang: a script for the shell, as every shell has it.
        name = command.argv[0] if "/" in command.argv[0] else str(found)
        argv = ("/bin/sh", name, *command.argv[1:])
        return _popen(command, streams, argv, terminal=terminal)


def refusal(command: Command, error: OSError) -> Refusal:
    """What a shell says to a command that it cannot start."""
    name, text = command.argv[0], os.strerror(error.errno or errno.EIO)
    if str(error.filename) == str(command.cwd):
        return Refusal(125, f"cannot change to '{command.cwd}': {text}")
    found = _find(command)
    if found is None and "/" not in name:
        return Refusal(127, f"{name}: command not found")
    if error.errno != errno.ENOENT:
        return Refusal(126, f"{name}: {text}")
    if found is None:
        return Refusal(127, f"{name}: {text}")
    return Refusal(126, f"{name}: bad interpreter: {text}")


def tree(*roots: int) -> dict[int, list[int]]:
    """Processes and all below them, each with its children; where there is no /proc, they alone.

    Parents come before their children, in whatever order they are given.
    """
    children: dict[int, list[int]] = defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name before the last bracket may hold anything.
            parent = int(stat.read_bytes().rpartition(b")")[2].split()[1])
            children[parent].append(int(stat.parent.name))
    found = _reach(roots, children)
    below = {child for pid in found for child in children[pid]}
    return _reach([pid for pid in roots if pid not in below], children)


def send(pids: Sequence[int], number: int) -> None:
    """Send a signal to each process that is still there and ours, in the order given.

    Who ends processes names parents first: a shell whose command ends goes on to its next one.
    """
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, number)


def peak(pid: int) -> int:
    """The most memory that a living process has had since its exec, in bytes; 0 if unknown."""
    try:
        status = Path(f"/proc/{pid}/status").read_bytes()
    except OSError:
        return 0
    found = re.search(rb"VmHWM:\s+(\d+)", status)
    return int(found[1]) * 1024 if found else 0


def _reach(roots: Iterable[int], children: Mapping[int, list[int]]) -> dict[int, list[int]]:
    """All that is at or below some processes, level by level."""
    found: dict[int, list[int]] = {}
    todo = list(roots)
    for pid in todo:
        if pid not in found:
            found[pid] = children[pid]
            todo += children[pid]
    return found


def _popen(
    command: Command, streams: tuple[int, int, int], argv: tuple[str, ...], *, terminal: bool
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        argv,
        cwd=command.cwd,
        env=command.env,
        stdin=streams[0],
        stdout=streams[1],
        stderr=streams[2],
        start_new_session=terminal,
        preexec_fn=_take_terminal if terminal else None,
    )


def _take_terminal() -> None:
    fcntl.ioctl(1, termios.TIOCSCTTY, 0)


def _find(command: Command) -> Path | None:
    """The file that a command's name means, executable or not."""
    name = command.argv[0]
    folders = [""] if "/" in name else os.get_exec_path(command.env)
    candidates = [command.cwd / folder / name for folder in folders]
    return next((one for one in candidates if one.is_file()), None)


def _is_binary(path: Path) -> bool:
    with path.open("rb") as file:
        return b"\0" in file.readline(128)
