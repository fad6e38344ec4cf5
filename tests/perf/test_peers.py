"""What a sorted list of a thousand runs costs here and with peers: mlflow and dvc.

Peers are installed once, by the pins below, each into a virtual environment in pytest's cache
folder; there too are the same thousand runs as each of them keeps them, written through mlflow's
own API and, for dvc, as the commits that `dvc exp run` would have left. All of them are whole
processes that print what they found, with telemetry and checks for updates switched off.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.perf import generate
from tests.perf.conftest import Big
from tests.perf.measure import Row, Times, interleaved, process, spent
from tests.perf.repository import git, make

RUNS = 1_000
ROUNDS = 3
GOAL = 20
# The last `acc` of all generated runs is the same, `loss` is what tells them apart.
OURS = ("log", "--sort", "loss")
QUIET = {
    "DO_NOT_TRACK": "true",
    "DVC_NO_ANALYTICS": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}
Listed = list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Mlflow:
    """A distribution of mlflow, and how its `search_runs` is asked there."""

    pins: tuple[str, ...]
    output: str
    goal: int

    @property
    def title(self) -> str:
        return self.pins[0].replace("==", " ")


# What the goal names is mlflow, asked as its manual does, which answers with pandas; its small
# distribution, which starts quicker and answers with a list, is there to be known.
WHOLE = Mlflow(pins=("mlflow==3.17.2",), output="pandas", goal=GOAL)
SKINNY = Mlflow(
    pins=("mlflow-skinny==3.17.2", "sqlalchemy==2.1.9", "alembic==1.20.1"), output="list", goal=0
)
DVC = ("dvc==3.67.1",)
STORES = {"file store": "file://{}/files", "SQLite": "sqlite:///{}/runs.db"}

FILL_MLFLOW = """
import json, sys
from mlflow import MlflowClient
from mlflow.entities import Metric, Param

client = MlflowClient()
within = client.create_experiment("listed")
for run in json.load(sys.stdin):
    start, end = run["start"], run["start"] + 50_000
    made = client.create_run(within, start_time=start, run_name=run["name"]).info.run_id
    client.log_batch(
        made,
        metrics=[Metric(key, value, end, 0) for key, value in run["metrics"].items()],
        params=[Param(key, str(value)) for key, value in run["params"].items()],
    )
    client.set_terminated(made, run["status"].upper(), end)
"""
LIST_MLFLOW = """
import sys, mlflow

found = mlflow.search_runs(
    experiment_names=["listed"], order_by=["metrics.loss"], output_format=sys.argv[1]
)
if sys.argv[1] == "pandas":
    print(found.to_csv())
else:
    print("name,status,metrics.loss,metrics.acc,params.lr,params.seed,params.optimizer")
    for run in found:
        metrics, params = run.data.metrics, run.data.params
        cells = metrics["loss"], metrics["acc"], params["lr"], params["seed"], params["optimizer"]
        print(run.info.run_name, run.info.status, *cells, sep=",")
"""

TRAIN = "print('trained')\n"
STAGES = """\
stages:
  train:
    cmd: python train.py
    deps:
    - train.py
    params:
    - lr
    - seed
    - optimizer
    metrics:
    - metrics.json:
        cache: false
"""
LOCK = """\
schema: '2.0'
stages:
  train:
    cmd: python train.py
    deps:
    - path: train.py
      hash: md5
      md5: {train}
      size: {train_size}
    params:
      params.yaml:
        lr: {lr}
        optimizer: {optimizer}
        seed: {seed}
    outs:
    - path: metrics.json
      hash: md5
      md5: {metrics}
      size: {metrics_size}
"""
SORTED = ("exp", "show", "--csv", "--sort-by", "loss", "--sort-order", "asc")


class Kept:
    """Folders in pytest's cache that are made once; one that was left half made is made anew."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def folder(self, name: str, key: str, fill: Callable[[Path], object]) -> Path:
        """The folder of a name, in which `fill` has put what the key stands for."""
        made = self._home / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
        whole = made.with_name(f"{made.name}.whole")
        if not whole.exists():
            for old in list(self._home.glob(f"{name}-{'[0-9a-f]' * 12}*")):
                shutil.rmtree(old) if old.is_dir() else old.unlink()
            made.mkdir()
            fill(made)
            whole.touch()
        return made

    def installed(self, name: str, pins: Sequence[str]) -> Path:
        """The folder of programs of an environment with these packages, or the test is skipped."""
        return self.folder(name, " ".join(pins), lambda path: _install(path, pins)) / "bin"


