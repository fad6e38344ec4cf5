"""Runs by the thousand, written by `git fast-import` with the bytes that git exp itself writes."""

from __future__ import annotations

import hashlib
import random
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from git_exp import data, names, records
from git_exp.git import notes

WHO = b"Ada <ada@example.org>"
PACKAGES = b"msgspec==0.22.0\nnumpy==2.4.6\npygit2==1.21.0\n"
FIRST = 1_735_689_600
_VARIANTS = 16


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What to make: `committed` is the committer date that `git_exp.git.dates` asks for.

    `loose` leaves what git exp leaves after sealing run by run: a notes commit each, loose objects
    and loose refs. Otherwise it is what git's own gc makes of it: one pack, packed refs.
    """

    runs: int
    committed: int
    tracks: int = 100
    data: bool = True
    loose: bool = False
    seed: int = 1

    @property
    def batch(self) -> int:
        """Runs in one notes commit."""
        return 1 if self.loose else 5_000


@dataclass(frozen=True, kw_only=True)
class _Base:
    """What the runs are runs of."""

    head: bytes
    trees: Sequence[bytes]


@dataclass(frozen=True, kw_only=True)
class _One:
    """A run that was written."""

    run_id: str
    commit: bytes
    note: bytes


def fill(repo: Path, shape: Shape) -> list[str]:
    """Put sealed runs into a repository that has no notes yet; their ids, oldest first."""
    with tempfile.TemporaryDirectory(dir=repo / ".git") as folder:
        marks = Path(folder) / "marks"
        written = _imported(repo, shape, marks)
        tips = _data_tips(marks)
    _git(repo, "update-ref", "-d", "refs/exp/tmp")
    lines = {f"refs/runs/{one.run_id}": one.commit for one in written}
    lines |= {data.name(one.run_id): tips[at] for at, one in enumerate(written) if at in tips}
    orders = b"".join(b"create %b %b\n" % (name.encode(), lines[name]) for name in sorted(lines))
    if shape.loose:
        _git(repo, "update-ref", "--stdin", stdin=orders)
    else:
        _pack_refs(repo, lines)
        _git(repo, "-c", "gc.writeCommitGraph=true", "gc", "-q")
    own = repo / ".git" / "exp" / "local"
    own.parent.mkdir(exist_ok=True)
    own.write_text("".join(f"{one.run_id}\n" for one in written))
    return [one.run_id for one in written]


def _imported(repo: Path, shape: Shape, marks: Path) -> list[_One]:
    limit = 1 << 30 if shape.loose else 0
    words = (
        *("git", "-c", f"fastimport.unpackLimit={limit}", "fast-import", "--quiet", "--force"),
        f"--export-marks={marks}",
    )
    with subprocess.Popen(words, cwd=repo, stdin=subprocess.PIPE, bufsize=1 << 20) as importing:
        assert importing.stdin is not None
        written = list(_stream(repo, shape, importing.stdin.write))
    assert importing.returncode == 0
    return written
