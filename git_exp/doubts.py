"""What makes a run less than it seems, in words that are said loudly."""

from __future__ import annotations

from git_exp.run import Run


def of(run: Run) -> list[str]:
    """A line for each doubt; nothing for a run that is whole."""
    capture = run.git.capture if run.git else "none"
    said = []
    if capture == "none":
        said.append("NO SNAPSHOT: the code that ran was not captured")
    elif run.partial:
        said.append("PARTIAL SNAPSHOT: not all of the code that ran was captured")
    if run.conflicts:
        keys = ", ".join(dict.fromkeys(run.conflicts))
        said.append(f"CONFLICT: several values were given for {keys}")
    if run.damaged:
        records_are = "1 record is" if run.damaged == 1 else f"{run.damaged} records are"
        said.append(f"DAMAGE: {records_are} not readable; see git exp fsck")
    return said
