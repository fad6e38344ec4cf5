"""What a profile of a large file costs, beside polars' own lazy scan of the same aggregates."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.architecture import ROOT
from tests.perf.measure import Row, Times, ratio

ROUNDS = 3
LIMIT = 1000 << 20
PIECE = 200_000
PEAK = "int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]) << 10"
CHILD = f"""
import json, sys, time
{{imports}}
begun = time.perf_counter()
{{act}}
print(json.dumps([time.perf_counter() - begun, {PEAK}]))
"""
OURS = CHILD.format(
    imports="from git_exp.session.profiler import DataProfiler",
    act="DataProfiler(sys.argv[1], 'target').profile()",
)
# The same questions as polars answers them: all of them, or those that its engine streams.
SCAN = """
lf = pl.scan_csv(sys.argv[1], schema_overrides={"date": pl.Date})
types = lf.collect_schema()
asked = [pl.len().alias("rows")]
for name, dtype in types.items():
    x = pl.col(name)
    asked.append(x.null_count().alias(name + ".missing"))
    if ALL:
        asked.append(x.n_unique().alias(name + ".unique"))
    if dtype.is_numeric() or dtype == pl.Date:
        asked += [x.min().alias(name + ".min"), x.max().alias(name + ".max")]
    if dtype.is_numeric():
        asked += [x.mean().alias(name + ".mean"), x.std().alias(name + ".std")]
        asked += [(x == 0).sum().alias(name + ".zeros")]
        asked += [x.is_infinite().sum().alias(name + ".infinite")]
        if ALL:
            asked += [x.quantile(q, "linear").alias(f"{name}.{q}") for q in (0.25, 0.5, 0.75)]
    elif dtype in (pl.String, pl.Boolean) and ALL:
        asked.append(x.value_counts(sort=True).head(10).implode().alias(name + ".top"))
lf.select(asked).collect(engine="streaming")
"""
SAME, STREAMED = (
    CHILD.format(imports="import polars as pl", act=f"ALL = {every}\n{SCAN}")
    for every in (True, False)
)


@pytest.mark.parametrize("megabytes", [200, 1000])
def test_a_large_file_is_profiled_beside_scanning_it(
    tmp_path: Path, rows: list[Row], megabytes: int
) -> None:
    path = tmp_path / "large.csv"
    _write(path, megabytes * 1_000_000)
    programs = {"same": SAME, "streamed": STREAMED, "ours": OURS}
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    peaks: dict[str, list[int]] = {name: [] for name in programs}

    for _ in range(ROUNDS + 1):
        for name, program in programs.items():
            lasted, peak = _run(program, path)
            seconds[name].append(lasted)
            peaks[name].append(peak)
    path.unlink()

    same, streamed, ours = (Times(tuple(all_[1:])) for all_ in seconds.values())
    what = f"profiling {megabytes} MB of CSV"
    rows.append(ratio(f"{what}: polars' scan of the same", same, ours, at_most=1.5))
    rows.append(ratio(f"{what}: without distinct, counts, quantiles", streamed, ours))
    rows.append(_peak(what, peaks))


def _run(program: str, path: Path) -> tuple[float, int]:
    """Seconds and the peak of memory, in a process of its own."""
    done = subprocess.run(
        (sys.executable, "-c", program, str(path)),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lasted, peak = json.loads(done.stdout)
    return lasted, peak


def _peak(what: str, peaks: dict[str, list[int]]) -> Row:
    most = {name: max(found) for name, found in peaks.items()}
    said = {name: f"{size >> 20} MB" for name, size in most.items()}
    return Row(
        what=f"{what}: peak memory",
        floor=f"{said['same']}, {said['streamed']} streamed",
        ours=said["ours"],
        figure=f"{most['ours'] / most['same']:.2f}x",
        goal=f"at most {LIMIT >> 20} MB",
        met=most["ours"] <= LIMIT,
        numbers={name: statistics.median(found) for name, found in peaks.items()},
    )


def _write(path: Path, size: int) -> None:
    """Twenty columns: whole and other numbers, gaps, truths, dates, few texts and many."""
    random = np.random.default_rng(0)
    with path.open("wb") as file:
        number = 0
        while file.tell() < size:
            _piece(random, number).write_csv(file, include_header=number == 0)
            number += 1


def _piece(random: np.random.Generator, number: int) -> pl.DataFrame:
    first = number * PIECE
    gaps = pl.Series(random.random(PIECE) < 0.1)
    wait = pl.Series(random.exponential(5, PIECE).round(3)).set(gaps, None)
    return pl.DataFrame(
        {
            "id": np.arange(first, first + PIECE),
            **{f"real{at}": random.normal(0, 10**at, PIECE).round(4) for at in range(7)},
            **{f"whole{at}": random.integers(0, 10 ** (at + 1), PIECE) for at in range(4)},
            "truth": random.integers(0, 2, PIECE) > 0,
            "wait": wait,
            "city": random.choice(["Paris", "Berlin", "Rome", "Oslo, N", "Wien"], PIECE),
            "code": pl.Series(random.integers(0, 10_000, PIECE)).cast(pl.String) + "-code",
            "uid": pl.Series(random.integers(0, 2**62, PIECE)).cast(pl.String) + "u",
            "date": pl.Series(random.integers(0, 10_000, PIECE)).cast(pl.Int32).cast(pl.Date),
            "constant": ["x"] * PIECE,
            "target": random.choice(["yes", "no", "may be"], PIECE, p=[0.7, 0.2, 0.1]),
        }
    )
