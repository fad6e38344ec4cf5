"""Actions executed for runs of a real repository, and runs whose records are anybody's."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from git_exp import Action, Answers, Experiment, Interaction
from git_exp.action.action import executing
from git_exp.records import Artifact
from git_exp.run import Run
from tests.spooled import Spooled, found, get, opened


def act(run: Run, action: Action, interaction: Interaction | None = None, **given: Any) -> None:
    """Execute an action for a run, with answers by their keys."""
    token = executing.set(run)
    try:
        action.execute(interaction or Answers(given))
    finally:
        executing.reset(token)


def made(repo: Path, files: dict[str, bytes] | None = None, **how: Any) -> Run:
    """A run of today's code that has kept these files."""
    with Experiment(how.pop("name", "slow"), repo=repo, **how) as experiment:
        for name, data in (files or {}).items():
            source = repo.parent / "source"
            source.write_bytes(data)
            experiment.artifact(source, name)
        experiment.track({"acc": 0.9375, "loss": 0.25}, step=1)
    run = opened(repo).get(experiment.run_id or "")
    assert run is not None
    return run


def told(repo: Path, *artifacts: dict[str, Any], name: str = "a run") -> Run:
    """A run whose records name these artifacts, whatever they are, with `data` where it has any."""
    spooled = Spooled(found(repo), name=name)
    for one in artifacts:
        data = one.pop("data", None)
        if data is not None:
            digest = hashlib.sha256(data).hexdigest()
            kept = spooled.folder / "artifacts" / digest
            kept.parent.mkdir(exist_ok=True)
            kept.write_bytes(data)
            one = {"sha256": digest, "stored": True, "size": len(data), **one}
        spooled.write(Artifact, **{"size": 1, **one})
    spooled.end()
    return get(opened(repo), spooled)


class Asked(Answers):
    """Answers, and what was asked by which labels."""

    def __init__(self, **given: Any) -> None:
        super().__init__(given)
        self.labels: list[str] = []

    def choice(self, key: str, label: str, choices: Any) -> str:
        self.labels.append(f"{label} {'|'.join(choices)}")
        return super().choice(key, label, choices)

    def checkbox(self, key: str, label: str, *, default: bool = False) -> bool:
        self.labels.append(f"{label} {default}")
        return super().checkbox(key, label, default=default)

    def text(self, key: str, label: str, *, default: str = "") -> str:
        self.labels.append(f"{label} {default}")
        return super().text(key, label, default=default)
