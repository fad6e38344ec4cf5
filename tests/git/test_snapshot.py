"""What a run captures of an ordinary worktree: the tree that `git add -A` would make."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from git_exp import Experiment
from git_exp.git import snapshot
from git_exp.git.untracked import Rules
from tests.git import witness
from tests.git.witness import commit, git, reference, write


def test_a_clean_worktree_is_the_tree_of_head_and_not_dirty(repo: Path) -> None:
    head = git(repo, "rev-parse", "HEAD", "HEAD^{tree}").decode().split()

    ran = witness.run(repo)

    assert [ran.git["base"], ran.tree] == head
    assert git(repo, "rev-parse", f"{ran.commit}^").decode() == head[0]
    assert ran.git["dirty"] is False
    assert ran.git["capture"] == "full"
    assert ran.git["branch"] == "main"
    assert "status" not in ran.git
    assert ran.said == ""


def test_modified_deleted_and_new_files_are_captured_and_named(repo: Path) -> None:
    commit(repo, {"keep.txt": "k\n", "a/gone.txt": "g\n", "a/b/gone.txt": "g\n"})
    (repo / "a/gone.txt").unlink()
    (repo / "a/b/gone.txt").unlink()
    (repo / "a/b").rmdir()
    write(repo, {"train.py": "changed\n", "new/deep/file.txt": "n\n"})

    ran = witness.run(repo)

    assert ran.tree == reference(repo)
    assert ran.read("train.py") == b"changed\n"
    assert ran.git["dirty"] is True
    assert ran.git["status"] == [
        "D  a/b/gone.txt", "D  a/gone.txt", "A  new/deep/file.txt", "M  train.py",
    ]  # fmt: skip


def test_the_commit_says_whose_run_it_is(repo: Path) -> None:
    write(repo, {"new.txt": "n"})

    ran = witness.run(repo)

    shown = git(repo, "log", "-1", "--format=%an <%ae>%n%B", ran.commit).decode()
    run_id = ran.start["run_id"]
    assert shown == f"Ada <ada@example.org>\nrun: a run\n\nRun-Id: {run_id}\nRun-Dirty: true\n"
    assert git(repo, "rev-parse", f"refs/runs/{run_id}").decode() == ran.commit


def test_what_is_staged_alone_is_captured(repo: Path) -> None:
    write(repo, {"train.py": "staged\n", "new.txt": "n\n"})
    git(repo, "add", "-A")

    ran = witness.run(repo)

    assert ran.tree == reference(repo)
    assert ran.git["dirty"] is True
    assert ran.read("train.py") == b"staged\n"


def test_a_file_that_is_staged_and_put_back_in_the_worktree_is_not_dirty(repo: Path) -> None:
    before = (repo / "train.py").read_bytes()
    write(repo, {"train.py": "staged\n"})
    git(repo, "add", "-A")
    (repo / "train.py").write_bytes(before)

    ran = witness.run(repo)

    assert ran.tree == git(repo, "rev-parse", "HEAD^{tree}").decode()
    assert ran.git["dirty"] is False
    assert "status" not in ran.git


def test_a_new_file_that_is_staged_and_then_deleted_is_not_dirty(repo: Path) -> None:
    write(repo, {"new.txt": "n"})
    git(repo, "add", "-A")
    (repo / "new.txt").unlink()

    ran = witness.run(repo)

    assert ran.tree == git(repo, "rev-parse", "HEAD^{tree}").decode()
    assert ran.git["dirty"] is False


def test_ignored_files_stay_out_but_those_that_are_tracked_are_in(repo: Path) -> None:
    write(repo, {".gitignore": "*.log\nbuild/\n", "forced.log": "1\n", "build/kept": "1\n"})
    git(repo, "add", "-f", ".gitignore", "forced.log", "build/kept")
    git(repo, "commit", "-q", "-m", "second")
    write(repo, {"forced.log": "2\n", "other.log": "x", "build/out": "x", "build/kept": "2\n"})
    write(repo, {"sub/.gitignore": "own\n", "sub/own": "x", "sub/in": "y"})
    write(repo, {"staged.log": "s\n"})
    git(repo, "add", "-f", "staged.log")

    ran = witness.run(repo)

    assert ran.tree == reference(repo)
    assert ran.read("forced.log") == b"2\n"
    assert ran.read("build/kept") == b"2\n"
    assert ran.holds("staged.log")
    assert ran.holds("sub/in")
    assert not any(map(ran.holds, ("other.log", "build/out", "sub/own")))
    assert ran.git["capture"] == "full"


def test_info_exclude_and_the_users_own_ignore_file_count(repo: Path) -> None:
    write(repo, {".git/info/exclude": "mine\n", "mine": "x", "theirs": "x", "in": "x"})
    (repo.parent / "ignored").write_text("theirs\n")
    git(repo, "config", "core.excludesFile", str(repo.parent / "ignored"))

    ran = witness.run(repo)

    assert ran.tree == reference(repo)
    assert [ran.holds(name) for name in ("mine", "theirs", "in")] == [False, False, True]


def test_an_executable_bit_is_captured(repo: Path) -> None:
    commit(repo, {"was.sh": "#!/bin/sh\n", "new.sh": "#!/bin/sh\n"})
    (repo / "train.py").chmod(0o755)
    write(repo, {"fresh.sh": "#!/bin/sh\n"})
    (repo / "fresh.sh").chmod(0o755)

    ran = witness.run(repo)

    assert ran.tree == reference(repo)
    assert ran.modes[b"train.py"] == b"100755"
    assert ran.modes[b"fresh.sh"] == b"100755"
    assert ran.git["status"] == ["A  fresh.sh", "M  train.py"]


def test_executable_bits_do_not_count_where_the_user_says_so(repo: Path) -> None:
    git(repo, "config", "core.fileMode", "false")
    (repo / "train.py").chmod(0o755)
    write(repo, {"fresh.sh": "x"})
    (repo / "fresh.sh").chmod(0o755)

    ran = witness.run(repo)

    assert ran.tree == reference(repo)
    assert ran.modes == {b"train.py": b"100644", b"fresh.sh": b"100644"}


def test_symlinks_are_captured_as_links(repo: Path) -> None:
    commit(repo, {"data/x": "x", "file": "f"})
    (repo / "to-file").symlink_to("file")
    (repo / "to-folder").symlink_to("data")
    (repo / "dangling").symlink_to("nowhere/at/all")
    (repo / "outside").symlink_to(repo.parent)
    (repo / "file").unlink()
    (repo / "file").symlink_to("train.py")

    ran = witness.run(repo)

    assert ran.tree == reference(repo)
    assert ran.read("dangling") == b"nowhere/at/all"
    assert ran.modes[b"file"] == b"120000"
    assert not ran.holds("to-folder/x")
    assert ran.git["capture"] == "full"


def test_a_tracked_folder_that_became_a_symlink_is_captured_as_one(repo: Path) -> None:
    commit(repo, {f"data/{at}/x": "x" for at in range(20)})
    (repo / "data").rename(repo.parent / "elsewhere")
    (repo / "data").symlink_to(repo.parent / "elsewhere")

    ran = witness.run(repo)

    assert ran.tree == reference(repo)
    assert ran.modes == {b"data": b"120000", b"train.py": b"100644"}
    assert ran.git["capture"] == "full"
    assert ran.missed() == {}


def test_a_folder_behind_a_symlink_that_is_left_out_is_still_gone(repo: Path) -> None:
    commit(repo, {"data/x": "x", "data/y": "y"})
    (repo / "data").rename(repo.parent / "elsewhere")
    (repo / "data").symlink_to(repo.parent / "elsewhere")
    git(repo, "config", "exp.exclude", "data")

    ran = witness.run(repo)

    assert ran.modes == {b"train.py": b"100644"}
    assert ran.skipped() == {"data": "exp.exclude"}
    assert ran.git["capture"] == "full"


@pytest.mark.parametrize("excluded", [False, True])
def test_a_tracked_folder_that_became_a_loop_is_captured_as_a_symlink(
    repo: Path, excluded: bool
) -> None:
    git(repo, "config", "exp.exclude", "data" if excluded else "other")
    commit(repo, {"data/x": "x", "data/y/z": "z"})
    (repo / "data").rename(repo.parent / "elsewhere")
    (repo / "data").symlink_to("data")

    ran = witness.run(repo)

    link = {} if excluded else {b"data": b"120000"}
    assert ran.modes == {b"train.py": b"100644", **link}
    assert ran.git["capture"] == "full"


def test_a_file_that_became_a_folder_is_captured_as_one(repo: Path) -> None:
    commit(repo, {"thing": "a file\n", "z": "z"})
    (repo / "thing").unlink()
    write(repo, {"thing/a": "a", "thing/b/c": "c"})

    ran = witness.run(repo)

    assert ran.tree == reference(repo)
    assert sorted(ran.modes) == [b"thing/a", b"thing/b/c", b"train.py", b"z"]
    assert ran.git["capture"] == "full"


def test_a_folder_that_became_a_file_is_captured_as_one(repo: Path) -> None:
    commit(repo, {"thing/a": "a", "thing/b/c": "c"})
    for name in ("thing/a", "thing/b/c"):
        (repo / name).unlink()
    (repo / "thing/b").rmdir()
    (repo / "thing").rmdir()
    write(repo, {"thing": "a file\n"})

    ran = witness.run(repo)

    assert ran.tree == reference(repo)
    assert sorted(ran.modes) == [b"thing", b"train.py"]
    assert ran.git["capture"] == "full"


@pytest.mark.parametrize("tracked", [False, True])
def test_names_of_any_bytes_are_captured(repo: Path, tracked: bool) -> None:
    names = [
        b"a\nb", b"\n", b'quo"te', b"back\\slash", b"-rf", b"--all", b" lead", b"trail ", b"tab\t",
        b"caf\xc3\xa9", b"caf\xe9", b"\xff\xfe/\x80", b":(top)x", b"*", b"?", b"[a]", b"#x", b"!x",
        b"a:b", b"nul", b"d\xe9/\xe9\n", b"\x1b[31m", b"0 x", b"? y", b"1 .M N... z",
    ]  # fmt: skip
    for name in names:
        write(repo, {os.fsdecode(name): "first\n"})
    if tracked:
        commit(repo)
        for name in names[::2]:
            write(repo, {os.fsdecode(name): "second\n"})
        for name in names[1::2]:
            (repo / os.fsdecode(name)).unlink()

    ran = witness.run(repo)

    assert ran.tree == reference(repo)
    assert set(ran.modes) == {b"train.py", *(names[::2] if tracked else names)}
    assert ran.git["capture"] == "full"
    assert any("caf\\351" in line for line in ran.git["status"])


def test_an_empty_folder_is_no_change(repo: Path) -> None:
    (repo / "empty/inside").mkdir(parents=True)

    ran = witness.run(repo)

    assert ran.git["dirty"] is False


def test_a_tracked_file_that_became_a_pipe_is_named_and_the_rest_is_captured(repo: Path) -> None:
    commit(repo, {"was": "w\n", "other": "o\n"})
    (repo / "was").unlink()
    os.mkfifo(repo / "was")
    os.mkfifo(repo / "untracked-pipe")
    write(repo, {"other": "changed\n", "new": "n"})

    ran = witness.run(repo)

    assert ran.git["capture"] == "partial"
    assert list(ran.missed()) == ["was"]
    assert "partial, without: was" in ran.said
    assert ran.read("other") == b"changed\n"
    assert ran.holds("new")


def test_a_file_added_with_intent_only_is_captured_whole(repo: Path) -> None:
    write(repo, {"later.txt": "text\n", "empty": "", "gone": "g"})
    git(repo, "add", "-N", "later.txt", "empty", "gone")
    (repo / "gone").unlink()

    ran = witness.run(repo)

    assert ran.tree == reference(repo)
    assert ran.read("later.txt") == b"text\n"
    assert ran.holds("empty")
    assert not ran.holds("gone")


@pytest.mark.slow
def test_a_file_that_changes_right_after_it_was_added_is_captured(repo: Path) -> None:
    found = witness.discovered(repo)
    index, file = repo / ".git/index", repo / "train.py"
    git(repo, "config", "core.trustCtime", "false")
    missed = []

    for at in range(100):
        file.write_text(f"print('before {at:09}')\n")
        git(repo, "add", "train.py")
        moment = file.stat().st_mtime_ns
        file.write_text(f"print('behind {at:09}')\n")
        if at % 2:
            # As if all of it had happened in one tick of the file system's clock.
            os.utime(file, ns=(moment, moment))
            os.utime(index, ns=(moment, moment))
        tree = snapshot.take(found, Rules()).tree
        if git(repo, "cat-file", "blob", f"{tree}:train.py", strip=False) != file.read_bytes():
            missed.append(at)

    assert missed == []


def test_a_start_of_a_run_starts_no_more_programs_than_it_needs(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(repo, {"train.py": "changed\n", "new": "n\n"})
    trace = repo.parent / "trace"
    monkeypatch.setenv("GIT_TRACE2_EVENT", str(trace))

    exp = Experiment("r")

    events = [json.loads(line) for line in trace.read_text().splitlines()]
    exp.finish()
    names = sorted(one["name"] for one in events if one["event"] == "cmd_name")
    assert names == ["config", "rev-parse", "status", "update-index", "update-ref"]
