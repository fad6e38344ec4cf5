"""What it costs to find a run among many: listing, asking, catching up, building the index."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from git_exp import Experiment
from git_exp.index.search import Indexed
from git_exp.session import history, tried
from git_exp.session.models import ExperimentConfig
from tests.perf.conftest import Big
from tests.perf.measure import Row, interleaved, process, ratio, spent

IMPORTS = (sys.executable, "-c", "import pygit2, click, msgspec")
ASKED = ("--where", "acc > 0.9 and lr < 0.01", "--sort", "-acc", "-n", "20")
POINTS = 1_000_000
LISTED = 1_000
RESULTS = 50


def script() -> str:
    found = shutil.which("git-exp")
    assert found
    return found


def log(repo: Path, *words: str) -> list[str]:
    done = subprocess.run((script(), "log", *words), cwd=repo, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def brief(repo: Path) -> str:
    done = subprocess.run((script(), "brief"), cwd=repo, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("runs", "goal"), [(10_000, 1.0), (100_000, 1.2)], ids=["10k", "100k"])
def test_a_listing_with_a_warm_index_needs_no_pygit2(
    big: Big, rows: list[Row], runs: int, goal: float
) -> None:
    repo = big("repo", runs, wide=True)
    assert len(log(repo, "-n", "20")) == 21

    took = interleaved(
        20,
        floor=process(IMPORTS, repo),
        log=process((script(), "log", "-n", "20"), repo),
        asked=process((script(), "log", *ASKED), repo),
    )

    what = f"git-exp log -n 20, warm, {runs:,} runs"
    rows.append(ratio(what, took["floor"], took["log"], at_most=goal))
    what = f"git-exp log {' '.join(ASKED[:2])} {' '.join(ASKED[2:])}, {runs:,} runs"
    rows.append(ratio(what, took["floor"], took["asked"], at_most=2.0))


def test_a_brief_costs_little_more_than_a_listing(big: Big, rows: list[Row]) -> None:
    repo = big("repo", 10_000, wide=True)
    assert "## Not tried" in brief(repo)

    took = interleaved(
        20,
        floor=process((script(), "log", "-n", "20"), repo),
        brief=process((script(), "brief"), repo),
    )

    what = "git-exp brief over log -n 20, warm, 10,000 runs"
    rows.append(ratio(what, took["floor"], took["brief"], at_most=2.0))


def test_a_brief_of_a_session_costs_little_more(big: Big, rows: list[Row]) -> None:
    repo = big("repo", 10_000, wide=True)
    store = Indexed.open(repo, os.environ)
    config = ExperimentConfig(
        goal="g", primary_metric="acc", max_iterations=1_000, plateau_threshold=1_000
    )
    history.start(store.repo, config, session_id="s")
    for run in store.runs(RESULTS):
        history.add(store.repo, "s", tried.happening(store, run, hypothesis=f"idea {run.id[:8]}"))
    assert "Session" in brief(repo)

    took = interleaved(
        20,
        floor=process((script(), "log", "-n", "20"), repo),
        brief=process((script(), "brief"), repo),
    )

    what = f"git-exp brief with a session of {RESULTS} results over log -n 20, 10,000 runs"
    rows.append(ratio(what, took["floor"], took["brief"]))


def test_one_more_run_among_many_is_taken_in_by_the_way(big: Big, rows: list[Row]) -> None:
    repo = big("repo", 100_000, wide=True)
    list_them = process((script(), "log", "-n", "20"), repo)

    def one_more() -> float:
        with Experiment("one more", params={"lr": 0.1}, repo=repo) as exp:
            exp.track({"loss": 1.0})
        return spent(list_them)

    list_them()
    took = interleaved(20, more=one_more, floor=list_them)

    more = took["more"].median - took["floor"].median
    rows.append(
        Row(
            what="one more run since the last look, 100,000 there",
            floor=str(took["floor"]),
            ours=str(took["more"]),
            figure=f"{more * 1000:.1f} ms more",
            goal="at most 10 ms",
            met=more <= 0.010,
        )
    )


def test_an_index_is_made_anew_in_a_second(big: Big, rows: list[Row]) -> None:
    small, large = big("small", 10_000, wide=True), big("large", 100_000, wide=True)

    took = interleaved(3, small=lambda: _anew(small), large=lambda: _anew(large))

    rows.append(
        Row(
            what="git-exp log -n 20, no index yet, 10,000 packed runs",
            ours=str(took["small"]),
            goal="at most 1 s",
            met=took["small"].median <= 1.0,
        )
    )
    what = "the same, 100,000, a run"
    rows.append(ratio(what, took["small"].over(10_000), took["large"].over(100_000), at_most=1.25))


def test_a_series_of_a_million_points_is_read_in_constant_memory(
    repo: Path, rows: list[Row]
) -> None:
    with Experiment("long", repo=repo) as exp:
        for step in range(POINTS):
            exp.track({"loss": 1.0, "step": step})

    peak = _peak((script(), "show", "--series", "loss"), repo)

    rows.append(
        Row(
            what=f"show --series of {POINTS:,} points: peak memory",
            ours=f"{peak >> 20} MiB",
            goal="under 120 MB",
            met=peak < 120_000_000,
        )
    )


def test_seen_costs_the_snapshot_and_little_more(big: Big, rows: list[Row]) -> None:
    repo = big("repo", 100_000, wide=True)
    for number in range(20_000):
        folder = repo / f"d{number // 200}"
        folder.mkdir(exist_ok=True)
        (folder / f"f{number}.txt").write_text(f"{number}\n")
    subprocess.run(("git", "add", "-A"), cwd=repo, check=True)
    subprocess.run(("git", "commit", "-q", "-m", "many files"), cwd=repo, check=True)
    (repo / "d0/f0.txt").write_text("changed\n")
    log(repo, "-n", "1")
    code = (
        "import os; from pathlib import Path; import click\n"
        "from git_exp.git import snapshot, untracked; from git_exp.git.repo import discover\n"
        "repo = discover(Path.cwd(), os.environ)\n"
        "snapshot.take(repo, untracked.rules(repo.config))"
    )

    took = interleaved(
        20,
        floor=process((sys.executable, "-c", code), repo),
        seen=lambda: subprocess.run((script(), "seen"), cwd=repo, capture_output=True),
    )

    more = took["seen"].median - took["floor"].median
    rows.append(
        Row(
            what="git-exp seen, 20,000 files, 100,000 runs",
            floor=str(took["floor"]),
            ours=str(took["seen"]),
            figure=f"{more * 1000:.1f} ms more",
            goal="at most 20 ms over the snapshot",
            met=more <= 0.020,
        )
    )


def _anew(repo: Path) -> float:
    for path in (repo / ".git/exp").glob("index.db*"):
        path.unlink()
    os.sync()
    return spent(process((script(), "log", "-n", "20"), repo))


def _peak(words: tuple[str, ...], repo: Path) -> int:
    """The most memory in bytes that a command had."""
    # A child begins with what its parent had at most: a small one stands between.
    code = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    words = (sys.executable, "-c", code, *words)
    return int(subprocess.run(words, cwd=repo, capture_output=True, check=True).stdout) << 10
