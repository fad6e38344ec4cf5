"""What a message or a card tells of a run: its params and metrics, each in one escaped line."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

from git_exp import query, summary, table
from git_exp.run import Run

MOST = 50

Pairs = list[tuple[str, str]]

_SIGNS = re.compile(f"[{re.escape(string.punctuation)}]")


def title(run: Run) -> str:
    """The name of a run in one line, or what its first note begins with, or its id."""
    notes = [one.text.strip() for one in run.notes]
    said = (run.name, *(text.partition("\n")[0] for text in notes))
    found = next((text.strip() for text in said if text.strip()), "")
    return summary.plain(found) or f"run {query.short(run.id)}"


def params(run: Run) -> Pairs:
    """The params of a run, exact unless they are long."""
    return _few([(summary.plain(key), summary.plain(text)) for key, text in table.params(run)])


def metrics(run: Run) -> Pairs:
    """The metrics of a run by their last values."""
    every = run.metrics.items()
    return _few(
        [(summary.plain(path), summary.plain(table.number(one.last))) for path, one in every]
    )


def missing(run: Run) -> Pairs:
    """What ran and is not in the snapshot, and why."""
    git = run.git
    if git is None:
        return []
    dirty = [(one.path, "submodule with changes") for one in git.submodules if one.dirty]
    missed = [(one.path, one.reason) for one in git.missed]
    return _few([(summary.plain(path), summary.plain(why)) for path, why in (*dirty, *missed)])


def markdown(text: str) -> str:
    """Text as Markdown shows it: nothing of it is a link, an image, HTML or the end of a cell."""
    return _SIGNS.sub(r"\\\g<0>", text)


def _few(pairs: Sequence[tuple[str, str]]) -> Pairs:
    more = len(pairs) - MOST
    return [*pairs[:MOST], *([(f"and {more} more", "")] if more > 0 else [])]
