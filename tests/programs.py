"""Programs of users: scripts run in the current folder, and what is left of their runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from git_exp import endings, records, tracking
from git_exp.run import Run
from git_exp.store import Store

# The alarm: no program outlives a test that fails before it ends it.
HEAD = "import os, sys, signal\nsignal.alarm(120)\nfrom git_exp import Experiment\n"
# Coverage has a handler for SIGTERM of its own.
UNMEASURED = {"COVERAGE_PROCESS_START": "", "COVERAGE_PROCESS_CONFIG": ""}


def start(source: str, *, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """A program that has begun, with pipes to talk to it."""
    pipe = subprocess.PIPE
    words = (sys.executable, "-c", HEAD + source)
    told = {**os.environ, **(env or {})}
    return subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=told)


def run(
    source: str, *, code: int = 0, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A program from its start to its end, which must be this exit code."""
    program = start(source, env=env)
    out, err = program.communicate()
    assert program.returncode == code, f"exit {program.returncode}: {err}"
    return subprocess.CompletedProcess(program.args, code, out, err)


def store() -> Store:
    """The store of the current folder, with what dead processes left sealed."""
    found = Store.open(Path.cwd(), os.environ)
    assert found.recover().aside == {}
    return found


def runs() -> list[Run]:
    """Every run, newest first."""
    return store().runs()


def only() -> Run:
    """The one run that there is."""
    (found,) = runs()
    return found


def tracked(run: Run) -> list[records.Track]:
    """What a run has tracked, in the order of time."""
    events = [records.parse(line) for line in sorted(store().series(run))]
    tracks = [event for event in events if isinstance(event, records.Track)]
    assert len(tracks) == len(events), "a line of the series is damaged"
    return tracks


def tracked_values(run: Run) -> list[object]:
    return [track.value for track in tracked(run)]


def everything(repo: Path) -> dict[str, bytes]:
    """What git exp could have written: its own folder, and every ref; not git's objects."""
    own = [path for path in (repo / ".git/exp").rglob("*") if path.is_file()]
    refs = [path for path in (repo / ".git/refs").rglob("*") if path.is_file()]
    named = {str(path.relative_to(repo)): path.read_bytes() for path in (*own, *refs)}
    folders = [path for path in (repo / ".git").glob("exp/**/") if path.is_dir()]
    return {**named, **{f"{path.relative_to(repo)}/": b"" for path in folders}}


def without_root() -> tuple[str, ...]:
    """Words before a command that take the right to pass over permissions from root."""
    if os.geteuid():
        return ()
    dropped = "-dac_override,-dac_read_search,-fowner"
    return ("setpriv", f"--bounding-set={dropped}", "--inh-caps=-all")


def forget_runs() -> None:
    """End what this process has left open: no run of a test is left to the end of all tests."""
    for left in list(endings._process.unfinished):
        left._end("finished")
        endings.forget(left)
    tracking._said.clear()
    tracking._joined.clear()
