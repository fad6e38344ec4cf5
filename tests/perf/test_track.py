"""What `track` costs above an encoding and a write, and what `kill -9` takes of it: nothing."""

from __future__ import annotations

import mmap
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from git_exp import Experiment
from git_exp.run import Run
from git_exp.store import Store
from tests.perf.measure import Row, Times, count, interleaved, ratio

BATCH = 5_000
TRACKS = 100_000
KILLS = 6
CHILD = """
import mmap, sys
from git_exp import Experiment

with open(sys.argv[1], "r+b") as file:
    returned = memoryview(mmap.mmap(file.fileno(), 8)).cast("Q")
exp = Experiment("killed")
print(exp.run_id, flush=True)
for step in range(int(sys.argv[2])):
    exp.track({"loss": 1 / (step + 1), "acc": step * 1e-5, "step": step})
    returned[0] = step + 1
"""


class Record(msgspec.Struct):
    """The same record as plainly as can be, its times made before."""

    t: str
    event: str
    elapsed_ms: float
    value: Any


def test_track_costs_little_more_than_its_encoding_and_its_write(
    repo: Path, rows: list[Row]
) -> None:
    exp = Experiment("measured")
    track = exp.track
    fd = os.open(repo / ".git" / "floor.jsonl", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    encode, write, t = msgspec.json.Encoder().encode, os.write, "2026-01-02T03:04:05.123456Z"

    def floor() -> None:
        for i in range(BATCH):
            value = {"loss": 1 / (i + 1), "acc": i * 1e-5, "step": i}
            write(fd, encode(Record(t, "track", 1234.567, value)) + b"\n")

    def ours() -> None:
        for i in range(BATCH):
            track({"loss": 1 / (i + 1), "acc": i * 1e-5, "step": i})

    def stepped() -> None:
        for i in range(BATCH):
            track({"loss": 1 / (i + 1), "acc": i * 1e-5}, step=i)

    def special() -> None:
        nan = float("nan")
        for i in range(BATCH):
            track({"loss": nan, "acc": i * 1e-5, "step": i})

    took = interleaved(40, floor=floor, ours=ours, stepped=stepped, special=special)
    one: dict[str, Times] = {name: times.over(BATCH) for name, times in took.items()}
    os.close(fd)
    exp.finish()

    rows.append(ratio("track({loss, acc, step})", one["floor"], one["ours"], at_most=1.6))
    rows.append(ratio("track({loss, acc}, step=)", one["floor"], one["stepped"]))
    rows.append(ratio("track of a NaN", one["floor"], one["special"]))


def test_kill_9_loses_no_track_that_returned(repo: Path, tmp_path: Path, rows: list[Row]) -> None:
    chosen = random.Random(9)
    lost, returned = 0, 0

    for number in range(KILLS):
        counter = tmp_path / f"returned{number}"
        counter.write_bytes(bytes(8))
        run_id, told = _killed(repo, counter, after=chosen.randrange(1, TRACKS))
        store = Store.open(repo, os.environ)
        report = store.recover()
        run = store.get(run_id)
        assert report.sealed == [run_id]
        assert run is not None
        assert run.status == "crashed"
        lost += _lost(store, run, told)
        returned += told

    detail = f"{lost} of {returned:,} lost in {KILLS} kills"
    rows.append(count(f"kill -9 during {TRACKS:,} tracks", lost, 0, detail=detail))


def _killed(repo: Path, counter: Path, after: int) -> tuple[str, int]:
    """Kill a child when so many calls have returned; its run, and how many had in the end."""
    # It goes on past the last moment to be killed at: a busy machine may be slow to kill.
    words = (sys.executable, "-c", CHILD, str(counter), str(100 * TRACKS))
    with (
        subprocess.Popen(words, cwd=repo, stdout=subprocess.PIPE, text=True) as child,
        counter.open("r+b") as file,
        mmap.mmap(file.fileno(), 8) as shared,
    ):
        assert child.stdout is not None
        run_id = child.stdout.readline().strip()
        while int.from_bytes(shared[:8], sys.byteorder) < after:
            time.sleep(0.0001)
        child.send_signal(signal.SIGKILL)
        child.wait()
        told = int.from_bytes(shared[:8], sys.byteorder)
    assert child.returncode == -signal.SIGKILL
    return run_id, told


def _lost(store: Store, run: Run, returned: int) -> int:
    """How many of the calls that returned left no record, read back from git."""
    lines = [msgspec.json.decode(line) for line in store.series(run)]
    steps = {line["value"]["step"] for line in lines}
    assert len(steps) == len(lines)
    return len(set(range(returned)) - steps)
