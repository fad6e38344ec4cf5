"""One task executed, in whichever process it is: what came of it is told, not raised."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msgspec

from git_exp import ambient, endings, errors, records, values
from git_exp.config import fields
from git_exp.task.task import Task


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a task ended; `metrics` is what it returned, if that is a number or a mapping.

    `unrecorded` is why that cannot be recorded.
    """

    status: str = "finished"
    exit_code: int | None = None
    error: records.Error | None = None
    metrics: Any = None
    unrecorded: str | None = None
    wall_ms: float | None = None


def executed(task: Task, run_id: str | None) -> Outcome:
    """Execute a task whose run this is: an `Experiment` of its own joins that run."""
    begun = time.monotonic()
    token = ambient.within.set(run_id)
    try:
        returned = task.execute()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        status, code, told = endings.told_by(error)
        return Outcome(status=status, exit_code=code, error=told, wall_ms=_since(begun))
    finally:
        ambient.within.reset(token)
        endings.let_go(run_id)
    outcome = Outcome(exit_code=0, wall_ms=_since(begun))
    try:
        return msgspec.structs.replace(outcome, metrics=_counted(returned))
    except errors.Unencodable as error:
        return msgspec.structs.replace(outcome, unrecorded=str(error))


def _counted(returned: Any) -> Any:
    """What a task returned as records have it; None for what is no metric."""
    found = fields.plain(returned)
    if isinstance(found, bool) or not isinstance(found, int | float | Mapping):
        return None
    return values.plain(found, ("returned",))


def failed(kind: str, why: str) -> Outcome:
    """The outcome of a task that was not executed."""
    return Outcome(status="failed", error=records.Error(type=kind, message=why))


def _since(begun: float) -> float:
    """Milliseconds since then."""
    return round((time.monotonic() - begun) * 1000, 3)
