"""Which way metrics are better, as sessions have said. Quick to import: each run asks it."""

from __future__ import annotations

import json
from typing import Any

from git_exp.git import cat, refs
from git_exp.git.repo import Repo
from git_exp.session import cargo

_WAYS = {"maximize": True, "minimize": False}


def ways(repo: Repo, first: str = "") -> dict[str, bool]:
    """Whether more of a metric is better, for each of which some session says so: the newest does.

    It goes for all runs of a repository, and when the session is over too. What the session whose
    id is or begins with `first` says comes before all others.
    """
    tips = refs.listing(repo, cargo.PREFIX)
    names = [f"{tip}:{cargo.EVENTS}" for tip in tips.values()]
    texts = zip(tips, cat.blobs(repo, names, most=cargo.LARGEST), strict=True)
    found = [(name.removeprefix(cargo.PREFIX), _start(text)) for name, text in texts if text]
    said = sorted(
        (bool(first) and name.startswith(first), str(start.get("t")),
         str(config.get("primary_metric")), _WAYS[config["direction"]])
        for name, start in found
        if isinstance(config := start.get("config"), dict)
        and config.get("primary_metric")
        and config.get("direction") in _WAYS
    )  # fmt: skip
    return {metric: way for _, _, metric, way in said}


def _start(text: bytes) -> dict[str, Any]:
    """How a session began, its first line; what has come after is not looked at."""
    try:
        told = json.loads(text.partition(b"\n")[0])
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) and told.get("event") == "start" else {}
