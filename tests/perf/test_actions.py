"""What it takes to have the jobs and actions of an experiment back as objects."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from git_exp import Action, Config, Experiment, Param, Task, load_xp_info
from git_exp.action.registering import Register
from tests.perf.measure import Row, interleaved
from tests.perf.repository import make

JOBS = 10_000


class Model(Config):
    """A config that all jobs hold."""

    width: Param[int]


class Train(Task):
    """A job."""

    model: Param[Model]
    seed: Param[int]


class Export(Action):
    """An action."""

    model: Param[Model]


def test_jobs_are_had_back(
    tmp_path: Path, rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(make(tmp_path / "repo"))
    model = Model(width=64)
    with Experiment("many") as exp:
        recorder = exp._running()
        assert recorder
        held = Register(recorder)
        for seed in range(JOBS):
            task = Train(model=model, seed=seed)
            held.job(task.config_id(), task)
        exp.add_action(Export(model=model))

    took = interleaved(5, ours=lambda: load_xp_info("many"))["ours"]

    found = load_xp_info("many")
    assert (len(found.jobs), len(found.actions)) == (JOBS, 1)
    assert len({id(job.model) for job in found.jobs.values() if isinstance(job, Train)}) == 1
    rows.append(
        Row(
            what=f"load_xp_info of {JOBS:,} jobs",
            ours=str(took),
            figure=f"{took.median * 1e3:.0f} ms",
            goal="at most 1 s",
            met=took.median <= 1.0,
        )
    )
    os.chdir(tmp_path)