@pytest.fixture
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Kept:
    home = request.config.cache.mkdir("git-exp-peers")
    for key, value in {**QUIET, "DVC_SITE_CACHE_DIR": str(home / "dvc-site")}.items():
        monkeypatch.setenv(key, value)
    return Kept(home)


@pytest.mark.parametrize("peer", [WHOLE, SKINNY], ids=lambda peer: peer.pins[0])
def test_a_sorted_list_is_quicker_than_with_mlflow(
    big: Big, kept: Kept, rows: list[Row], peer: Mlflow
) -> None:
    python = kept.installed(peer.title.partition(" ")[0], peer.pins) / "python"
    repo = big("repo", RUNS)
    runs = listed(repo)
    stores = {name: store(kept, python, runs, peer, url) for name, url in STORES.items()}
    words = (python, "-c", LIST_MLFLOW, peer.output)
    for env in stores.values():
        same(runs, (run["metrics.loss"] for run in answer(words, repo, **env)))

    took = interleaved(
        ROUNDS,
        ours=process((script(), *OURS), repo),
        **{name: process(words, repo, **env) for name, env in stores.items()},
    )

    for name in stores:
        what = f"{peer.title} search_runs as {peer.output}, {name}"
        rows.extend(quicker(what, took[name], took["ours"], at_least=peer.goal))


def test_a_sorted_list_is_quicker_than_with_dvc(big: Big, kept: Kept, rows: list[Row]) -> None:
    dvc = kept.installed("dvc", DVC) / "dvc"
    repo = big("repo", RUNS)
    runs = listed(repo)
    beside = kept.folder("dvc-runs", said(DVC), lambda path: Experiments(path / "repo").fill(runs))
    theirs = beside / "repo"
    words = (dvc, *SORTED)
    names = subprocess.run(
        (dvc, "exp", "list", "--name-only"), cwd=theirs, capture_output=True, text=True, check=True
    ).stdout.split()
    assert set(names) == {run["id"] for run in runs}
    experiments = [run for run in answer(words, theirs) if run["typ"] != "baseline"]
    same(runs, (run["loss"] for run in experiments))

    warm = interleaved(ROUNDS, theirs=process(words, theirs), ours=process((script(), *OURS), repo))
    cold = interleaved(1, theirs=lambda: first(words, theirs), ours=lambda: anew(repo))

    title = f"{DVC[0].replace('==', ' ')} exp show --csv --sort-by"
    what = f"{title}, caches warm as on a second call"
    rows.extend(quicker(what, warm["theirs"], warm["ours"], at_least=GOAL))
    what = f"{title}, first call, no caches (ours: no index)"
    rows.extend(quicker(what, cold["theirs"], cold["ours"]))


def quicker(what: str, peer: Times, ours: Times, *, at_least: int = 0) -> Iterator[Row]:
    """How many times as long a peer takes; and how long that is."""
    figure = peer.median / ours.median
    numbers = {
        name: {"median": one.median, "min": one.least, "max": one.most, "runs": len(one.samples)}
        for name, one in (("floor", peer), ("ours", ours))
    }
    yield Row(
        what=f"list {RUNS:,} runs by a metric beside {what}",
        floor=str(peer),
        ours=str(ours),
        figure=f"{figure:.1f}x quicker",
        goal=f"at least {at_least}x quicker" if at_least else "",
        met=figure >= at_least if at_least else None,
        numbers={**numbers, "ratio": figure},
    )
    yield Row(what=what, floor=str(peer), ours="", figure=f"{peer.median:.2f} s")


def listed(repo: Path) -> Listed:
    """Our runs in order of their loss, in the few words that a peer is told."""
    done = subprocess.run(
        (script(), *OURS, "--json"), cwd=repo, capture_output=True, text=True, check=True
    )
    runs = json.loads(done.stdout)["runs"]
    assert len(runs) == RUNS
    assert len({run["metrics"]["loss"]["last"] for run in runs}) > RUNS // 2
    return [
        {
            "id": run["id"],
            "name": run["name"],
            "status": run["status"],
            "start": int(datetime.fromisoformat(run["started"]).timestamp()) * 1_000,
            "params": run["params"],
            "metrics": {key: one["last"] for key, one in run["metrics"].items()},
        }
        for run in runs
    ]


def same(runs: Listed, losses: Iterator[str]) -> None:
    """A peer has listed as many runs, and in the same order."""
    assert [float(loss) for loss in losses] == [run["metrics"]["loss"] for run in runs]


