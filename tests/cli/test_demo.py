"""git exp demo: it does what it shows."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.conftest import Exp


def test_it_shows_three_runs_the_log_a_diff_and_the_best_code_restored(
    tmp_path: Path, exp: Exp
) -> None:
    shown = exp("demo", "--keep", "played", cwd=tmp_path).stdout

    assert [line for line in shown.splitlines() if line.startswith("$ git exp")] == [
        "$ git exp run --name baseline -- " + _python(shown) + " train.py",
        "$ git exp run --name squares -m 'give the model the squares' -- "
        + _python(shown) + " train.py",
        "$ git exp run --name larger-steps -m 'take larger steps' -- "
        + _python(shown) + " train.py",
        "$ git exp log",
        "$ git exp diff baseline '@{best:accuracy}'",
        "$ git exp checkout --save '@{best:accuracy}'",
        "$ git exp diff --stat '@{best:accuracy}'",
    ]  # fmt: skip
    assert "+    return [1.0, x, y, x * x, y * y]" in shown
    assert shown.rstrip().endswith("the code that gave the best accuracy")
    log = exp("log", "--format", "%n %s %(metric:accuracy)", cwd=tmp_path / "played").stdout
    assert log.splitlines() == [
        "larger-steps finished 0.9425",
        "squares finished 0.9825",
        "baseline finished 0.4775",
    ]
    code = (tmp_path / "played" / "train.py").read_text()
    assert "x * x, y * y" in code
    assert "RATE = 0.5" in code


@pytest.mark.slow
def test_it_leaves_nothing_behind_and_runs_none_of_the_users_hooks(
    tmp_path: Path, exp: Exp, git: object
) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("pre-commit", "post-checkout", "reference-transaction"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/hooked\n")
        (hooks / name).chmod(0o755)
    subprocess.run(("git", "config", "--global", "core.hooksPath", hooks), check=True)
    temp = tmp_path / "temp"
    temp.mkdir()

    done = subprocess.run(
        ("env", f"TMPDIR={temp}", "git", "exp", "demo"), capture_output=True, cwd=tmp_path
    )

    assert done.returncode == 0
    assert not list(temp.iterdir())
    assert not (tmp_path / "hooked").exists()


def test_a_folder_that_is_there_is_refused(tmp_path: Path, exp: Exp) -> None:
    refused = exp("demo", "--keep", ".", code=2, cwd=tmp_path)

    assert refused.stderr == "error: '.' is there already\nhint: name a new folder\n"


def _python(shown: str) -> str:
    return shown.partition("-- ")[2].partition(" ")[0]
