"""git_exp.git.cat: many objects by one running git, whatever is wrong with some of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from git_exp.git import cat
from git_exp.git.repo import Repo, discover

Git = Callable[..., str]


@pytest.fixture
def found(repo: Path) -> Repo:
    return discover(repo, os.environ)


def blob(git: Git, text: str) -> str:
    return git("hash-object", "-w", "--stdin", stdin=text)


def test_objects_come_in_the_order_they_were_asked_for(found: Repo, git: Git) -> None:
    names = [blob(git, text) for text in ("one\n", "", "two\nlines")]

    assert list(cat.blobs(found, [*names, "HEAD:train.py"])) == [
        b"one\n",
        b"",
        b"two\nlines",
        b"print('METRIC acc=0.5')\n",
    ]
    assert list(cat.blobs(found, [])) == []


def test_what_is_missing_is_none_and_hides_nothing(found: Repo, git: Git) -> None:
    name = blob(git, "there")

    assert list(cat.blobs(found, ["1" * 40, name, "HEAD:nothing", "no such name"])) == [
        None,
        b"there",
        None,
        None,
    ]


def test_a_damaged_object_is_none_and_the_rest_is_read(found: Repo, git: Git) -> None:
    names = [blob(git, f"{number}") for number in range(6)]
    for name in names[1:4:2]:
        path = found.git_dir / "objects" / name[:2] / name[2:]
        path.chmod(0o644)
        path.write_bytes(b"damaged")

    assert list(cat.blobs(found, names)) == [b"0", None, b"2", None, b"4", b"5"]


@pytest.mark.slow
def test_more_than_a_pipe_holds_is_no_standstill(found: Repo, git: Git) -> None:
    big = blob(git, "x" * 300_000)
    small = blob(git, "y")

    texts = cat.blobs(found, [big, small] * 3_000)

    assert sum(len(text or b"") for text in texts) == 3_000 * 300_001


def test_who_stops_reading_leaves_no_process(found: Repo, git: Git) -> None:
    name = blob(git, "x" * 100_000)
    texts = cat.blobs(found, [name] * 1_000)

    assert next(texts) == b"x" * 100_000
    texts.close()  # type: ignore[attr-defined]

    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_git_that_dies_at_once_is_neither_our_end_nor_asked_for_ever(
    found: Repo, tmp_path: Path
) -> None:
    dying = tmp_path / "bin/git"
    dying.parent.mkdir()
    dying.write_text(f"#!/bin/sh\necho once >>{tmp_path}/asked\nexit 1\n")
    dying.chmod(0o755)
    code = (
        "import os, signal; from pathlib import Path; from git_exp.git import cat\n"
        "from git_exp.git.repo import discover\n"
        "signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n"
        "found = discover(Path.cwd(), os.environ)\n"
        f"os.environ['PATH'] = '{dying.parent}:' + os.environ['PATH']\n"
        "texts = list(cat.blobs(found, ['1' * 40] * 50_000))\n"
        "print(len(texts), set(texts))"
    )

    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (0, "50000 {None}\n")
    assert len((tmp_path / "asked").read_text().splitlines()) == 20
