"""Measurements against floors: `pytest tests/perf` runs them, prints a table and writes JSON.

How to read the table. Each row sets what git exp does beside a floor that was measured in the same
run, in turns (A B A B …), so that a busy machine slows down both. Times are medians, with the
least and the most in brackets; `figure` is what the goal is about, in most rows ours divided by
the floor. A row without a goal is there to be known. `MISSED` fails its test, but only when
everything has been measured: the table is always whole. Absolute goals (sealing) hold for a disk
that nobody else is syncing; the row of the disk's own floor says how it was.

`--perf-json PATH` says where the JSON goes, by default into pytest's cache folder; there too are
the big repositories that `generate.py` makes, under a name that changes when the generator does.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.perf import generate
from tests.perf.measure import Row, table
from tests.perf.repository import make

HERE = Path(__file__).parent
ROWS = pytest.StashKey[list[Row]]()
Big = Callable[..., Path]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--perf-json", type=Path, help="where the measurements go as JSON")


def pytest_configure(config: pytest.Config) -> None:
    """Naming this folder is asking for it, though `perf` tests are not run otherwise."""
    config.stash[ROWS] = []
    asked = (config.invocation_params.dir / arg.partition("::")[0] for arg in config.args)
    if any(path.resolve().is_relative_to(HERE) for path in asked):
        if getattr(config.option, "numprocesses", None):
            raise pytest.UsageError("tests/perf measures time: run it without -n")
        _folder(config)
        marks = config.option.markexpr
        config.option.markexpr = f"perf or ({marks})" if marks else ""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.perf)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """A test fails by the rows it has missed, after all of it has been measured."""
    before = len(item.config.stash[ROWS])
    yield
    missed = [row for row in item.config.stash[ROWS][before:] if row.met is False]
    if missed:
        pytest.fail("\n".join(["missed:", *table(missed)[1:]]), pytrace=False)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    rows = config.stash[ROWS]
    if not rows:
        return
    machine = _machine()
    terminalreporter.section("measured")
    terminalreporter.write_line(machine)
    for line in table(rows):
        terminalreporter.write_line(line)
    target = config.getoption("--perf-json", None) or _folder(config) / "measured.json"
    document = {"machine": machine, "rows": [row.plain() for row in rows]}
    target.write_text(json.dumps(document, indent=2) + "\n")
    terminalreporter.write_line(f"as JSON: {target}")


@pytest.fixture
def rows(request: pytest.FixtureRequest) -> list[Row]:
    """The table; a test adds its rows."""
    return request.config.stash[ROWS]


@pytest.fixture
def big(request: pytest.FixtureRequest, tmp_path: Path) -> Big:
    """A repository of one commit with many sealed runs: a copy of one that is made once."""
    folder = _folder(request.config)
    made = hashlib.sha256(Path(generate.__file__).read_bytes()).hexdigest()[:12]

    def copied(name: str, runs: int, **how: Any) -> Path:
        said = "-".join(word for word, given in how.items() if given) or "packed"
        kept = folder / f"{runs}-{said}-{made}"
        if not kept.exists():
            half = folder / "half"
            for old in folder.iterdir():
                if old.is_dir() and not old.name.endswith(made):
                    shutil.rmtree(old)
            make(half)
            generate.fill(half, generate.Shape(runs=runs, **how))
            half.rename(kept)
        shutil.copytree(kept, tmp_path / name, symlinks=True)
        return tmp_path / name

    return copied


def _folder(config: pytest.Config) -> Path:
    kept: pytest.Cache | None = getattr(config, "cache", None)
    if kept is None:
        raise pytest.UsageError("tests/perf keeps what it makes in pytest's cache")
    return kept.mkdir("git-exp-perf")


def _machine() -> str:
    git = subprocess.run(("git", "--version"), capture_output=True, text=True).stdout.strip()
    loads = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    python = f"Python {platform.python_version()}"
    return f"{platform.system()} {platform.release()}, {python}, {git}, load average: {loads}"
