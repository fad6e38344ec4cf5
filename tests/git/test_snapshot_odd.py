"""What a run captures in an odd repository, and that all the user has stays as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from git_exp import Experiment, errors
from tests.git import witness
from tests.git.witness import commit, git, reference, write


def test_on_a_detached_head_the_base_is_that_commit(repo: Path) -> None:
    commit(repo, {"second": "2"})
    git(repo, "checkout", "-q", "HEAD^")
    write(repo, {"new": "n"})

    ran = witness.run(repo)

    assert ran.tree == reference(repo)
    assert ran.git["base"] == git(repo, "rev-parse", "HEAD").decode()
    assert "branch" not in ran.git


@pytest.mark.parametrize("staged", [False, True])
def test_in_an_unborn_repository_the_run_has_no_parent(tmp_path: Path, staged: bool) -> None:
    repo = tmp_path / "unborn"
    write(repo, {"a": "a", "b/c": "c"})
    git(repo, "init", "-q")
    if staged:
        git(repo, "add", "b")
        write(repo, {"b/c": "changed"})

    ran = witness.run(repo)

    assert ran.tree == reference(repo)
    assert sorted(ran.modes) == [b"a", b"b/c"]
    assert git(repo, "rev-list", "--parents", ran.commit).decode() == ran.commit
    assert git(repo, "log", "-1", "--format=%ct", ran.commit) == b"0"
    assert ran.git["dirty"] is True
    assert ran.git["branch"] == "main"
    assert "base" not in ran.git


def test_an_empty_unborn_repository_has_an_empty_run(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "unborn")

    ran = witness.run(tmp_path / "unborn")

    assert ran.modes == {}
    assert ran.git["dirty"] is False


def test_a_linked_worktree_captures_its_own_files_and_shares_the_run(repo: Path) -> None:
    git(repo, "worktree", "add", "-q", "-b", "topic", "../linked")
    linked = repo.parent / "linked"
    write(repo, {"of-main": "m"})
    write(linked, {"of-linked": "l"})

    ran = witness.run(linked)

    assert ran.tree == reference(linked)
    assert [ran.holds("of-main"), ran.holds("of-linked")] == [False, True]
    assert ran.git["branch"] == "topic"
    assert git(repo, "rev-parse", f"refs/runs/{ran.start['run_id']}").decode() == ran.commit
    assert not (repo / ".git/worktrees/linked/refs").exists()


def test_from_a_subdirectory_all_of_the_worktree_is_captured(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(repo, {"a/b/in": "i"})
    write(repo, {"new": "n", "a/b/new": "n"})
    monkeypatch.chdir(repo / "a/b")

    ran = witness.run(Path.cwd())

    assert ran.tree == reference(repo)
    assert ran.holds("new")
    assert ran.start["process"]["cwd"] == "a/b"


def test_without_home_and_identity_the_run_is_by_git_exp(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "XDG_CONFIG_HOME", "GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"):
        monkeypatch.delenv(name)
    write(repo, {"new": "n"})

    ran = witness.run(repo)

    who = git(repo, "log", "-1", "--format=%an <%ae> %cn <%ce>", ran.commit).decode()
    assert who == "git-exp <git-exp@localhost> git-exp <git-exp@localhost>"
    assert ran.start["user"] == "git-exp <git-exp@localhost>"


@pytest.mark.parametrize("name", ["run", "runs/x", "exp", "notes/exp", "refs/runs/x", "HEAD2"])
def test_a_branch_may_be_called_as_our_refs_are(repo: Path, name: str) -> None:
    git(repo, "checkout", "-q", "-b", name)
    git(repo, "tag", name)
    write(repo, {"new": "n"})

    ran = witness.run(repo)

    assert ran.git["branch"] == name
    assert ran.tree == reference(repo)


def test_a_branch_may_have_a_name_that_is_no_utf_8(repo: Path) -> None:
    git(repo, "checkout", "-q", "-b", b"caf\xe9")

    ran = witness.run(repo)

    assert ran.git["branch"] == '"caf\\351"'


def test_a_file_may_be_called_as_a_revision_is(repo: Path) -> None:
    commit(repo, {"HEAD": "h", "main": "m", "refs/runs/x": "r"})
    write(repo, {"HEAD": "changed", "notes": "n"})

    ran = witness.run(repo)

    assert ran.tree == reference(repo)


def test_in_a_shallow_clone_the_run_is_on_its_edge(repo: Path, tmp_path: Path) -> None:
    for at in range(3):
        commit(repo, {"file": str(at)})
    git(tmp_path, "clone", "-q", "--depth=1", repo.as_uri(), "shallow")
    clone = tmp_path / "shallow"
    write(clone, {"new": "n"})

    ran = witness.run(clone)

    assert ran.tree == reference(clone)
    assert ran.git["base"] == git(repo, "rev-parse", "HEAD").decode()


def test_in_a_partial_clone_the_run_fetches_nothing(repo: Path, tmp_path: Path) -> None:
    commit(repo, {"big": "old\n", "in/a": "a\n", "out/b": "b\n"})
    commit(repo, {"big": "new\n"})
    git(repo, "config", "uploadpack.allowFilter", "true")
    args = ("clone", "-q", "--filter=blob:none", "--no-checkout", repo.as_uri(), "partial")
    git(tmp_path, *args)
    clone = tmp_path / "partial"
    git(clone, "sparse-checkout", "set", "in")
    git(clone, "checkout", "-q")
    write(clone, {"in/a": "changed\n", "in/new": "n\n"})
    git(clone, "remote", "set-url", "origin", "file:///nowhere")

    ran = witness.run(clone)

    listed = git(clone, "ls-tree", "-r", "--name-only", ran.commit).decode().split()
    assert listed == ["big", "in/a", "in/new", "out/b", "train.py"]
    assert ran.read("in/a") == b"changed\n"
    assert ran.git["status"] == ["M  in/a", "A  in/new"]
    assert ran.git["capture"] == "full"


def test_a_worktree_of_a_bare_repository_works(repo: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(repo), "bare.git")
    git(tmp_path / "bare.git", "worktree", "add", "-q", "../of-bare", "main")
    top = tmp_path / "of-bare"
    write(top, {"new": "n"})

    ran = witness.run(top)

    assert ran.tree == reference(top)
    assert ran.git["branch"] == "main"
    assert git(tmp_path / "bare.git", "rev-parse", f"refs/runs/{ran.start['run_id']}")


def test_a_bare_repository_is_refused_and_untouched(repo: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(repo), "bare.git")
    bare = tmp_path / "bare.git"
    before = witness.state(bare)

    with pytest.raises(errors.SnapshotFailed, match="bare repository") as caught:
        Experiment("r", repo=bare)

    assert caught.value.hint == "run inside a worktree of it"
    assert witness.state(bare) == before
    assert not (bare / "exp").exists()


def test_inside_the_git_folder_the_error_says_so(repo: Path) -> None:
    with pytest.raises(errors.SnapshotFailed, match="must be run in a work tree"):
        Experiment("r", repo=repo / ".git")

    assert not (repo / ".git/exp").exists()


def test_alternates_are_followed(repo: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--shared", str(repo), "shared")
    clone = tmp_path / "shared"
    write(clone, {"new": "n"})

    ran = witness.run(clone)

    assert (clone / ".git/objects/info/alternates").exists()
    assert ran.tree == reference(clone)
    assert ran.git["status"] == ["A  new"]


def test_a_replaced_head_is_seen_as_git_sees_it(repo: Path) -> None:
    old = git(repo, "rev-parse", "HEAD").decode()
    commit(repo, {"train.py": "replaced\n"})
    git(repo, "replace", old, "HEAD")
    git(repo, "reset", "-q", "--soft", old)

    ran = witness.run(repo)

    assert git(repo, "status", "--porcelain") == b""
    assert ran.read("train.py") == b"replaced\n"
    assert ran.tree == reference(repo)


def test_grafts_are_no_trouble(repo: Path) -> None:
    old = git(repo, "rev-parse", "HEAD").decode()
    new = commit(repo, {"a": "a\n"})
    write(repo, {".git/info/grafts": f"{new}\n", "new": "n\n"})

    ran = witness.run(repo)

    assert ran.tree == reference(repo)
    assert (ran.git["base"], ran.git["capture"]) == (new, "full")
    assert old != new


def test_locks_of_other_git_commands_stop_no_run(repo: Path) -> None:
    write(repo, {".git/index.lock": "", ".git/HEAD.lock": "", ".git/config.lock": ""})
    write(repo, {".git/refs/heads/main.lock": "", "new": "n\n"})

    ran = witness.run(repo)

    assert ran.holds("new")


def test_a_git_folder_and_an_index_may_be_symlinks(repo: Path, tmp_path: Path) -> None:
    (repo / ".git").rename(tmp_path / "there")
    (repo / ".git").symlink_to(tmp_path / "there")
    (tmp_path / "there/index").rename(tmp_path / "index")
    (tmp_path / "there/index").symlink_to(tmp_path / "index")
    (tmp_path / "alias").symlink_to(repo)
    write(repo, {"new": "n\n"})

    ran = witness.run(tmp_path / "alias")

    assert ran.tree == reference(repo)
    assert (tmp_path / "there/index").is_symlink()


def test_a_file_that_is_no_longer_tracked_but_there_is_captured(repo: Path) -> None:
    commit(repo, {"a": "a\n", "b": "b\n"})
    git(repo, "rm", "-q", "--cached", "a", "b")
    write(repo, {".gitignore": "b\n"})

    ran = witness.run(repo)

    assert ran.tree == reference(repo)
    assert [ran.holds("a"), ran.holds("b")] == [True, False]
    assert ran.git["status"] == ["A  .gitignore", "D  b"]


def test_a_head_whose_commit_is_not_there_is_told_in_gits_words(repo: Path) -> None:
    head = git(repo, "rev-parse", "HEAD").decode()
    (repo / ".git/objects" / head[:2] / head[2:]).unlink()

    with pytest.raises(errors.GitExpError, match="bad object HEAD"):
        Experiment("r")

    assert git(repo, "for-each-ref", "refs/runs") == b""


def test_a_repository_whose_git_folder_is_elsewhere_works(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "-q", "--separate-git-dir", "elsewhere.git", "separate")
    separate = tmp_path / "separate"
    write(separate, {"new": "n"})

    ran = witness.run(separate)

    assert ran.tree == reference(separate)
    assert ran.holds("new")


def test_core_worktree_is_honoured(repo: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    write(there, {"train.py": "there\n", "new": "n"})
    git(repo, "config", "core.worktree", str(there))

    ran = witness.run(repo / ".git")

    assert ran.read("train.py") == b"there\n"
    assert sorted(ran.modes) == [b"new", b"train.py"]


def test_git_dir_and_work_tree_of_the_caller_are_honoured(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = tmp_path / "there"
    write(there, {"train.py": "there\n", "sub/new": "n"})
    monkeypatch.setenv("GIT_DIR", str(repo / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", "..")
    monkeypatch.chdir(there / "sub")

    ran = witness.run(Path.cwd())

    assert sorted(ran.modes) == [b"sub/new", b"train.py"]
    assert ran.start["process"]["cwd"] == "sub"


@pytest.mark.parametrize(
    "name", ["new\nline", "a b", "quo'te\"", "-dash", "caf\udce9", "ü", "#{x}"]
)
def test_a_repository_may_lie_at_a_path_of_any_bytes(tmp_path: Path, name: str) -> None:
    top = tmp_path / name / "repo"
    write(top, {"a": "a", "sub/b": "b"})
    git(top, "init", "-q")
    commit(top)
    write(top, {"a": "changed"})

    ran = witness.run(top / "sub")

    assert ran.tree == reference(top)
    assert ran.read("a") == b"changed"


def test_a_repository_that_takes_names_in_any_case_is_captured(repo: Path) -> None:
    commit(repo, {"dir/x": "x\n"})
    git(repo, "config", "core.ignoreCase", "true")
    write(repo, {"dir/x": "changed\n", "New": "n\n", "dir/Y": "y\n"})

    ran = witness.run(repo)

    assert ran.tree == reference(repo)
