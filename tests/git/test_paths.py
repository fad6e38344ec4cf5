"""Paths that may stand in a tree: by git's own rules, of all platforms."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from git_exp import errors
from git_exp.git import paths

GOOD = [
    "loss.png", "plots/loss.png", "a b", "é/漢字.txt", "gitignore", "git", "x.git", "console.log",
    "com10", "lpt", "auxiliary", "nullable", "connect", "a~1", "-x", "@x", "#x", "a'b", "x" * 255,
]  # fmt: skip
BAD = [
    ("", "empty"), ("/etc/passwd", "empty"), ("a//b", "empty"), ("a/", "empty"),
    (".", "'.' or '..'"), ("..", "'.' or '..'"), ("../x", "'.' or '..'"), ("a/../b", "'.' or '..'"),
    (".git", "keeps names"), ("a/.GIT/b", "keeps names"), (".gitignore", "keeps names"),
    (".git ", "keeps names"), (".gi\u200ct", "keeps names"), ("\ufeff.git", "keeps names"),
    ("git~1", "keeps names"), ("GIT~2/x", "keeps names"), ("gitmod~1", "keeps names"),
    ("gi7eba~1", "keeps names"),
    ("a\\b", "a character"), ("a:b", "a character"), ("a\nb", "a character"),
    ("a\0b", "a character"), ("a?", "a character"), ("a\x7f", "a character"),
    ('a"', "a character"), ("a|b<c>*", "a character"),
    ("a.", "a dot or a space"), ("a /b", "a dot or a space"),
    ("con", "device"), ("PRN.txt", "device"), ("a/nul", "device"), ("com1", "device"),
    ("Lpt9.log", "device"), ("aux .txt", "device"), ("CONOUT$", "device"), ("com¹", "device"),
    ("a\udcff", "no UTF-8"), ("é" * 128, "over 255 bytes"),
]  # fmt: skip


@pytest.mark.parametrize("path", GOOD, ids=ascii)
def test_a_path_of_all_platforms_is_taken(path: str) -> None:
    assert paths.checked(path) == path


@pytest.mark.parametrize(("path", "why"), BAD, ids=ascii)
def test_a_path_that_some_platform_lacks_is_refused(path: str, why: str) -> None:
    with pytest.raises(errors.UsageError, match=why):
        paths.checked(path)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(errors.UsageError, match="a path is text, not PosixPath"):
        paths.checked(Path("a"))  # type: ignore[arg-type]


def test_git_refuses_nothing_that_is_taken(repo: Path) -> None:
    strict = ("git", "-c", "core.protectNTFS=true", "-c", "core.protectHFS=true")
    lines = "".join(f"100644 {'0' * 39}1\t{path}\0" for path in GOOD).encode()

    added = subprocess.run(
        (*strict, "update-index", "-z", "--index-info"), input=lines, capture_output=True
    )

    listed = subprocess.run(("git", "ls-files", "-z"), capture_output=True).stdout.decode()
    assert added.returncode == 0, added.stderr
    assert set(GOOD) <= set(listed.split("\0"))
