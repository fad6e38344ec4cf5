"""Packed refs: found by halving the file, whatever stands beside them."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from git_exp.git import refs
from git_exp.git.repo import Repo, discover
from tests.git.witness import git

FOLDERS = ("refs/a-", "refs/exp/data/", "refs/runs/", "refs/tags/", "refs/zz/")


def packed(top: Path, count: int, seed: int) -> dict[str, str]:
    """Make refs, annotated tags among them, which have a line of their own below; pack them all."""
    chosen = random.Random(seed)
    for number in range(count):
        folder = chosen.choice(FOLDERS)
        if folder == "refs/tags/":
            git(top, "tag", "-a", "-m", "a tag", f"{chosen.randrange(99)}x{number}")
        else:
            git(top, "update-ref", f"{folder}{chosen.randrange(99)}x{number}", "HEAD")
    git(top, "pack-refs", "--all", "--prune")
    listed = git(top, "for-each-ref", "--format=%(refname) %(objectname)").decode().splitlines()
    return dict(line.split(" ") for line in listed)


def here(top: Path) -> Repo:
    return discover(top, dict(os.environ))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 12, 25])
def test_every_packed_ref_is_found_and_no_other(repo: Path, count: int) -> None:
    there = packed(repo, count, seed=count)
    absent = [f"{name}0" for name in there] + [name[:-1] for name in there]

    found = {name: refs.resolve(here(repo), name) for name in [*there, *absent, "refs/0/0"]}

    assert {name: oid for name, oid in found.items() if oid} == there


def test_a_file_that_nobody_sorted_is_read_whole(repo: Path) -> None:
    there = packed(repo, 12, seed=7)
    file = repo / ".git/packed-refs"
    lines = [line for line in file.read_text().splitlines()[1:] if not line.startswith("^")]
    file.write_text("# pack-refs with: peeled \n" + "".join(f"{one}\n" for one in lines[::-1]))

    found = {name: refs.resolve(here(repo), name) for name in [*there, "refs/runs/none"]}

    assert found == {**there, "refs/runs/none": None}


def test_what_is_below_a_prefix_is_told_from_packed_refs_too(repo: Path) -> None:
    git(repo, "update-ref", "refs/runs/1", "HEAD")
    git(repo, "update-ref", "refs/exp/data/1", "HEAD")
    git(repo, "pack-refs", "--all", "--prune")

    below = [refs.any_below(here(repo), one) for one in ("refs/runs", "refs/exp", "refs/ru")]

    assert below == [True, True, False]
    assert not refs.any_below(here(repo), "refs/remotes")


def test_a_file_cut_off_in_its_last_line_ends_there(repo: Path) -> None:
    there = packed(repo, 6, seed=3)
    file = repo / ".git/packed-refs"
    file.write_bytes(file.read_bytes()[:-1])

    found = {name: refs.resolve(here(repo), name) for name in there}

    assert found == there
    assert refs.resolve(here(repo), "refs/zzz/none") is None
