"""The artifacts that a run keeps, as files that may be written or sent."""

from __future__ import annotations

import hashlib
from typing import cast

from git_exp import errors, query
from git_exp.action.action import Action
from git_exp.git import paths
from git_exp.run import Run
from git_exp.store import Store


def store(action: Action) -> Store:
    """The store that an action's run was read from."""
    return cast(Store, action.of_run._source)


def names(run: Run) -> list[str]:
    """The artifacts whose bytes the run keeps. Raises `AnswerIsNo` where it keeps none."""
    found = [one.path for one in run.artifacts if one.stored]
    if found:
        return found
    away = next((one for one in run.artifacts if not one.stored), None)
    raise errors.AnswerIsNo(
        f"run {query.short(run.id)} keeps no artifact",
        hint=f"'{away.path}' is where it was: {away.uri}"
        if away
        else "keep one: Experiment.artifact(path)",
    )


def read(found: Store, run: Run, name: str) -> bytes:
    """The bytes of an artifact, as they were recorded. Raises `NotFound`."""
    # Its name is what somebody has recorded: it has to be one that could be recorded here.
    paths.checked(name)
    data = found.file(run, f"artifacts/{name}")
    known = next((one for one in run.artifacts if one.path == name), None)
    if data is None or known is None:
        raise errors.NotFound(f"artifact '{name}' of run {query.short(run.id)} is not here")
    if known.sha256 and hashlib.sha256(data).hexdigest() != known.sha256:
        raise errors.NotFound(f"artifact '{name}' is not what was recorded: its SHA-256 differs")
    return data
