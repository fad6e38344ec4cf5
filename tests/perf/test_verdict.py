"""What a verdict costs among many runs: the runs that tell the noise, and the line that says it."""

from __future__ import annotations

import os

from git_exp import evidence, query, verdict
from git_exp.index.search import Indexed
from tests.perf.conftest import Big
from tests.perf.measure import Row, Times, interleaved, ratio

RUNS = 10_000
GOAL = query.goal("acc")


def test_a_verdict_among_many_runs_takes_little_more_than_to_find_the_best(
    big: Big, rows: list[Row]
) -> None:
    store = Indexed.open(big("repo", RUNS), os.environ)
    said = evidence.asked(store, "@", None, metric="acc")
    pair = (said.a, said.b)
    pool = store.measured("acc", limit=evidence.POOL)
    assert len(pool) == evidence.POOL

    took = interleaved(
        20,
        best=lambda: store.best(GOAL),
        pool=lambda: store.measured("acc", limit=evidence.POOL),
        line=lambda: verdict.closing(pair, pool, GOAL, tries=said.tries),
        whole=lambda: evidence.closing(store, "@", metric="acc"),
    )

    what = f"{evidence.POOL} runs that tell the noise, of {RUNS:,}"
    rows.append(_within(what, took["pool"], 0.030))
    rows.append(_within("the closing line of a verdict, its runs at hand", took["line"], 0.005))
    what = f"the closing line of a verdict, whole, {RUNS:,} runs; floor: the best run"
    rows.append(ratio(what, took["best"], took["whole"]))


def _within(what: str, took: Times, seconds: float) -> Row:
    # What disturbs the machine only adds: the least is what it costs.
    goal = f"at most {seconds * 1_000:.0f} ms"
    return Row(what=what, ours=str(took), goal=goal, met=took.least <= seconds)
