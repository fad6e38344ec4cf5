"""The index in all its formats: read as it is, never written to, and what it hides is named."""

from __future__ import annotations

import gc
import itertools
import os
import threading
from pathlib import Path

import pytest

from git_exp.git import index, snapshot
from git_exp.git.untracked import Rules
from tests.git import witness
from tests.git.witness import commit, git, reference, write


def header(repo: Path) -> bytes:
    return (repo / ".git/index").read_bytes()[:8]


def test_an_index_of_version_4_is_read(repo: Path) -> None:
    git(repo, "config", "index.version", "4")
    git(repo, "update-index", "--index-version=4")
    commit(repo, {"a/long/name": "1", "a/long/other": "2", "b": "3"})
    write(repo, {"a/long/name": "changed", "new": "n"})

    ran = witness.run(repo)

    assert header(repo) == b"DIRC\0\0\0\4"
    assert ran.tree == reference(repo)


def test_an_index_of_version_3_is_read(repo: Path) -> None:
    write(repo, {"later": "l", "new": "n"})
    git(repo, "add", "-N", "later")

    ran = witness.run(repo)

    assert header(repo) == b"DIRC\0\0\0\3"
    assert ran.tree == reference(repo)
    assert ran.read("later") == b"l"


def test_a_split_index_is_read_and_stays_split(repo: Path) -> None:
    git(repo, "config", "core.splitIndex", "true")
    git(repo, "config", "splitIndex.maxPercentChange", "100")
    commit(repo, {f"f{at}": str(at) for at in range(50)})
    git(repo, "update-index", "--split-index")
    write(repo, {"staged": "s"})
    git(repo, "add", "staged")
    write(repo, {"f1": "changed", "new": "n"})

    ran = witness.run(repo)

    assert len(list((repo / ".git").glob("sharedindex.*"))) >= 1
    assert b"link" in (repo / ".git/index").read_bytes()
    assert ran.tree == reference(repo)
    assert [ran.holds("staged"), ran.holds("new")] == [True, True]


def test_a_split_index_hides_nothing_that_is_not_named(repo: Path) -> None:
    commit(repo, {"hidden": "h\n", "other": "o\n"})
    git(repo, "update-index", "--assume-unchanged", "hidden")
    git(repo, "update-index", "--split-index")
    write(repo, {"hidden": "changed\n"})

    ran = witness.run(repo)

    assert list(ran.missed()) == ["hidden"]


def test_the_untracked_cache_is_used_and_left_alone(repo: Path) -> None:
    git(repo, "config", "core.untrackedCache", "true")
    git(repo, "update-index", "--force-untracked-cache")
    write(repo, {"seen": "s", "dir/seen": "s"})
    git(repo, "status")
    write(repo, {"new": "n", "dir/new": "n"})

    ran = witness.run(repo)

    assert b"UNTR" in (repo / ".git/index").read_bytes()
    assert ran.tree == reference(repo)
    assert ran.holds("dir/new")


def test_a_file_system_monitor_is_asked(repo: Path) -> None:
    commit(repo, {"a": "a\n", "b": "b\n"})
    monitor = repo.parent / "monitor"
    monitor.write_text(
        f'#!/bin/sh\necho asked >> "{repo.parent}/asked"\nprintf "token\\0a\\0new\\0"\n'
    )
    monitor.chmod(0o755)
    git(repo, "config", "core.fsmonitor", str(monitor))
    git(repo, "config", "core.fsmonitorHookVersion", "2")
    git(repo, "update-index", "--fsmonitor")
    git(repo, "status")
    write(repo, {"a": "changed\n", "new": "n\n"})

    ran = witness.run(repo)

    assert b"FSMN" in (repo / ".git/index").read_bytes()
    assert (repo.parent / "asked").exists()
    assert ran.read("a") == b"changed\n"
    assert ran.holds("new")


def test_gits_own_monitor_may_be_switched_on(repo: Path) -> None:
    git(repo, "config", "core.fsmonitor", "true")
    write(repo, {"new": "n"})

    ran = witness.run(repo)

    assert ran.tree == reference(repo)


def test_what_a_sparse_checkout_leaves_out_is_in_the_tree(repo: Path) -> None:
    commit(repo, {"in/a": "a\n", "out/b": "b\n", "out/deep/c": "c\n", "top": "t\n"})
    git(repo, "sparse-checkout", "set", "--cone", "in")
    write(repo, {"in/a": "changed\n", "in/new": "n\n"})

    ran = witness.run(repo)

    assert not (repo / "out").exists()
    assert ran.tree == reference(repo)
    assert ran.read("out/deep/c") == b"c\n"
    assert ran.git["status"] == ["M  in/a", "A  in/new"]
    assert ran.git["capture"] == "full"


