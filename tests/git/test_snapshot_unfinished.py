"""What a run captures in the middle of a merge, a rebase or a cherry-pick."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.git import witness
from tests.git.witness import ROOT, commit, git, reference, write


def conflicting(repo: Path) -> None:
    """Two branches that conflict in `both`, `deleted` and `added`; we are on main."""
    commit(repo, {"both": "base\n", "deleted": "base\n", "same": "s\n"})
    git(repo, "checkout", "-q", "-b", "topic")
    commit(repo, {"both": "theirs\n", "deleted": "theirs\n", "added": "theirs\n", "clean": "c\n"})
    git(repo, "checkout", "-q", "main")
    (repo / "deleted").unlink()
    commit(repo, {"both": "ours\n", "added": "ours\n"})


def failing(repo: Path, *args: str) -> None:
    assert subprocess.run(("git", *args), cwd=repo, capture_output=True).returncode == 1


def test_in_the_middle_of_a_merge_the_worktree_is_captured_with_its_conflicts(repo: Path) -> None:
    conflicting(repo)
    failing(repo, "merge", "topic")

    ran = witness.run(repo)

    assert ran.tree == reference(repo)
    assert b"<<<<<<< HEAD\nours\n" in ran.read("both")
    assert ran.read("deleted") == b"theirs\n"
    assert ran.read("clean") == b"c\n"
    assert ran.git["capture"] == "full"
    assert git(repo, "rev-list", "--parents", "-1", ran.commit).count(b" ") == 1


def test_a_conflict_keeps_its_executable_bit_where_files_have_none(repo: Path) -> None:
    conflicting(repo)
    for branch in ("topic", "main"):
        git(repo, "checkout", "-q", branch)
        git(repo, "update-index", "--chmod=+x", "both")
        git(repo, "commit", "-q", "-m", "executable")
        git(repo, "checkout", "-q", "both")
    git(repo, "config", "core.fileMode", "false")
    failing(repo, "merge", "topic")
    for path in (repo / "both", repo / "added"):
        path.chmod(0o644)

    ran = witness.run(repo)

    assert ran.tree == reference(repo)
    assert [ran.modes[b"both"], ran.modes[b"added"]] == [b"100755", b"100644"]


def test_a_conflict_that_is_resolved_by_deleting_is_captured_so(repo: Path) -> None:
    conflicting(repo)
    failing(repo, "merge", "topic")
    (repo / "both").unlink()
    (repo / "deleted").unlink()

    ran = witness.run(repo)

    assert ran.tree == reference(repo)
    assert not ran.holds("both")
    assert not ran.holds("deleted")
    assert ran.git["capture"] == "full"


def test_a_conflict_whose_file_became_a_folder_is_captured_so(repo: Path) -> None:
    conflicting(repo)
    failing(repo, "merge", "topic")
    (repo / "both").unlink()
    write(repo, {"both/new": "n\n"})

    ran = witness.run(repo)

    assert ran.tree == reference(repo)
    assert ran.read("both/new") == b"n\n"
    assert ran.git["capture"] == "full"


def test_a_conflict_beyond_a_symlink_is_captured_as_the_symlink(repo: Path) -> None:
    commit(repo, {"d/both": "base\n"})
    git(repo, "checkout", "-q", "-b", "topic")
    commit(repo, {"d/both": "theirs\n"})
    git(repo, "checkout", "-q", "main")
    commit(repo, {"d/both": "ours\n"})
    failing(repo, "merge", "topic")
    (repo / "d").rename(repo.parent / "d")
    (repo / "d").symlink_to(repo.parent / "d")

    ran = witness.run(repo)

    assert ran.tree == reference(repo)
    assert ran.modes[b"d"] == b"120000"
    assert ran.git["capture"] == "full"


def test_a_conflict_between_a_file_and_a_folder_is_captured_as_it_lies_there(repo: Path) -> None:
    git(repo, "checkout", "-q", "-b", "topic")
    commit(repo, {"thing/inside": "theirs\n"})
    git(repo, "checkout", "-q", "main")
    commit(repo, {"thing": "ours\n"})
    failing(repo, "merge", "topic")

    ran = witness.run(repo)

    assert ran.tree == reference(repo)
    assert ran.git["capture"] == "full"


def test_in_the_middle_of_a_rebase_no_branch_is_claimed(repo: Path) -> None:
    conflicting(repo)
    failing(repo, "rebase", "topic")
    write(repo, {"both": "resolved\n"})

    ran = witness.run(repo)

    assert ran.tree == reference(repo)
    assert ran.read("both") == b"resolved\n"
    assert ran.git["base"] == git(repo, "rev-parse", "topic").decode()
    assert "branch" not in ran.git


def test_in_the_middle_of_a_cherry_pick_the_worktree_is_captured(repo: Path) -> None:
    conflicting(repo)
    failing(repo, "cherry-pick", "topic")

    ran = witness.run(repo)

    assert ran.tree == reference(repo)
    assert ran.git["branch"] == "main"


def test_a_command_that_a_rebase_runs_is_captured(repo: Path) -> None:
    commit(repo, {"a": "a\n"})
    commit(repo, {"b": "b\n"})
    out = repo.parent / "told"
    words = f"PYTHONPATH={ROOT} {sys.executable} -m tests.git.witness > {out}"
    write(repo, {"new": "n\n"})

    git(repo, "rebase", "-q", "--force-rebase", "--exec", words, "HEAD^")

    ran = witness.read(out.read_bytes())
    assert ran.tree == reference(repo)
    assert ran.holds("new")
