"""The published example of exprag runs here as it stands, but for the name that is imported."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.programs import only, store, tracked

Git = Callable[..., str]

# From the README of pfackeldey/exprag, "Create Agent-Readable Experiment Memory".
EXAMPLE = """
from exprag import Experiment

exp = Experiment(
    "training my neural network",
    # this metadata is captured only once at the experiment start
    metadata={
        "hparams": {
            "learning_rate": 0.03,
            "batch_size": 32,
        }
    },
)

for step in range(5):
    loss = 1.0 / (step + 1)
    acc = 0.6 + step * 0.05

    exp.track(
        {"step": step, "metrics": {"loss": loss, "acc": acc}},
        note="training metrics after each step",
    )
"""


@pytest.fixture
def ran(repo: Path) -> Path:
    """The example in a repository with an edit that is not committed, run as it says."""
    (repo / "examples").mkdir()
    script = repo / "examples/track_experiment.py"
    script.write_text(EXAMPLE.replace("from exprag import", "from git_exp import"))
    (repo / "train.py").write_text("print('edited')\n")

    words = (sys.executable, "examples/track_experiment.py")
    done = subprocess.run(words, capture_output=True, text=True)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return repo


def test_the_example_is_one_finished_run_with_its_metrics(ran: Path) -> None:
    run = only()

    assert (run.name, run.status, run.exit_code) == ("training my neural network", "finished", 0)
    assert run.metadata == {"hparams": {"learning_rate": 0.03, "batch_size": 32}}
    assert run.params == {"learning_rate": 0.03, "batch_size": 32}
    loss, acc = run.metrics["loss"], run.metrics["acc"]
    assert (loss.first, loss.last, loss.min, loss.min_step) == (1.0, 0.2, 0.2, 4)
    assert (acc.first, acc.last, acc.max, acc.max_step) == (0.6, 0.8, 0.8, 4)
    assert set(run.metrics) == {"loss", "acc"}
    assert [track.value["step"] for track in tracked(run)] == list(range(5))
    assert {track.note for track in tracked(run)} == {"training metrics after each step"}
    elapsed = [track.elapsed_ms for track in tracked(run)]
    assert elapsed == sorted(elapsed)


def test_a_run_start_says_process_host_metadata_and_git_state(ran: Path, git: Git) -> None:
    first = json.loads(store().lines(only())[0])

    assert list(first)[:2] == ["t", "event"]
    assert first["event"] == "run_start"
    assert first["process"]["argv"][-1] == "examples/track_experiment.py"
    assert first["process"]["cwd"] == "."
    assert {"name", "os", "cpu_count"} <= set(first["host"])
    assert first["metadata"] == {"hparams": {"learning_rate": 0.03, "batch_size": 32}}
    assert first["git"]["commit"] == git("rev-parse", f"refs/runs/{first['run_id']}")
    assert first["git"]["base"] == git("rev-parse", "HEAD")
    assert (first["git"]["branch"], first["git"]["dirty"]) == ("main", True)
    assert first["git"]["status"] == ["A  examples/track_experiment.py", "M  train.py"]


def test_the_exact_code_of_a_dirty_run_can_be_had_back(ran: Path, git: Git) -> None:
    run = only()
    (ran / "train.py").write_text("print('another day')\n")

    assert git("show", f"{run.commit}:train.py") == "print('edited')"
    assert git("rev-parse", f"{run.commit}^") == git("rev-parse", "HEAD")
    assert git("diff", "--stat", f"{run.commit}^", run.commit, "--", "train.py").startswith(
        " train.py | 2 +-"
    )
    assert git("status", "--porcelain") == " M train.py\n?? examples/"
    assert git("branch", "--list") == "* main"
    assert not (ran / ".exprag").exists()
