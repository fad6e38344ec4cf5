"""Registering: the objects of a run's tasks and actions, in its records the moment this returns."""

from __future__ import annotations

import threading
from typing import Any

from git_exp import errors, records, values
from git_exp.action import trusted
from git_exp.action.action import Action
from git_exp.config import Config, objects
from git_exp.recorder import Recorder

LONGEST = 200


class Register:
    """What one process registers with one run; threads share it."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._root = recorder.repo.top
        self._writer = objects.Writer(self._root)
        self._mark = trusted.marker(recorder.repo, recorder.run_id, recorder.commit)
        self._known: set[str] = set()
        self._lock = threading.Lock()

    def action(self, action: Action) -> str:
        """Register an action and give its id, which is that of its values; again does nothing."""
        found = identified(action)
        with self._lock:
            if found in self._known:
                return found
        # Without the lock: what it says of itself is the user's code.
        said = described(action)
        with self._lock:
            if found in self._known:
                return found
            self._keep(action, "action", found, description=said)
            self._recorder.record(
                lambda t: records.Action(t=t, id=found, cls=type(action).__name__, description=said)
            )
            self._known.add(found)
        return found

    def job(self, key: str, task: Config, *, earlier: str | None = None) -> None:
        """Register a task under its key; `earlier` is the run that had finished it before."""
        with self._lock:
            if key not in self._known:
                self._keep(task, "job", key, **({"run": earlier} if earlier else {}))
                self._known.add(key)

    def _keep(self, config: Config, kind: str, name: str, **told: str) -> None:
        # The objects first: a record never names what is not there.
        try:
            found, fresh = self._writer.add(config)
            mark = self._mark(kind, name, found)
            named = {kind: name, **told, "object": found, "mark": mark}
            lines = [records.encode(one) for one in (*fresh, named)]
            self._recorder.keep_objects(b"".join(line + b"\n" for line in lines))
        except BaseException:
            # What it counts as written may not be.
            self._writer = objects.Writer(self._root)
            raise


def identified(action: Any) -> str:
    """The id of an action: of equal ones it is the same. Raises `BadConfig` for what is none."""
    if not isinstance(action, Action):
        raise errors.BadConfig(f"add_action() takes an Action, not {type(action).__name__}")
    return action.config_id()[:32]


def described(action: Action) -> str:
    """What an action says of itself, in one line."""
    said = " ".join(str(action.describe()).split())
    return values.quoted(said[:LONGEST])
