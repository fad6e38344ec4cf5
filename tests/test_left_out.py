"""git_exp.left_out: what has become of the files that a snapshot had left out."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from git_exp import left_out, records
from git_exp.run import Run


def run(*skipped: records.Skipped, **git: Any) -> Run:
    known = records.Git(commit="c", capture="full", skipped=list(skipped), **git)
    return Run(id="r", commit="c", git=known)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("known", "now"),
    [
        ({"size": 3, "sha256": digest(b"abc")}, None),
        ({"size": 3, "sha256": digest(b"abd")}, "differs"),
        ({"size": 4, "sha256": digest(b"abc")}, "differs"),
        ({"size": 3, "mtime": 1000.5}, None),
        ({"size": 3, "mtime": 1000.25}, "differs"),
        ({"size": 4, "mtime": 1000.5}, "differs"),
        ({}, "unknown"),
    ],
)
def test_a_file_is_told_by_its_hash_or_else_by_size_and_time(
    tmp_path: Path, known: dict[str, Any], now: str | None
) -> None:
    (tmp_path / "big").write_bytes(b"abc")
    os.utime(tmp_path / "big", (1000.5, 1000.5))

    told, unlisted = left_out.check(
        run(records.Skipped(path="big", reason="too large", **known)), tmp_path
    )

    assert told == ((left_out.LeftOut("big", "too large", now),) if now else ())
    assert unlisted == 0


def test_a_file_that_is_not_there_is_absent(tmp_path: Path) -> None:
    missed = [records.Skipped(path="b", reason="cannot be read", size=1, mtime=1.0)]
    gone = records.Skipped(path="a/x", reason="secret-shaped name", size=1, mtime=1.0)

    told, _ = left_out.check(run(gone, missed=missed), tmp_path)

    assert told == (
        left_out.LeftOut("a/x", "secret-shaped name", "absent"),
        left_out.LeftOut("b", "cannot be read", "absent"),
    )


def test_a_path_that_is_no_utf_8_is_found_by_its_quoted_name(tmp_path: Path) -> None:
    name = os.fsdecode(b'caf\xe9 "\n')
    (tmp_path / name).write_text("1")
    quoted = records.Skipped(path='"caf\\351 \\"\\n"', reason="r", size=1, sha256=digest(b"1"))

    assert left_out.check(run(quoted), tmp_path) == ((), 0)


def test_an_embedded_repository_is_there_or_absent(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    inner = records.Skipped(path="inner/", reason="embedded repository")
    other = records.Skipped(path="other/", reason="embedded repository")

    told, _ = left_out.check(run(inner, other), tmp_path)

    assert [one.path for one in told] == ["other/"]


def test_a_file_below_what_is_a_file_now_is_absent_and_one_we_cannot_look_at_unknown(
    tmp_path: Path,
) -> None:
    (tmp_path / "a").write_text("1")
    below = records.Skipped(path="a/x", reason="r", size=1)
    long = records.Skipped(path="n" * 300, reason="r", size=1)

    told, _ = left_out.check(run(below, long), tmp_path)

    assert [one.now for one in told] == ["absent", "unknown"]


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "a\0b", '"\\056./x"'])
def test_a_path_that_leads_out_of_the_worktree_is_not_looked_at(tmp_path: Path, path: str) -> None:
    (tmp_path / "x").write_text("1")
    (tmp_path / "top").mkdir()

    told, _ = left_out.check(run(records.Skipped(path=path, reason="r", size=1)), tmp_path / "top")

    assert [one.now for one in told] == ["unknown"]


def test_a_fifo_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    pipe = records.Skipped(path="pipe", reason="r", size=0, sha256=digest(b""))

    told, _ = left_out.check(run(pipe), tmp_path)

    assert [one.now for one in told] == ["differs"]


def test_those_that_nobody_listed_are_counted(tmp_path: Path) -> None:
    counted = run(skipped_count=1200, missed_count=3)

    assert left_out.check(counted, tmp_path) == ((), 1203)
    assert left_out.check(Run(id="r", commit="c"), tmp_path) == ((), 0)
