"""What a whole process costs above the imports it cannot do without."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.perf.conftest import Big
from tests.perf.measure import Row, interleaved, process, ratio

HEAVY = ("pygit2", "click", "rich")


def test_importing_git_exp_takes_little_longer_than_msgspec(
    tmp_path: Path, rows: list[Row]
) -> None:
    took = interleaved(
        30,
        floor=process((sys.executable, "-c", "import msgspec"), tmp_path),
        ours=process((sys.executable, "-c", "import git_exp"), tmp_path),
        public=process((sys.executable, "-c", "from git_exp import Experiment"), tmp_path),
    )
    code = f"import sys, git_exp; print(*{set(HEAVY)} & set(sys.modules))"
    loaded = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True).stdout

    rows.append(ratio("python -c 'import git_exp'", took["floor"], took["ours"], at_most=1.5))
    rows.append(ratio("from git_exp import Experiment", took["floor"], took["public"]))
    assert loaded == "\n"


@pytest.mark.parametrize("loose", [True, False], ids=["loose", "packed"])
def test_log_takes_little_longer_than_its_imports(big: Big, rows: list[Row], loose: bool) -> None:
    repo = big("repo", 1_000, loose=loose)
    script = shutil.which("git-exp")
    assert script

    took = interleaved(
        20,
        floor=process((sys.executable, "-c", "import pygit2, click, msgspec"), repo),
        script=process((script, "log", "-n", "20"), repo),
        git=process(("git", "exp", "log", "-n", "20"), repo),
    )

    how = f"{'loose, as sealed' if loose else 'packed by gc'}; {_install()}"
    what = f"git-exp log -n 20 of 1,000 runs ({how})"
    rows.append(ratio(what, took["floor"], took["script"], at_most=1.5))
    rows.append(ratio("the same by `git exp`", took["floor"], took["git"]))


def _install() -> str:
    """Whether what is measured is installed as users have it."""
    told = importlib.metadata.distribution("git-exp").read_text("direct_url.json")
    editable = told is not None and json.loads(told).get("dir_info", {}).get("editable", False)
    return "editable install" if editable else "installed"
