"""The records of a run, and what it offers, as a screen shows them: a line each."""

from __future__ import annotations

import json
from typing import Any

from git_exp import records, table
from git_exp.run import Run


def plain(line: bytes) -> dict[str, Any]:
    """A record as JSON has it; of a damaged one its bytes."""
    if isinstance(records.parse(line), records.Damaged):
        return {"line": line.decode(errors="backslashreplace")}
    event: dict[str, Any] = json.loads(line)
    return event


def told(line: bytes) -> tuple[str, str, str]:
    """When, what kind of record, and all else that it says."""
    event = plain(line)
    t, kind = event.pop("t", ""), event.pop("event", "damaged")
    return str(t), str(kind), table.text(event)


def actions(run: Run) -> list[tuple[str, str]]:
    """The actions that a run offers, each with what it does and what came of it the last time."""
    last = {one.id: one for one in run.results}
    return [
        (f"{one.cls} {one.id[:8]}", f"{one.description}{_outcome(last.get(one.id))}")
        for one in run.actions
    ]


def _outcome(result: records.ActionResult | None) -> str:
    if result is None:
        return ""
    said = result.outcome.get("status") if isinstance(result.outcome, dict) else result.outcome
    return f" ({table.text(said)} {result.t[:10]})"