def test_a_sparse_checkout_by_patterns_is_captured(repo: Path) -> None:
    commit(repo, {"a.py": "a\n", "b.txt": "b\n", "d/c.py": "c\n"})
    git(repo, "sparse-checkout", "set", "--no-cone", "*.py")
    write(repo, {"a.py": "changed\n", "new.txt": "n\n"})

    ran = witness.run(repo)

    assert sorted(ran.modes) == [b"a.py", b"b.txt", b"d/c.py", b"new.txt", b"train.py"]
    assert ran.read("a.py") == b"changed\n"
    assert ran.git["status"] == ["M  a.py", "A  new.txt"]


def test_a_sparse_index_is_read_and_stays_sparse(repo: Path) -> None:
    commit(repo, {"in/a": "a\n", "out/b": "b\n", "out/deep/c": "c\n", "top": "t\n"})
    git(repo, "sparse-checkout", "set", "--cone", "--sparse-index", "in")
    write(repo, {"in/a": "changed\n", "in/new": "n\n"})

    ran = witness.run(repo)

    assert b"sdir" in (repo / ".git/index").read_bytes()
    assert ran.tree == reference(repo)
    assert ran.read("out/deep/c") == b"c\n"
    assert ran.git["capture"] == "full"


def test_an_index_that_git_would_make_sparse_is_read(repo: Path) -> None:
    commit(repo, {"in/a": "a\n", "out/b": "b\n"})
    git(repo, "sparse-checkout", "set", "--cone", "--no-sparse-index", "in")
    git(repo, "config", "--worktree", "index.sparse", "true")
    write(repo, {"in/a": "changed\n"})

    ran = witness.run(repo)

    # An index that libgit2 cannot read would make pygit2 complain as it lets go of it.
    gc.collect()
    assert ran.tree == reference(repo)


def test_what_is_staged_alone_in_a_sparse_index_is_captured(repo: Path) -> None:
    commit(repo, {"in/a": "a\n", "out/b": "b\n"})
    git(repo, "sparse-checkout", "set", "--cone", "--sparse-index", "in")
    write(repo, {"in/a": "staged\n"})
    git(repo, "add", "in/a")

    ran = witness.run(repo)

    gc.collect()
    assert ran.tree == reference(repo)
    assert ran.read("in/a") == b"staged\n"


@pytest.mark.parametrize("sparse_index", ["--sparse-index", "--no-sparse-index"])
def test_a_file_that_is_there_outside_of_a_sparse_checkout_is_captured(
    repo: Path, sparse_index: str
) -> None:
    commit(repo, {"in/a": "a\n", "out/b": "b\n", "out/c": "c\n"})
    git(repo, "sparse-checkout", "set", "--cone", sparse_index, "in")
    write(repo, {"out/b": "changed\n", "out/new": "n\n"})

    ran = witness.run(repo)

    assert ran.read("out/b") == b"changed\n"
    assert ran.read("out/c") == b"c\n"
    assert ran.read("out/new") == b"n\n"
    assert ran.git["capture"] == "full"


def test_a_file_that_is_there_against_a_sparse_checkout_may_be_named_only(repo: Path) -> None:
    commit(repo, {"in/a": "a\n", "out/b": "b\n"})
    git(repo, "sparse-checkout", "set", "--cone", "in")
    git(repo, "config", "sparse.expectFilesOutsideOfPatterns", "true")
    write(repo, {"out/b": "changed\n"})

    ran = witness.run(repo)

    assert list(ran.missed()) == ["out/b"]


