"""A whole search: a scripted agent tunes a model by the shell loop, is killed, and goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.conftest import Exp

pytestmark = pytest.mark.slow
Git = Callable[..., str]

# Writes the data set beside the code, as a user would have it.
DATA = """
import sys
from sklearn import datasets
found = getattr(datasets, "load_" + sys.argv[1])(as_frame=True).frame
found.to_csv("data.csv", index=False)
"""
# The code that is searched: what it tries stands in it, so that a snapshot alone tells.
TRAIN = """
import pandas, time
from pathlib import Path
from sklearn.ensemble import {model}
from sklearn.model_selection import cross_validate

PARAMS = {params}
frame = pandas.read_csv("data.csv")
model = {model}(random_state=0, **PARAMS)
found = cross_validate(model, frame.drop(columns="target"), frame["target"], cv=3,
                       scoring="{scoring}")["test_score"].mean()
while Path(".git/held").exists():
    time.sleep(0.05)
print(f"METRIC {metric}={{abs(found):.6f}}")
"""
# The agent: it edits train.py for the next of its ideas, told by the session how many were tried.
AGENT = """
import json, os, subprocess, sys
from pathlib import Path
asked = ("git", "exp", "session", "status", "--json")
tried = json.loads(subprocess.run(asked, capture_output=True, check=True).stdout)["iteration"]
ideas = json.loads(Path("ideas.json").read_text())
if tried == int(os.environ.get("HOLD_AFTER", -1)):
    Path(".git/held").touch()
Path("train.py").write_text(Path("train.tmpl").read_text().replace("PARAMS = {}",
    f"PARAMS = {ideas[tried % len(ideas)]}"))
print(f"{ideas[tried % len(ideas)]}")
"""
LOOP = """
while git exp session next; do
    idea=$(python agent.py) || exit 9
    git exp run --session @ -m "$idea" -- python train.py
done
"""


class Task(NamedTuple):
    data: str
    kind: str
    model: str
    metric: str
    scoring: str
    best: Callable[[list[float]], float]


TASKS = [
    Task("diabetes", "regression", "GradientBoostingRegressor", "rmse",
         "neg_root_mean_squared_error", min),
    Task("breast_cancer", "classification", "GradientBoostingClassifier", "f1", "f1", max),
]  # fmt: skip
# The first get better, then nothing does: that is a plateau of three.
IDEAS = [
    {"n_estimators": 2, "max_depth": 1},
    {"n_estimators": 10, "max_depth": 1},
    {"n_estimators": 40, "max_depth": 2},
    {"n_estimators": 41, "max_depth": 2},
    {"n_estimators": 2, "max_depth": 2},
    {"n_estimators": 3, "max_depth": 2},
    {"n_estimators": 2, "max_depth": 1},
]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.data)
def test_a_search_is_killed_half_way_and_ends_on_another_clone(
    task: Task, repo: Path, tmp_path: Path, git: Git, exp: Exp, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.delenv("GIT_AUTHOR_DATE")
    monkeypatch.delenv("GIT_COMMITTER_DATE")
    _write_project(repo, task, git)
    session = exp("session", "start", "--data", "data.csv", "--target", "target", "--task",
                  task.kind).stdout.strip()  # fmt: skip
    origin, other = tmp_path / "origin.git", tmp_path / "other"
    git("init", "-q", "--bare", origin)
    git("remote", "add", "origin", origin)
    git("push", "-q", "origin", "main")

    _killed_after(2, repo, exp)
    # Here the killed run is a result too, before anybody else goes on.
    assert "failed" in exp("session", "next").stderr
    exp("push")
    git("clone", "-q", "-b", "main", origin, other)
    monkeypatch.chdir(other)
    exp("pull", "--all")
    before = _status(exp)
    done = subprocess.run(("sh", "-c", LOOP), capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "Performance plateau detected"
    told = _status(exp)
    assert (before["session"], told["session"]) == (session, session)
    assert before["iteration"] >= 2
    assert (told["go_on"], told["metric"]) == (False, task.metric)
    _hold_all_that_was_tried(task, exp, git)

    exp("push")
    monkeypatch.chdir(repo)
    exp("pull")
    assert {**_status(exp), "elapsed": 0} == {**told, "elapsed": 0}
    exp("session", "report", "-o", "report.html")
    assert told["best_run"][:8] in (repo / "report.html").read_text()


def _write_project(repo: Path, task: Task, git: Git) -> None:
    subprocess.run(("python", "-c", DATA, task.data), check=True)
    train = TRAIN.format(params="{}", **task._asdict())
    for name, text in {"train.py": train, "train.tmpl": train, "agent.py": AGENT,
                       "ideas.json": json.dumps(IDEAS)}.items():  # fmt: skip
        (repo / name).write_text(text)
    git("add", ".")
    git("commit", "-q", "-m", "a search")


def _killed_after(results: int, repo: Path, exp: Exp) -> None:
    """Run the loop until so many results are there and a run is on its way, then kill all of it."""
    with subprocess.Popen(
        ("sh", "-c", LOOP), start_new_session=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, env={**os.environ, "HOLD_AFTER": str(results)},
    ) as loop:  # fmt: skip
        until = time.monotonic() + 120
        while _status(exp)["iteration"] < results or not _is_running(exp):
            assert time.monotonic() < until
            assert loop.poll() is None
            time.sleep(0.05)
        os.killpg(loop.pid, signal.SIGKILL)
    (repo / ".git/held").unlink()


def _is_running(exp: Exp) -> bool:
    done = exp("log", "--where", "status = running", "--json", code=None)
    return done.returncode == 0


def _status(exp: Exp) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(exp("session", "status", "--json").stdout)
    return found


def _hold_all_that_was_tried(task: Task, exp: Exp, git: Git) -> None:
    """Each result names its run, whose snapshot has the params that were tried; one was killed."""
    told = json.loads(exp("session", "report", "--json").stdout)
    values = [one["value"] for one in told["tried"] if one["error"] is None]
    killed = [one for one in told["tried"] if one["error"] is not None]
    assert len(killed) == 1
    assert told["best"] == task.best(values)
    assert told["iteration"] == len(told["tried"]) == len(values) + 1
    for one in told["tried"]:
        assert f"PARAMS = {one['hypothesis']}\n" in git("show", f"refs/runs/{one['run']}:train.py")
    assert len({one["run"] for one in told["tried"]}) == len(told["tried"])
