"""What a run captures of submodules and of repositories that lie inside."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.git import witness
from tests.git.witness import commit, git, reference, write


@pytest.fixture
def outer(repo: Path) -> Path:
    """A repository with a submodule at `sub`."""
    inner = repo.parent / "inner"
    write(inner, {"a": "a\n"})
    git(inner, "init", "-q")
    commit(inner)
    git(repo, "submodule", "-q", "add", str(inner), "sub")
    commit(repo)
    return repo


def head(repo: Path) -> str:
    return git(repo, "rev-parse", "HEAD").decode()


def gitlink(ran: witness.Ran, path: str = "sub") -> str:
    return git(ran.top, "rev-parse", f"{ran.commit}:{path}").decode()


def test_a_clean_submodule_is_no_change(outer: Path) -> None:
    ran = witness.run(outer)

    assert ran.git["dirty"] is False
    assert ran.git["capture"] == "full"
    assert "submodules" not in ran.git


def test_a_new_commit_in_a_submodule_is_captured(outer: Path) -> None:
    commit(outer / "sub", {"a": "b\n"})

    ran = witness.run(outer)

    assert ran.tree == reference(outer)
    assert gitlink(ran) == head(outer / "sub")
    assert ran.git["capture"] == "full"
    assert ran.git["status"] == ["M  sub"]


@pytest.mark.parametrize("name", ["a", "new"])
def test_a_dirty_submodule_makes_the_capture_partial(outer: Path, name: str) -> None:
    write(outer / "sub", {name: "dirty\n"})

    ran = witness.run(outer)

    assert ran.git["capture"] == "partial"
    assert ran.git["submodules"] == [{"path": "sub", "dirty": True}]
    assert ran.git["dirty"] is False
    assert gitlink(ran) == head(outer / "sub")
    assert ran.said == "git-exp: warning: the snapshot is partial, without: sub\n"


def test_a_submodule_with_a_new_commit_and_changes_is_partial_at_that_commit(outer: Path) -> None:
    commit(outer / "sub", {"a": "b\n"})
    write(outer / "sub", {"a": "dirty\n"})

    ran = witness.run(outer)

    assert gitlink(ran) == head(outer / "sub")
    assert ran.git["capture"] == "partial"
    assert ran.tree == reference(outer)


@pytest.mark.parametrize("key", ["submodule.sub.ignore", "diff.ignoreSubmodules"])
def test_a_dirty_submodule_counts_even_where_git_status_shows_none(outer: Path, key: str) -> None:
    git(outer, "config", key, "all")
    write(outer / "sub", {"a": "dirty\n"})

    ran = witness.run(outer)

    assert ran.git["capture"] == "partial"


def test_a_submodule_that_is_not_initialised_is_no_change(outer: Path) -> None:
    git(outer, "submodule", "-q", "deinit", "-f", "sub")

    ran = witness.run(outer)

    assert ran.git["dirty"] is False
    assert ran.git["capture"] == "full"


def test_a_submodule_that_is_deleted_is_captured_so(outer: Path) -> None:
    git(outer, "submodule", "-q", "deinit", "-f", "sub")
    (outer / "sub").rmdir()

    ran = witness.run(outer)

    assert ran.tree == reference(outer)
    assert not ran.holds("sub")


def test_a_submodule_that_became_a_file_or_a_folder_is_captured_so(outer: Path) -> None:
    git(outer, "submodule", "-q", "deinit", "-f", "sub")
    write(outer, {"sub/new": "n\n"})

    ran = witness.run(outer)

    assert ran.tree == reference(outer)


def test_a_conflicting_submodule_is_captured_at_the_commit_that_is_there(outer: Path) -> None:
    git(outer, "checkout", "-q", "-b", "topic")
    commit(outer / "sub", {"a": "theirs\n"})
    commit(outer)
    git(outer, "checkout", "-q", "main")
    git(outer, "submodule", "-q", "update")
    commit(outer / "sub", {"a": "ours\n"})
    commit(outer)
    with pytest.raises(AssertionError):
        git(outer, "merge", "-q", "topic")
    write(outer / "sub", {"a": "dirty\n"})

    ran = witness.run(outer)

    assert gitlink(ran) == head(outer / "sub")
    assert ran.git["capture"] == "partial"
    assert ran.tree == reference(outer)


def test_a_submodule_that_git_cannot_enter_is_named_and_the_rest_is_captured(outer: Path) -> None:
    (outer / "sub/.git").write_text("gitdir: ../nowhere\n")
    write(outer, {"new": "n\n"})

    ran = witness.run(outer)

    assert ran.missed() == {"sub": "git cannot look into it"}
    assert ran.holds("new")
    assert ran.git["status"] == ["A  new"]


def test_inside_a_submodule_the_run_is_the_submodules(outer: Path) -> None:
    write(outer / "sub", {"a": "dirty\n", "new": "n\n"})

    ran = witness.run(outer / "sub")

    assert sorted(ran.modes) == [b"a", b"new"]
    assert git(outer / "sub", "rev-parse", f"refs/runs/{ran.start['run_id']}")


@pytest.mark.parametrize("born", [False, True])
def test_an_embedded_repository_is_left_out_and_listed(repo: Path, born: bool) -> None:
    write(repo, {"lib/inner/code.py": "c\n", "lib/beside": "b\n"})
    git(repo / "lib/inner", "init", "-q")
    if born:
        commit(repo / "lib/inner")

    ran = witness.run(repo)

    assert ran.skipped() == {"lib/inner/": "embedded repository"}
    assert sorted(ran.modes) == [b"lib/beside", b"train.py"]
    assert ran.git["capture"] == "full"
    assert "1 untracked file is not in the snapshot" in ran.said


@pytest.mark.parametrize("born", [False, True])
def test_a_tracked_file_that_became_a_repository_is_named(repo: Path, born: bool) -> None:
    commit(repo, {"thing": "t\n"})
    (repo / "thing").unlink()
    write(repo, {"thing/code": "c\n"})
    git(repo / "thing", "init", "-q")
    if born:
        commit(repo / "thing")

    ran = witness.run(repo)

    assert ran.modes == {b"train.py": b"100644"}
    assert ran.skipped() == {"thing/": "embedded repository"}
    assert ran.git["status"] == ["D  thing"]
    assert "submodules" not in ran.git


def test_a_file_beyond_a_symlink_to_a_repository_is_no_embedded_one(repo: Path) -> None:
    commit(repo, {"d/repo": "a file\n"})
    (repo / "d/repo").unlink()
    (repo / "d").rmdir()
    (repo / "d").symlink_to("..")

    ran = witness.run(repo)

    assert (repo / "d/repo/.git").exists()
    assert ran.skipped() == {}
    assert ran.tree == reference(repo)