def test_an_index_without_a_checksum_is_read(repo: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(repo, {"staged": "s\n"})
    git(repo, "add", "staged")
    raw = (repo / ".git/index").read_bytes()
    (repo / ".git/index").write_bytes(raw[:-20] + bytes(20))

    taken = snapshot.take(witness.discovered(repo), Rules())

    assert taken.changes == [("A", b"staged")]
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("version", ["2", "4"])
@pytest.mark.parametrize("option", ["--assume-unchanged", "--skip-worktree"])
def test_a_changed_file_that_git_was_told_to_pass_over_is_named(
    repo: Path, option: str, version: str
) -> None:
    commit(repo, {"d/a": "1\n", "d/hidden": "2\n", "d/hidden-too": "2\n", "z": "3\n"})
    git(repo, "update-index", f"--index-version={version}")
    git(repo, "update-index", option, "d/hidden", "d/hidden-too")
    write(repo, {"d/hidden": "changed\n", "z": "changed\n"})

    ran = witness.run(repo)

    assert ran.git["capture"] == "partial"
    assert ran.missed() == {"d/hidden": "changed, but marked assume-unchanged or skip-worktree"}
    assert ran.read("d/hidden") == b"2\n"
    assert ran.read("z") == b"changed\n"
    assert "partial, without: d/hidden" in ran.said


@pytest.mark.parametrize("option", ["--assume-unchanged", "--skip-worktree"])
def test_an_unchanged_file_that_git_was_told_to_pass_over_is_no_news(
    repo: Path, option: str
) -> None:
    commit(repo, {"hidden": "2\n", "gone": "3\n"})
    git(repo, "update-index", option, "hidden", "gone")
    os.utime(repo / "hidden", (1, 1))

    ran = witness.run(repo)

    assert ran.git["capture"] == "full"
    assert ran.git["dirty"] is False


def test_a_hidden_file_that_is_gone_is_named(repo: Path) -> None:
    commit(repo, {"gone": "3\n"})
    git(repo, "update-index", "--assume-unchanged", "gone")
    (repo / "gone").unlink()

    ran = witness.run(repo)

    assert list(ran.missed()) == ["gone"]


@pytest.mark.parametrize("option", ["--assume-unchanged", "--skip-worktree"])
def test_a_hidden_file_that_became_a_folder_is_captured_as_one(repo: Path, option: str) -> None:
    commit(repo, {"hidden": "h\n", "other": "o\n"})
    git(repo, "update-index", option, "hidden")
    (repo / "hidden").unlink()
    write(repo, {"hidden/new": "n\n"})

    ran = witness.run(repo)

    assert ran.tree == reference(repo)
    assert sorted(ran.modes) == [b"hidden/new", b"other", b"train.py"]
    assert ran.git["capture"] == "full"


def test_names_longer_than_the_index_can_say_are_read(repo: Path) -> None:
    long = "/".join(["d" * 200] * 25)
    tree = git(repo, "hash-object", "-w", "--stdin", stdin=b"x").decode()
    lines = f"100644 {tree}\t{long}\n100644 {tree}\tzz\n"
    git(repo, "update-index", "--index-info", stdin=lines.encode())
    git(repo, "update-index", "--assume-unchanged", "zz")
    for version in ("2", "4"):
        git(repo, "update-index", f"--index-version={version}")

        assert index.marks(repo / ".git/index").hidden == [(b"zz", False)]


def test_what_is_no_index_hides_nothing_that_we_could_tell(tmp_path: Path) -> None:
    odd = tmp_path / "odd"
    for raw in (b"", b"TREE", b"DIRC\0\0\0\5", b"DIRC\0\0\0\4\0\0\0\1", b"DIRC\0\0\0\2\0\0\0\1"):
        odd.write_bytes(raw)

        assert index.marks(odd) == index.Marks(hidden=None, plain=False)

    assert index.marks(tmp_path / "none") == index.Marks(hidden=[], plain=True)


def test_the_copy_has_the_time_of_the_index_and_goes(repo: Path) -> None:
    os.utime(repo / ".git/index", ns=(1, 1_234_567_891))
    found = witness.discovered(repo)

    with index.copied(found) as copy:
        kept = copy.stat().st_mtime_ns
        same = copy.read_bytes() == (repo / ".git/index").read_bytes()
        copy.with_name(f"{copy.name}.lock").write_bytes(b"")

    assert kept == 1_234_567_891
    assert same
    assert list((repo / ".git/exp/tmp").iterdir()) == []


def test_a_copy_has_the_bytes_and_the_time_of_one_index(repo: Path) -> None:
    found = witness.discovered(repo)
    place = found.index
    times = {place.read_bytes(): place.stat().st_mtime_ns}
    stop = threading.Event()

    def replacing() -> None:
        for at in itertools.count():
            new = place.with_name("new-index")
            data = b"%d" % at * 10_000
            new.write_bytes(data)
            os.utime(new, ns=(at, at))
            times[data] = at
            new.rename(place)
            if stop.is_set():
                return

    thread = threading.Thread(target=replacing)
    thread.start()
    seen: set[tuple[bytes, int]] = set()
    # Until enough has come between: how often the two take turns is the machine's business.
    while len(seen) <= 10:
        with index.copied(found) as copy:
            seen.add((copy.read_bytes(), copy.stat().st_mtime_ns))
    stop.set()
    thread.join()

    assert [one for one in seen if times.get(one[0]) != one[1]] == []
