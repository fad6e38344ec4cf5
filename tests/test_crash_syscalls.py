"""kill -9 at the system calls themselves, those of libgit2 among them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.test_crash import forget, prove, status

CALLS = ("write", "pwrite64", "fsync", "rename", "renameat2", "unlink", "link", "linkat", "mkdir",
         "rmdir", "ftruncate")  # fmt: skip
EVERY = 3
SCRIPT = """
import os, sys
tell = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY | os.O_APPEND)
from git_exp import Experiment
exp = Experiment("doomed", params={"lr": 0.1})
os.write(tell, f"run {exp.run_id}\\n".encode())
for number in range(4):
    exp.track({"loss": number})
    os.write(tell, b"track\\n")
exp.finish()
os.write(tell, b"finish\\n")
"""


def traced(witness: Path, *options: str) -> list[str]:
    """Run the script under strace, and give what it told before it died."""
    witness.unlink(missing_ok=True)
    log = witness.with_suffix(".trace")
    words = ("strace", "-qq", "-o", str(log), *options, sys.executable, "-c", SCRIPT, str(witness))
    subprocess.run(words, capture_output=True)
    return witness.read_text().splitlines() if witness.exists() else []


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_a_kill_at_any_system_call_loses_nothing(repo: Path, tmp_path: Path) -> None:
    (repo / "new.py").write_text("x = 1\n")
    (repo / "train.py").write_text("print('changed')\n")
    before = status(repo)
    witness = tmp_path / "witness"
    told = traced(witness, "-e", f"trace={','.join(CALLS)}")
    assert told[-1] == "finish"
    seen = re.findall(r"^(\w+)\(", witness.with_suffix(".trace").read_text(), re.M)
    counted = Counter(seen)
    assert counted["write"] > 10
    assert counted["rename"] + counted["link"] > 5

    for call, total in counted.items():
        for at in range(1, total + 1, EVERY):
            forget(repo)
            inject = f"inject={call}:signal=SIGKILL:when={at}"
            told = traced(witness, "-e", f"trace={call}", "-e", inject)
            try:
                prove(repo, told, before)
            except AssertionError as error:
                raise AssertionError(f"killed at {call} {at} of {total}: {told}") from error