def store(kept: Kept, python: Path, runs: Listed, peer: Mlflow, url: str) -> Mapping[str, str]:
    """The environment in which mlflow finds a store of these runs."""

    def fill(path: Path) -> None:
        subprocess.run(
            (python, "-c", FILL_MLFLOW),
            cwd=path,
            input=json.dumps(runs),
            env={**os.environ, "MLFLOW_TRACKING_URI": url.format(path)},
            capture_output=True,
            text=True,
            check=True,
        )

    scheme = url.partition(":")[0]
    path = kept.folder(f"mlflow-{scheme}-runs", said(peer.pins[0].split("==")[1:]), fill)
    return {"MLFLOW_TRACKING_URI": url.format(path)}


class Experiments:
    """A repository of dvc with an experiment a run, written as `dvc exp run` writes them."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def fill(self, runs: Listed) -> None:
        make(self._path)
        for name, text in self._files().items():
            (self._path / name).parent.mkdir(exist_ok=True)
            (self._path / name).write_text(text)
        for name, text in self._outcome(runs[0]).items():
            (self._path / name).write_text(text)
        git(self._path, "add", ".")
        git(self._path, "commit", "-q", "-m", "baseline")
        head = git(self._path, "rev-parse", "HEAD")
        stream = "".join(self._commit(head, run) for run in runs)
        git(self._path, "fast-import", "--quiet", stdin=stream)
        git(self._path, "pack-refs", "--all")
        git(self._path, "gc", "-q")

    def _files(self) -> dict[str, str]:
        settings = "[core]\n    analytics = false\n    check_update = false\n"
        return {
            ".dvc/config": settings,
            ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
            ".dvcignore": "",
            "dvc.yaml": STAGES,
            "train.py": TRAIN,
        }

    def _outcome(self, run: Mapping[str, Any]) -> dict[str, str]:
        params, metrics = run["params"], json.dumps(run["metrics"])
        lock = LOCK.format(
            train=_md5(TRAIN),
            train_size=len(TRAIN),
            metrics=_md5(metrics),
            metrics_size=len(metrics),
            **params,
        )
        settings = "".join(f"{key}: {value}\n" for key, value in params.items())
        return {"params.yaml": settings, "metrics.json": metrics, "dvc.lock": lock}

    def _commit(self, head: str, run: Mapping[str, Any]) -> str:
        who = f"{generate.WHO} {run['start'] // 1_000} +0000"
        message = f"dvc: commit experiment {hashlib.sha256(run['id'].encode()).hexdigest()}"
        files = "".join(
            f"M 100644 inline {name}\ndata {len(text)}\n{text}\n"
            for name, text in self._outcome(run).items()
        )
        return (
            f"commit refs/exps/{head[:2]}/{head[2:]}/{run['id']}\nauthor {who}\ncommitter {who}\n"
            f"data {len(message)}\n{message}\nfrom {head}\n{files}\n"
        )


def answer(words: Sequence[str | Path], cwd: Path, **env: str) -> list[dict[str, str]]:
    """The lines of comma separated values that a peer prints, by their headings."""
    done = subprocess.run(
        words, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, check=True
    )
    return list(csv.DictReader(line for line in done.stdout.splitlines() if line))


def first(words: Sequence[str | Path], theirs: Path) -> float:
    """A call of dvc that has not read any experiment before."""
    for caches in (theirs / ".dvc/tmp", os.environ["DVC_SITE_CACHE_DIR"]):
        shutil.rmtree(caches)
    return spent(process(words, theirs))


def anew(repo: Path) -> float:
    """A call of ours that finds no index."""
    for path in (repo / ".git/exp").glob("index.db*"):
        path.unlink()
    return spent(process((script(), *OURS), repo))


def script() -> str:
    found = shutil.which("git-exp")
    assert found
    return found


def said(pins: Sequence[str]) -> str:
    """What kept runs depend on: a peer's version, and what writes them."""
    sources = (Path(file).read_text() for file in (__file__, generate.__file__))
    return "".join((*pins, *sources))


def _install(path: Path, pins: Sequence[str]) -> None:
    venv.create(path, with_pip=True, symlinks=True)
    done = subprocess.run(
        (path / "bin/python", "-m", "pip", "install", "-q", *pins), capture_output=True, text=True
    )
    if done.returncode:
        reason = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1]
        pytest.skip(f"cannot install {' '.join(pins)} for {sys.version.split()[0]}: {reason}")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
