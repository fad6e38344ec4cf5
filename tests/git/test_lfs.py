"""What a run captures of large files that git-lfs keeps: the pointer, never the payload."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from tests.git import witness
from tests.git.witness import commit, git, reference, write

pytestmark = pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")


@pytest.fixture
def lfs(repo: Path) -> Path:
    """A repository in which git-lfs keeps every `*.bin`."""
    git(repo, "lfs", "install", "--local")
    git(repo, "lfs", "track", "*.bin")
    commit(repo, {"old.bin": b"\0old\n"})
    return repo


def pointer(data: bytes) -> bytes:
    digest = hashlib.sha256(data).hexdigest()
    head = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}"
    return f"{head}\nsize {len(data)}\n".encode()


def test_the_tree_of_a_run_holds_pointers(lfs: Path) -> None:
    new, changed = bytes(range(256)) * 64, b"\0changed\n"
    write(lfs, {"old.bin": changed, "new.bin": new, "plain": "p"})

    ran = witness.run(lfs)

    assert ran.read("old.bin") == pointer(changed)
    assert ran.read("new.bin") == pointer(new)
    assert ran.tree == reference(lfs)
    assert ran.git["capture"] == "full"
    stored = lfs / ".git/lfs/objects"
    assert {path.read_bytes() for path in stored.rglob("*") if path.is_file()} >= {new, changed}


def test_a_clean_worktree_with_large_files_is_not_dirty(lfs: Path) -> None:
    ran = witness.run(lfs)

    assert ran.git["dirty"] is False


def test_without_git_lfs_on_path_its_changed_files_are_named(
    lfs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(lfs, {"old.bin": b"\0new\n", "new.bin": b"\0", "plain": "p"})
    for key in ("clean", "process", "smudge"):
        git(lfs, "config", f"filter.lfs.{key}", "no-such-git-lfs")

    ran = witness.run(lfs)

    assert sorted(ran.missed()) == ["new.bin", "old.bin"]
    assert ran.holds("plain")
