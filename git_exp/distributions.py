"""What is installed where a run runs: distributions by their folders' names, and GPUs."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

_INFO = re.compile(r"(?P<name>.+?)-(?P<version>[^-]+?)(?:-py[\d.]+)?\.(?:dist-info|egg-info)")
_GPUS = Path("/proc/driver/nvidia/gpus")


def listing(path: Sequence[str] | None = None) -> bytes:
    """The installed distributions, one `name==version` a line, sorted.

    Told from the names of `*.dist-info` folders (PEP 376, PEP 427) on `sys.path`: the first of a
    name wins, as in an import. Reading their METADATA would take a hundred times as long.
    """
    found: dict[str, str] = {}
    for folder in sys.path if path is None else path:
        for name, version in _installed(folder or "."):
            found.setdefault(name, version)
    return os.fsencode("".join(f"{name}=={found[name]}\n" for name in sorted(found)))


def gpus(root: Path = _GPUS) -> list[str]:
    """The models of NVIDIA GPUs, as the driver names them."""
    try:
        cards = sorted(root.glob("*/information"))
        return [model for card in cards if (model := _model(card.read_text("utf-8", "replace")))]
    except OSError:
        return []


def _installed(folder: str) -> Iterator[tuple[str, str]]:
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError:
        return
    for name in names:
        if found := _INFO.fullmatch(name):
            yield re.sub(r"[-_.]+", "-", found["name"]).lower(), found["version"]


def _model(text: str) -> str:
    models = (line.partition(":")[2].strip() for line in text.splitlines() if "Model:" in line)
    return next(models, "")
