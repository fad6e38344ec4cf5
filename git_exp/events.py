"""The records of a run as a screen shows them: a line each."""

from __future__ import annotations

import json
from typing import Any

from git_exp import records, table


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
