"""Sources of other tools, byte for byte in the form that exprag 0.1.2 and MLflow 3.17 write."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from git_exp import imports, records
from git_exp.imports import arrivals
from git_exp.run import Run
from git_exp.store import Store

CLEAN = "bc093e56-a840-4c93-9de0-b6d8532f633e"
DIRTY = "fdcca2d6-1bb8-4cdf-8ae7-11a9981642ce"
BASE, CHILD = "4704283626d04c1d960c0e57a0e8cb8d", "42f5e098b5d048af84d0f9285cecce70"
GONE, RUNNING = "a2d38302d60441a5833f029fa2806fd1", "e660d5be50ef4796b0b6141f875f1284"
# 2026-01-02 03:04:05 UTC.
MS = 1_767_323_045_000
_SCHEMA = """
CREATE TABLE experiments (experiment_id INTEGER, name VARCHAR(256), lifecycle_stage VARCHAR(32));
CREATE TABLE runs (
    run_uuid VARCHAR(32), name VARCHAR(250), source_type VARCHAR(20), source_name VARCHAR(500),
    entry_point_name VARCHAR(50), user_id VARCHAR(256), status VARCHAR(9), start_time BIGINT,
    end_time BIGINT, source_version VARCHAR(50), lifecycle_stage VARCHAR(20),
    artifact_uri VARCHAR(200), experiment_id INTEGER, deleted_time BIGINT
);
CREATE TABLE params (key VARCHAR(250), value VARCHAR(8000), run_uuid VARCHAR(32));
CREATE TABLE metrics (
    key VARCHAR(250), value FLOAT, timestamp BIGINT, run_uuid VARCHAR(32), step BIGINT,
    is_nan BOOLEAN
);
CREATE TABLE tags (key VARCHAR(250), value VARCHAR(8000), run_uuid VARCHAR(32));
"""


def exprag_line(run_id: str, kind: str, second: float, value: Any, **more: Any) -> str:
    head = {
        "created_at": f"2026-01-02T03:04:{5 + second:012.9f}+00:00",
        "elapsed_ms": int(second * 1000) + 7,
        "experiment_name": "a run",
        "exprag_version": "0.1.2",
        "kind": kind,
    }
    return (
        json.dumps({**head, "run_id": run_id, "schema_version": 1, "value": value, **more}) + "\n"
    )


def exprag_start(run_id: str, git: Mapping[str, Any] | None, **more: Any) -> str:
    value = {
        "git": git,
        "host": {"arch": "x86_64", "cpu_count": 2, "hostname": "box", "os": "linux",
                 "username": None},
        "metadata": {"hparams": {"bs": 32, "lr": 0.03}, "note": "x"},
        "process": {"argv": ["python", "t.py", "--api-key", "k"], "cwd": "/home/ada/project",
                    "pid": 9448, "ppid": 9440},
        **more.pop("value", {}),
    }  # fmt: skip
    return exprag_line(run_id, "run_start", 0, value, **more)


def exprag_tracks(run_id: str) -> str:
    values = [
        {"metrics": {"acc": 0.6 + step / 20, "loss": 1 / (step + 1)}, "step": step}
        for step in range(3)
    ]
    lines = [
        exprag_line(run_id, "track", 1 + step, value, note="training")
        for step, value in enumerate(values)
    ]
    return "".join(lines)


def exprag(folder: Path, run_id: str, git: Mapping[str, Any] | None, **more: Any) -> Path:
    """A run of exprag in a project folder; its file."""
    path = folder / f".exprag/runs/{run_id}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(exprag_start(run_id, git, **more) + exprag_tracks(run_id))
    return path


class Mlflow:
    """What two stores are to hold: the same four runs."""

    def __init__(self, commit: str) -> None:
        source = {"mlflow.source.git.commit": commit, "mlflow.source.git.branch": "main",
                  "mlflow.source.name": "ml.py", "mlflow.source.type": "LOCAL",
                  "mlflow.user": "root"}  # fmt: skip
        self.tags = {
            BASE: {**source, "team": "a", "mlflow.note.content": "a note\nof two lines",
                   "mlflow.runName": "base"},
            CHILD: {**source, "mlflow.parentRunId": BASE, "mlflow.runName": "child"},
            GONE: source,
            RUNNING: {"mlflow.runName": "running"},
        }  # fmt: skip
        self.params = {BASE: {"lr": "0.1", "opt": "adam", "deep/er": "x"}}
        nan, inf = float("nan"), float("inf")
        self.metrics: dict[str, dict[str, list[tuple[int, float, int]]]] = {
            BASE: {
                "loss": [(MS + 9, 1.0, 0), (MS + 10, 0.5, 1), (MS + 11, 0.25, 2)],
                "val/acc": [(MS + 9, 0.5, 0), (MS + 10, 0.6, 1), (MS + 11, 0.7, 2)],
                "nan": [(MS + 12, nan, 0)],
                "inf": [(MS + 13, -inf, 0)],
            },
            CHILD: {"x": [(MS + 24, 1.0, 0)]},
        }
        self.runs = {
            BASE: ("base", "FINISHED", MS, MS + 25, "active"),
            CHILD: ("child", "FAILED", MS + 17, MS + 24, "active"),
            GONE: ("bad", "FAILED", MS + 27, MS + 33, "deleted"),
            RUNNING: ("running", "RUNNING", MS + 36, None, "active"),
        }

    def folder(self, root: Path) -> Path:
        """The file store, as `mlruns`."""
        experiment = root / "mlruns/838532524855183483"
        _write(experiment / "meta.yaml", "experiment_id: '838532524855183483'\n"
               "lifecycle_stage: active\nname: digits\nworkspace: default\n")  # fmt: skip
        _write(root / "mlruns/0/meta.yaml", "experiment_id: '0'\nname: Default\n")
        for run_id, row in self.runs.items():
            _write(experiment / run_id / "meta.yaml", _meta(run_id, row))
            for kind, texts in (("tags", self.tags), ("params", self.params)):
                for key, text in texts.get(run_id, {}).items():
                    _write(experiment / run_id / kind / key, text)
            for key, lines in self.metrics.get(run_id, {}).items():
                text = "".join(f"{ms} {value} {step}\n" for ms, value, step in lines)
                _write(experiment / run_id / "metrics" / key, text)
        _write(experiment / BASE / "artifacts/sub/out.txt", "hello")
        return root / "mlruns"

    def database(self, root: Path) -> Path:
        """The SQLite store, as `mlflow.db`."""
        path = root / "mlflow.db"
        with closing(sqlite3.connect(path)) as db:
            db.executescript(_SCHEMA)
            db.execute("INSERT INTO experiments VALUES (1, 'digits', 'active')")
            for run_id, (name, status, started, ended, stage) in self.runs.items():
                uri = str(root / f"mlruns/1/{run_id}/artifacts")
                row = (run_id, name, "UNKNOWN", "", "", "root", status, started, ended, "", stage,
                       uri, 1, None)  # fmt: skip
                db.execute(
                    "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row
                )
            db.executemany("INSERT INTO tags VALUES (?, ?, ?)", _rows(self.tags))
            db.executemany("INSERT INTO params VALUES (?, ?, ?)", _rows(self.params))
            db.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", self._samples())
            db.commit()
        _write(root / f"mlruns/1/{BASE}/artifacts/sub/out.txt", "hello")
        return path

    def _samples(self) -> list[tuple[str, float, int, str, int, bool]]:
        found = []
        for run_id, metrics in self.metrics.items():
            for key, lines in metrics.items():
                for ms, value, step in lines:
                    nan = value != value
                    # How MLflow stores what SQL has no word for.
                    kept = 0.0 if nan else max(-1.7976931348623157e308, value)
                    found.append((key, kept, ms, run_id, step, nan))
        return found


def _rows(texts: Mapping[str, Mapping[str, str]]) -> list[tuple[str, str, str]]:
    return [(key, text, run_id) for run_id, of in texts.items() for key, text in of.items()]


def store() -> Store:
    return Store.open(Path.cwd(), os.environ)


def bring(tool: str, path: Path, *, dry_run: bool = False) -> arrivals.Report:
    """Import into the repository of the current folder."""
    return arrivals.bring(store(), imports.opened(tool, path), dry_run=dry_run)


def brought(tool: str, path: Path) -> Run:
    """The one run that comes in."""
    report = bring(tool, path)
    assert report.broken == []
    (one,) = report.imported
    return got(one.id)


def got(run_id: str) -> Run:
    found = store().get(run_id)
    assert found is not None
    return found


def named() -> dict[str, Run]:
    return {run.name: run for run in store().runs()}


def tracks(run: Run) -> list[records.Track]:
    events = [records.parse(line) for line in store().series(run)]
    assert all(isinstance(event, records.Track) for event in events)
    return [event for event in events if isinstance(event, records.Track)]


def _meta(run_id: str, row: tuple[str, str, int, int | None, str]) -> str:
    name, status, started, ended, stage = row
    number = {"RUNNING": 1, "FINISHED": 3, "FAILED": 4}[status]
    return (
        f"artifact_uri: file:///elsewhere/{run_id}/artifacts\n"
        f"end_time: {'null' if ended is None else ended}\nentry_point_name: ''\n"
        f"experiment_id: '838532524855183483'\nlifecycle_stage: {stage}\nrun_id: {run_id}\n"
        f"run_name: {name}\nsource_name: ''\nsource_type: 4\nsource_version: ''\n"
        f"start_time: {started}\nstatus: {number}\ntags: []\nuser_id: root\n"
    )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
