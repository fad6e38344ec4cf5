"""git_exp.git.added: what commits add to those that they are compared with."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from git_exp.git import added, cat
from git_exp.git.repo import Repo, discover

Git = Callable[..., str]


@pytest.fixture
def found(repo: Path) -> Repo:
    return discover(repo, os.environ)


def committed(git: Git, **files: str) -> str:
    for name, text in files.items():
        path = Path(name.replace("__", "/"))
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    git("add", "-A")
    git("commit", "-q", "--allow-empty", "-m", "next")
    return git("rev-parse", "HEAD")


def paths(found: Repo, olds: dict[str, str | None]) -> dict[str, list[tuple[str, bool]]]:
    return {
        commit: [(one.path, one.new) for one in each]
        for commit, each in added.files(found, olds).items()
    }


def test_a_commit_adds_what_its_base_lacks_or_has_otherwise(found: Repo, git: Git) -> None:
    base = git("rev-parse", "HEAD")
    odd = "a\n\x1b[31m\udcff\tb"
    first = committed(git, **{"train.py": "other\n", odd: "x\n", "src__one.py": "1\n"})
    second = committed(git)
    git("rm", "-q", "train.py")
    git("mv", "src/one.py", "src/two.py")
    third = committed(git)

    assert paths(found, {first: base, second: first, third: second}) == {
        first: [(odd, True), ("src/one.py", True), ("train.py", False)],
        second: [],
        third: [("src/two.py", True)],
    }


def test_all_of_a_commit_is_added_where_there_is_no_base(found: Repo, git: Git) -> None:
    tip = committed(git, src__one_py="1\n")
    (Path("link")).symlink_to("train.py")
    git("add", "link")
    git("update-index", "--add", "--cacheinfo", f"160000,{tip},module")
    git("commit", "-q", "-m", "a link and a submodule")
    tip = git("rev-parse", "HEAD")

    everything = [("link", True), ("src/one_py", True), ("train.py", True)]
    assert paths(found, {tip: None}) == {tip: everything}
    assert paths(found, {tip: "1" * 40}) == {tip: everything}
    assert paths(found, {"2" * 40: tip}) == {"2" * 40: []}
    assert paths(found, {}) == {}


def test_a_submodule_that_moved_adds_no_file(found: Repo, git: Git) -> None:
    base = git("rev-parse", "HEAD")
    git("update-index", "--add", "--cacheinfo", f"160000,{base},module")
    git("commit", "-q", "-m", "a submodule")
    tip = git("rev-parse", "HEAD")

    assert paths(found, {tip: base}) == {tip: []}


def test_a_blob_that_is_too_large_is_passed_over(found: Repo, git: Git) -> None:
    texts = ("small\n", "large" * 500_000, "", "small too\n")
    names = [git("hash-object", "-w", "--stdin", stdin=text) for text in texts]

    assert list(cat.blobs(found, names, 100)) == [b"small\n", None, b"", b"small too\n"]
