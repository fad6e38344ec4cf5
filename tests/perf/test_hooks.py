"""What each of git's hooks costs where no run matches, above the same hook with an empty script."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from git_exp.git.hooks import script
from git_exp.hook import NAMES
from tests.perf.conftest import Big
from tests.perf.measure import Row, Times, interleaved
from tests.perf.repository import git

GOAL = 0.040
RUNS = 1_000
FED = {"post-rewrite": "{head} {head}\n", "pre-push": ""}


def more(what: str, floor: Times, ours: Times, *, at_most: float | None = None) -> Row:
    """How much longer ours takes, in milliseconds."""
    over = ours.median - floor.median
    return Row(
        what=what,
        floor=str(floor),
        ours=str(ours),
        figure=f"+{over * 1e3:.1f} ms",
        goal=f"at most +{at_most * 1e3:g} ms" if at_most else "",
        met=None if at_most is None else over <= at_most,
        numbers={"floor": floor.median, "ours": ours.median, "over": over},
    )


@pytest.mark.parametrize("configured", [False, True], ids=["as installed", "all switched on"])
def test_a_hook_without_a_matching_run_costs_little(
    big: Big, rows: list[Row], configured: bool
) -> None:
    repo = big("repo", RUNS)
    prepare(repo)
    if configured:
        for key, value in (("trailers", "true"), ("codePaths", "*.py")):
            git(repo, "config", f"exp.{key}", value)
    for name in NAMES:
        if name in ("pre-commit", "pre-push") and configured:
            # With a gate a commit without a run is stopped; a push asks the remote.
            continue
        took = interleaved(30, floor=started(repo, name, None), ours=started(repo, name, name))

        how = "trailers and codePaths set" if configured else "nothing set"
        what = f"{name}, {how}, no run of {RUNS:,} matches"
        rows.append(more(what, took["floor"], took["ours"], at_most=GOAL))


def test_a_whole_commit_with_all_hooks(big: Big, rows: list[Row]) -> None:
    repo = big("repo", RUNS)
    prepare(repo)
    hooks = repo / "hooks"
    took = interleaved(
        20,
        floor=commits(repo, written(hooks / "empty", "#!/bin/sh\nexit 0\n")),
        ours=commits(repo, written(hooks / "ours", None)),
    )

    what = f"git commit with all hooks, no run of {RUNS:,} matches"
    rows.append(more(what, took["floor"], took["ours"]))


def test_the_link_of_a_commit_to_its_run(big: Big, rows: list[Row]) -> None:
    """A hook with something to do, to be known: the index follows, and the notes are written."""
    repo = big("repo", RUNS)
    prepare(repo)
    count = iter(range(1_000))

    def linked() -> float:
        (repo / "new.py").write_text(f"number = {next(count)}\n")
        git(repo, "add", "new.py")
        git(repo, "exp", "run", "--", "true")
        git(repo, "commit", "-q", "--no-verify", "-m", "x")
        return started(repo, "post-commit", "post-commit")()

    took = interleaved(10, floor=started(repo, "post-commit", None), ours=linked)

    rows.append(more("post-commit that links a new run", took["floor"], took["ours"]))


def prepare(repo: Path) -> None:
    """HEAD is code that never ran; the index is there, as after any command that lists runs."""
    assert shutil.which("git-exp")
    (repo / "never-run.py").write_text("never = True\n")
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "code that never ran")
    (repo / ".git/info/exclude").write_text("ours/\nempty/\nhooks/\n")
    git(repo, "exp", "log", "-n", "1")


def started(repo: Path, name: str, ours: str | None) -> Callable[[], float]:
    """A hook as git starts it: ours, or an empty one."""
    text = script(ours) if ours else "#!/bin/sh\nexit 0\n"
    path = written(repo / ("ours" if ours else "empty"), text, (name,)) / name
    message = repo / ".git/COMMIT_EDITMSG"
    message.write_text("subject\n")
    args = {"prepare-commit-msg": (str(message), "message"), "post-rewrite": ("amend",),
            "pre-push": ("origin", "../server")}.get(name, ())  # fmt: skip
    given = FED.get(name, "").format(head=git(repo, "rev-parse", "HEAD"))

    def run() -> float:
        begun = time.perf_counter()
        done = subprocess.run((path, *args), cwd=repo, input=given.encode(), env=os.environ)
        lasted = time.perf_counter() - begun
        assert done.returncode == 0
        return lasted

    return run


def written(folder: Path, text: str | None, names: tuple[str, ...] = NAMES) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text(text or script(name))
        (folder / name).chmod(0o755)
    return folder


def commits(repo: Path, hooks: Path) -> Callable[[], float]:
    words = ("git", "-c", f"core.hooksPath={hooks}", "commit", "-q", "--allow-empty", "-m", "x")

    def run() -> float:
        begun = time.perf_counter()
        subprocess.run(words, cwd=repo, check=True)
        return time.perf_counter() - begun

    return run
