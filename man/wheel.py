"""What hatchling asks for a wheel: where the manual pages go below the environment."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Pages(BuildHookInterface[Any]):
    """Every page in its section of `share/man`, for editable installs too."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        stubs = Path(tempfile.mkdtemp(prefix="git-exp-man-"))
        for page in sorted(Path(self.root, "man").glob("*.[157]")):
            section = f"share/man/man{page.suffix[1:]}"
            build_data["shared_data"][str(page)] = f"{section}/{page.name}"
            if page.name.startswith("git-exp-"):
                # `git help exp-log` asks man for gitexp-log.
                stub = stubs / page.name.replace("git-exp-", "gitexp-", 1)
                stub.write_text(f".so man{page.suffix[1:]}/{page.name}\n")
                build_data["shared_data"][str(stub)] = f"{section}/{stub.name}"
