"""What a verdict costs among many runs: the runs that tell the noise, and the line that says it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from git_exp import evidence, query, verdict
from git_exp.index.search import Indexed
from tests.perf.conftest import Big
from tests.perf.measure import Act, Row, Times, interleaved, ratio
from tests.perf.repository import make

RUNS = 10_000
GOAL = query.goal("acc")
TIMED = """
import sys, time
from git_exp.__main__ import main
from git_exp.cli import closing

spent, parts = [], (closing.tell, closing.weighed)

def timed(part):
    def told(*args, **given):
        begun = time.perf_counter()
        part(*args, **given)
        spent.append(time.perf_counter() - begun)
    return told

closing.tell, closing.weighed = map(timed, parts)
try:
    main()
finally:
    print(sum(spent))
"""


def test_a_verdict_among_many_runs_takes_little_more_than_to_find_the_best(
    big: Big, rows: list[Row]
) -> None:
    store = Indexed.open(big("repo", RUNS), os.environ)
    said = evidence.asked(store, "@", None, metric="acc")
    latest = said.a.id
    pair = (said.a, said.b)
    pool = store.measured("acc", limit=evidence.POOL)
    assert len(pool) == evidence.POOL

    took = interleaved(
        20,
        best=lambda: store.best(GOAL),
        pool=lambda: store.measured("acc", limit=evidence.POOL),
        line=lambda: verdict.closing(pair, pool, GOAL, tries=said.tries),
        whole=lambda: evidence.closing(store, latest, GOAL),
    )

    what = f"{evidence.POOL} runs that tell the noise, of {RUNS:,}"
    rows.append(_within(what, took["pool"], 0.030))
    rows.append(_within("the closing line of a verdict, its runs at hand", took["line"], 0.005))
    what = f"the closing line of a verdict, whole, {RUNS:,} runs; floor: the best run"
    rows.append(ratio(what, took["best"], took["whole"]))


def test_the_closing_lines_of_a_run_are_not_waited_for(
    big: Big, tmp_path: Path, rows: list[Row]
) -> None:
    many = big("repo", RUNS)
    few = make(tmp_path / "few")

    took = interleaved(15, many=_closed(many), few=_closed(few))

    for name, runs in (("many", f"{RUNS:,} runs"), ("few", "a new repository")):
        rows.append(_waited(f"all closing lines of `git exp run`, {runs}", took[name], 0.030))


def _closed(repo: Path) -> Act:
    """A run in a process of its own, which tells how long its closing lines took it."""
    # What is installed has been compiled.
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}

    def run() -> float:
        words = (sys.executable, "-c", TIMED, "run", "-q", "--", "echo", "METRIC loss=0.5")
        told = subprocess.run(words, cwd=repo, env=env, capture_output=True, text=True, check=True)
        return float(told.stdout)

    return run


def _waited(what: str, took: Times, seconds: float) -> Row:
    goal = f"at most {seconds * 1_000:.0f} ms"
    return Row(what=what, ours=str(took), goal=goal, met=took.median <= seconds)


def _within(what: str, took: Times, seconds: float) -> Row:
    # What disturbs the machine only adds: the least is what it costs.
    goal = f"at most {seconds * 1_000:.0f} ms"
    return Row(what=what, ours=str(took), goal=goal, met=took.least <= seconds)
