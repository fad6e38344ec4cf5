"""What the end of a run costs: beside no runs and many, and when many end at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from git_exp import Experiment
from git_exp.run import Run
from git_exp.store import Store
from tests.perf.conftest import Big
from tests.perf.measure import Row, Times, count, interleaved, ratio, spent
from tests.perf.repository import git, make

GOAL = 0.010
TRACKS = 100
LIVE = 100
ALONE = 40
PROCESSES, EACH, WORKTREES = 64, 5, 4
TRACKED = 20
ENDING = """
import json, sys, time
from git_exp import Experiment

runs = [Experiment(f"run {number}") for number in range(int(sys.argv[1]))]
for exp in runs:
    for step in range(int(sys.argv[2])):
        exp.track({"loss": 1 / (step + 1), "step": step})
print("ready", flush=True)
sys.stdin.read()
for exp in runs:
    exp.finish()
print(json.dumps(time.monotonic()), flush=True)
"""


def test_sealing_a_run_takes_no_longer_beside_fifty_thousand(
    tmp_path: Path, big: Big, rows: list[Row]
) -> None:
    none, busy = make(tmp_path / "none"), make(tmp_path / "busy")
    some, many = big("some", 1_000), big("many", 50_000)
    live = [Experiment("live", repo=busy) for _ in range(LIVE)]

    took = interleaved(
        30,
        disk=lambda: _durable(none),
        none=lambda: _sealing(none),
        some=lambda: _sealing(some),
        many=lambda: _sealing(many),
        busy=lambda: _sealing(busy),
    )
    for exp in live:
        exp.finish()

    rows.append(_at_most(f"sealing {TRACKS} tracks beside 0 runs", took["disk"], took["none"]))
    rows.append(_at_most("the same beside 1,000", took["disk"], took["some"]))
    rows.append(_at_most("the same beside 50,000", took["disk"], took["many"]))
    rows.append(ratio("beside 50,000 against 0", took["none"], took["many"], at_most=2))
    rows.append(ratio(f"beside {LIVE} live runs against 0", took["none"], took["busy"]))


def test_many_processes_that_end_at_once_seal_every_run(tmp_path: Path, rows: list[Row]) -> None:
    one: list[float] = []
    many: list[_Ended] = []

    for number in range(3):
        repo = make(tmp_path / f"one{number}")
        one.append(sum(_sealing(repo) for _ in range(ALONE)) / ALONE)
        repo = make(tmp_path / f"many{number}")
        many.append(_end_at_once(repo, _places(repo), EACH))

    every = PROCESSES * EACH
    what = f"{PROCESSES} processes ending {EACH} runs each in {WORKTREES} worktrees"
    whole, said = min(each.whole for each in many), sum(each.said for each in many)
    rows.append(count(f"{what}: whole runs", whole, every))
    rows.append(count(f"{what}: errors", said, 0))
    rows.append(_rates(what, Times(tuple(one)), Times(tuple(each.lasted for each in many))))
    wall = Times(tuple(each.wall for each in many))
    rows.append(Row(what="the same with all that it took to begin them", ours=str(wall)))


def _sealing(repo: Path) -> float:
    exp = Experiment("measured", params={"lr": 0.1}, repo=repo)
    for step in range(TRACKS):
        exp.track({"loss": 1 / (step + 1), "acc": step / TRACKS, "step": step})
    _settle()
    return spent(exp.finish)


def _durable(repo: Path) -> float:
    """What a seal has to do to the disk: nine small files and two refs, each synced."""
    head = git(repo, "rev-parse", "HEAD")
    folder = repo / ".git" / "floor"
    folder.mkdir(exist_ok=True)
    orders = "".join(f"create refs/floor/{uuid.uuid4()} {head}\n" for _ in range(2))

    def write() -> None:
        started: list[int] = []
        for _ in range(9):
            started.append(os.open(folder / str(uuid.uuid4()), os.O_CREAT | os.O_WRONLY))
            os.write(started[-1], os.urandom(700))
            os.posix_fadvise(started[-1], 0, 0, os.POSIX_FADV_DONTNEED)
        for fd in started:
            os.fsync(fd)
            os.close(fd)
        git(repo, "-c", "core.fsync=reference", "update-ref", "--stdin", stdin=orders)

    _settle()
    return spent(write)


def _settle() -> None:
    """Flush what was written before, as by the end of a run of more than half a minute it is."""
    os.sync()


def _at_most(what: str, floor: Times, ours: Times) -> Row:
    row = ratio(what, floor, ours, at_most=1)
    return Row(
        what=what,
        floor=row.floor,
        ours=row.ours,
        figure=f"{ours.median * 1000:.1f} ms",
        goal=f"at most {GOAL * 1000:g} ms",
        met=ours.median <= GOAL,
        numbers=row.numbers,
    )


@dataclass(frozen=True, kw_only=True)
class _Ended:
    """What became of many runs: seconds, runs with all they tracked, processes that complained."""

    lasted: float
    wall: float
    whole: int
    said: int


def _end_at_once(repo: Path, places: list[Path], each: int) -> _Ended:
    """Start processes, let all their runs begin, then end them all at one moment."""
    begun = time.monotonic()
    gate, release = os.pipe()
    children = [
        subprocess.Popen(
            (sys.executable, "-c", ENDING, str(each), str(TRACKED)),
            cwd=place,
            stdin=gate,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for place in places
    ]
    os.close(gate)
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    released = time.monotonic()
    os.close(release)
    told = [child.communicate() for child in children]
    wall = time.monotonic() - begun
    return _Ended(
        lasted=max(json.loads(out) for out, _ in told) - released,
        wall=wall,
        whole=_whole(repo),
        said=sum(
            bool(err) or child.returncode != 0
            for child, (_, err) in zip(children, told, strict=True)
        ),
    )


def _places(repo: Path) -> list[Path]:
    """Where each process runs: in turn in one of the linked worktrees."""
    linked = [repo.parent / f"{repo.name}-{number}" for number in range(WORKTREES)]
    for path in linked:
        git(repo, "worktree", "add", "-q", "--detach", path)
    return [linked[number % WORKTREES] for number in range(PROCESSES)]


def _whole(repo: Path) -> int:
    """How many runs are sealed with their end, and with all that they tracked."""
    store = Store.open(repo, os.environ)
    assert list((repo / ".git" / "exp" / "spool").iterdir()) == []
    return sum(_is_whole(store, run) for run in store.runs())


def _is_whole(store: Store, run: Run) -> bool:
    tracked = len(set(store.series(run)))
    return run.status == "finished" and tracked == TRACKED and run.metrics["loss"].count == TRACKED


def _rates(what: str, one: Times, many: Times) -> Row:
    """Runs a second, against one process that ends one run after another."""
    every = PROCESSES * EACH
    row = ratio(what, many.over(every), one, at_least=0.7)
    return Row(
        what=f"{what}: runs a second",
        floor=f"{1 / one.median:.0f}/s by one process",
        ours=f"{every / many.median:.0f}/s",
        figure=row.figure,
        goal=row.goal,
        met=row.met,
        numbers=row.numbers,
    )
