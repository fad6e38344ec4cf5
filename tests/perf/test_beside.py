"""What runs cost the user's own git beside them: fetch, status, log and commit."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from git_exp import Experiment
from tests.perf import generate
from tests.perf.conftest import Big
from tests.perf.measure import Row, count, interleaved, process, ratio
from tests.perf.repository import git, history, make

RUNS = 2_000
SAMPLE = 100
COMMIT = ("commit", "-q", "--allow-empty", "-m", "work")
NO_GC = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "gc.auto", "GIT_CONFIG_VALUE_0": "0"}


@dataclass(frozen=True, kw_only=True)
class Case:
    """A clone with so many unpushed commits, of a repository with so many that are spaced."""

    unpushed: int
    tracking: bool = True
    upstream: bool = True
    commits: int = 1_000

    def __str__(self) -> str:
        by = "an upstream" if self.upstream else "no upstream"
        refs = by if self.tracking else "no remote refs"
        return f"{self.unpushed} unpushed, {refs}, {self.commits:,} commits"


CASES = [
    Case(unpushed=unpushed, tracking=tracking, upstream=upstream)
    for unpushed in (1, 30, 500)
    for tracking, upstream in ((True, True), (True, False), (False, False))
]
TINY = [Case(unpushed=unpushed, commits=1) for unpushed in (0, 1, 30)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_fetch_offers_no_commit_more_beside_runs(
    tmp_path: Path, rows: list[Row], case: Case
) -> None:
    alone, beside = _haves(tmp_path, case)

    rows.append(count(f"have lines of git fetch: {case}", beside, alone, floor=str(alone)))


@pytest.mark.parametrize("case", TINY, ids=str)
def test_what_fetch_offers_in_a_tiny_history_is_there_to_be_known(
    tmp_path: Path, rows: list[Row], case: Case
) -> None:
    alone, beside = _haves(tmp_path, case)

    what = f"have lines of git fetch: {case}"
    rows.append(Row(what=what, floor=str(alone), ours=str(beside), figure=str(beside)))


def test_runs_that_git_exp_made_weigh_no_more_than_generated_ones(
    tmp_path: Path, rows: list[Row]
) -> None:
    case = Case(unpushed=30)
    user, upstream = _clone(tmp_path, case)
    real, made = _copy(user, "real"), _copy(user, "made")

    for number in range(SAMPLE):
        with Experiment("real", params={"number": number}, repo=real) as exp:
            exp.track({"loss": 1.0})
    generate.fill(made, generate.Shape(runs=SAMPLE, loose=True))
    _advance(tmp_path, upstream)
    dates = [_committer_dates(repo) for repo in (real, made)]
    haves = [_fetch(repo, upstream, case) for repo in (user, real, made)]

    assert dates[0] == dates[1]
    detail = f"real {haves[1]}, generated {haves[2]}"
    what = f"have lines beside {SAMPLE} runs of git exp's own making"
    rows.append(count(what, haves[1], haves[0], floor=str(haves[0]), detail=detail))
    assert haves[1] == haves[2]


def test_status_log_and_commit_take_no_longer_beside_runs(
    tmp_path: Path, big: Big, rows: list[Row]
) -> None:
    alone, beside = make(tmp_path / "alone"), big("beside", RUNS, loose=True)

    for words in (("status",), ("log", "-1"), COMMIT):
        # A gc that starts by itself is in rows of its own, below.
        rows.append(_compared(words, alone, beside, at_most=1.1, **NO_GC))
    # On a terminal git log decorates, for which it reads every ref: packed ones cost a tenth.
    rows.append(_compared(("log", "-1", "--decorate"), alone, beside))
    git(beside, "pack-refs", "--all")
    rows.append(_compared(("log", "-1", "--decorate"), alone, beside, said="with packed refs"))


def test_the_gc_that_commit_starts_beside_runs_is_there_to_be_known(
    tmp_path: Path, big: Big, rows: list[Row]
) -> None:
    fresh = [big(f"fresh{number}", RUNS, loose=True) for number in range(3)]
    alone, waiting = make(tmp_path / "alone"), iter(fresh)

    took = interleaved(
        len(fresh) - 1,
        floor=lambda: process(("git", *COMMIT), alone)(),
        ours=lambda: process(("git", *COMMIT), next(waiting))(),
    )
    for repo in fresh:
        _wait_for_gc(repo)

    what = f"first git commit beside {RUNS:,} (default config: it starts gc --auto)"
    rows.append(ratio(what, took["floor"], took["ours"]))
    rows.append(_compared(COMMIT, alone, fresh[0], said="after that gc", at_most=1.1))


def _compared(
    words: Sequence[str],
    alone: Path,
    beside: Path,
    *,
    said: str = "",
    at_most: float = 0,
    **env: str,
) -> Row:
    took = interleaved(
        100,
        floor=process(("git", *words), alone, **env),
        ours=process(("git", *words), beside, **env),
    )
    shown = " ".join(word for word in words if word not in COMMIT[1:])
    what = f"git {shown} beside {RUNS:,}{f', {said}' if said else ''}"
    return ratio(what, took["floor"], took["ours"], at_most=at_most)


def _wait_for_gc(repo: Path) -> None:
    """Until the gc in the background has packed what was loose."""
    until = time.monotonic() + 60
    while (repo / ".git" / "gc.pid").exists() or int(git(repo, "count-objects").split()[0]) > 1_000:
        assert time.monotonic() < until, "no gc came"
        time.sleep(0.1)


def _haves(folder: Path, case: Case) -> tuple[int, int]:
    """How many commits a fetch of one new commit offers, without runs and with them."""
    user, upstream = _clone(folder, case)
    beside = _copy(user, "beside")
    generate.fill(beside, generate.Shape(runs=RUNS))
    _advance(folder, upstream)
    return _fetch(user, upstream, case), _fetch(beside, upstream, case)


def _clone(folder: Path, case: Case) -> tuple[Path, Path]:
    origin, upstream, user = folder / "origin", folder / "upstream.git", folder / "user"
    make(origin)
    history(origin, case.commits)
    git(folder, "clone", "-q", "--bare", origin, upstream)
    git(folder, "clone", "-q", upstream, user)
    if case.unpushed:
        history(user, case.unpushed, end=1_763_000_000)
    if not case.upstream:
        git(user, "branch", "--unset-upstream")
    if not case.tracking:
        git(user, "remote", "remove", "origin")
    return user, upstream


def _copy(repo: Path, name: str) -> Path:
    return Path(shutil.copytree(repo, repo.parent / name, symlinks=True))


def _advance(folder: Path, upstream: Path) -> None:
    """Somebody else pushes one commit."""
    other = folder / "other"
    git(folder, "clone", "-q", upstream, other)
    history(other, 1, end=1_764_000_000)
    git(other, "push", "-q", "origin", "main")


def _fetch(repo: Path, upstream: Path, case: Case) -> int:
    trace = repo.parent / f"{repo.name}.trace"
    what = ("origin",) if case.tracking else (str(upstream), "main")
    git(repo, "fetch", "-q", *what, GIT_TRACE_PACKET=str(trace))
    return sum(" fetch> have " in line for line in trace.read_text().splitlines())


def _committer_dates(repo: Path) -> set[str]:
    below = ("refs/runs", "refs/exp/data", "refs/notes/exp")
    return set(git(repo, "for-each-ref", "--format=%(committerdate:raw)", *below).split("\n"))
