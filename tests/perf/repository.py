"""Repositories to measure in."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path


def git(cwd: Path, *args: str | Path, stdin: str = "", **env: str) -> str:
    """What git prints, without the last line feed."""
    done = subprocess.run(
        ("git", *map(str, args)),
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        env={**os.environ, **env},
    )
    assert done.returncode == 0, f"git {args}: {done.stderr}"
    return done.stdout.removesuffix("\n")


def make(path: Path, files: int = 20) -> Path:
    """A repository with one commit of some files, a hundred in a folder."""
    path.mkdir(parents=True)
    git(path, "init", "-q")
    for number in range(files):
        file = path / f"src{number // 100}" / f"file{number}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"number = {number}\n" * 20)
    git(path, "add", ".")
    git(path, "commit", "-q", "-m", "first")
    settle(path)
    return path


def settle(path: Path) -> None:
    """Let the index be older than now: files as young as their index are read again each time."""
    time.sleep(1.1)
    git(path, "update-index", "-q", "--refresh")
    git(path, "status")


def history(path: Path, commits: int, *, end: int = 1_760_000_000, apart: int = 3_600) -> None:
    """Many commits on top of HEAD, some seconds apart, the last at a given time."""
    lines: list[str] = []
    for number in range(commits):
        when = end - (commits - 1 - number) * apart
        who = f"Ada <ada@example.org> {when} +0000"
        start = "from refs/heads/main^0\n" if number == 0 else ""
        text = f"history = {number}\n"
        lines.append(
            f"commit refs/heads/main\nauthor {who}\ncommitter {who}\ndata 5\nwork\n{start}"
            f"M 100644 inline history.py\ndata {len(text)}\n{text}\n"
        )
    git(path, "fast-import", "--quiet", "--force", stdin="".join(lines))
    git(path, "reset", "-q", "--hard")
