"""Refs: read from disk at each call, moved by compare-and-swap, without reflog and hooks."""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from git_exp import errors
from git_exp.git import refs
from git_exp.git.refs import Change
from git_exp.git.repo import Repo
from tests.spooled import as_another_user, counted, found

Git = Callable[..., str]
RUN = "refs/runs/11111111-1111-4111-8111-111111111111"


@pytest.fixture
def two(repo: Path, git: Git) -> tuple[str, str]:
    """Two commits."""
    one = git("rev-parse", "HEAD")
    return one, git("commit-tree", "HEAD^{tree}", "-m", "another")


@pytest.fixture
def here(repo: Path) -> Repo:
    return found(repo)


def test_a_ref_is_found_loose_packed_and_not_at_all(here: Repo, two: tuple[str, str]) -> None:
    refs.update(here, [Change(name=RUN, new=two[0], old=None)])
    loose = refs.resolve(here, RUN)
    here.git("pack-refs", "--all")
    packed = refs.resolve(here, RUN)
    refs.update(here, [Change(name=RUN, new=two[1], old=two[0])])

    assert (loose, packed, refs.resolve(here, RUN)) == (two[0], two[0], two[1])
    assert refs.resolve(here, "refs/runs") is None
    assert refs.resolve(here, f"{RUN}/below") is None
    assert refs.resolve(here, "refs/none") is None


def test_a_symbolic_ref_is_followed_and_may_lead_nowhere(here: Repo, two: tuple[str, str]) -> None:
    here.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/heads/main")
    here.git("symbolic-ref", "refs/remotes/other/HEAD", "refs/heads/none")

    assert refs.resolve(here, "refs/remotes/origin/HEAD") == two[0]
    assert refs.resolve(here, "refs/remotes/other/HEAD") is None


@pytest.mark.parametrize("text", ["", "\0" * 41, "zzz\n"])
def test_a_broken_ref_is_an_error_and_not_nothing(
    here: Repo, two: tuple[str, str], text: str
) -> None:
    path = here.common_dir / RUN
    path.parent.mkdir(parents=True)
    path.write_text(text)

    with pytest.raises(errors.RepositoryError, match="is broken"):
        refs.resolve(here, RUN)
    with pytest.raises(errors.GitFailed) as refused:
        refs.update(here, [Change(name=RUN, new=two[0], old=None)])
    assert "reference broken" in str(refused.value)


def test_refs_below_a_prefix_are_listed_and_known_of_without_git(
    here: Repo, two: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not refs.any_below(here, "refs/runs")
    refs.update(here, [Change(name=RUN, new=two[0], old=None)])
    refs.update(here, [Change(name="refs/exp/data/x", new=two[1], old=None)])

    assert refs.listing(here, "refs/runs/", "refs/exp/") == {
        RUN: two[0], "refs/exp/data/x": two[1],
    }  # fmt: skip
    for _ in range(2):
        with counted(monkeypatch, subprocess.Popen, "__init__") as started:
            assert refs.any_below(here, "refs/runs")
            assert not refs.any_below(here, "refs/run")
            assert not refs.any_below(here, "refs/remotes")
        assert started == []
        here.git("pack-refs", "--all", "--prune")


def test_one_ref_among_many_packed_ones_is_found(here: Repo, two: tuple[str, str]) -> None:
    names = [f"refs/runs/{number:05d}" for number in range(0, 1200, 2)]
    refs.update(here, [Change(name=name, new=two[0], old=None) for name in names])
    here.git("pack-refs", "--all", "--prune")

    assert refs.any_below(here, "refs/runs")
    assert all(refs.resolve(here, name) == two[0] for name in names[::97])
    assert refs.resolve(here, "refs/runs/00001") is None
    assert not refs.any_below(here, "refs/runt")


def test_a_move_from_where_the_ref_no_longer_is_moves_nothing(
    here: Repo, two: tuple[str, str]
) -> None:
    one, other = two
    refs.update(here, [Change(name=RUN, new=one, old=None)])

    for change in (
        Change(name=RUN, new=other, old=None),
        Change(name=RUN, new=one, old=other),
        Change(name=RUN, new=None, old=other),
        Change(name="refs/runs/none", new=one, old=other),
    ):
        with pytest.raises(errors.RefMoved) as lost:
            refs.update(here, [Change(name="refs/x/y", new=one, old=None), change])
        assert change.name in str(lost.value)

    assert refs.listing(here, "refs/runs/", "refs/x/") == {RUN: one}


def test_a_ref_is_deleted_from_its_expected_place(here: Repo, two: tuple[str, str]) -> None:
    refs.update(here, [Change(name=RUN, new=two[0], old=None)])
    here.git("pack-refs", "--all")

    refs.update(here, [Change(name=RUN, new=None, old=two[0])])

    assert refs.resolve(here, RUN) is None


def test_no_reflog_is_made_and_no_hook_runs(here: Repo, two: tuple[str, str]) -> None:
    here.git("config", "core.logAllRefUpdates", "always")
    hooks = here.common_dir / "hooks"
    hooks.mkdir(exist_ok=True)
    ran = here.common_dir / "ran"
    (hooks / "reference-transaction").write_text(f"#!/bin/sh\ntouch '{ran}'\n")
    (hooks / "reference-transaction").chmod(0o755)

    refs.update(found(here.top or Path()), [Change(name="refs/notes/exp", new=two[0], old=None)])

    assert not ran.exists()
    assert not (here.common_dir / "logs/refs/notes").exists()


def test_a_lock_of_another_is_named_with_the_way_out(here: Repo, two: tuple[str, str]) -> None:
    lock = refs.lock_of(here, RUN)
    lock.parent.mkdir(parents=True)
    lock.touch()

    with pytest.raises(errors.RefLocked) as locked:
        refs.update(here, [Change(name=RUN, new=two[0], old=None)])

    assert str(locked.value) == f"cannot lock ref '{RUN}': '{lock}' exists"
    assert locked.value.hint == f"if no git process is running in this repository: rm '{lock}'"
    assert refs.resolve(here, RUN) is None


def test_a_commit_that_is_not_there_is_one_that_has_vanished(here: Repo) -> None:
    with pytest.raises(errors.ObjectsVanished):
        refs.update(here, [Change(name=RUN, new="1" * 40, old=None)])


def test_a_ref_in_the_way_is_git_s_to_tell(here: Repo, two: tuple[str, str]) -> None:
    refs.update(here, [Change(name=f"{RUN}/below", new=two[0], old=None)])

    with pytest.raises(errors.GitFailed, match="cannot create"):
        refs.update(here, [Change(name=RUN, new=two[0], old=None)])


WRITING = """
from git_exp import errors
from git_exp.git import refs
here = found(Path.cwd())
head = refs.resolve(here, "refs/heads/main")
for name in ("refs/runs/x", "refs/heads/y", "refs/heads/deep/y"):
    try:
        refs.update(here, [refs.Change(name=name, new=head, old=None)])
    except errors.WriteFailed as error:
        print(error)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="becomes another user")
def test_who_may_not_write_is_told_so_and_not_that_something_is_locked(repo: Path) -> None:
    said = as_another_user(WRITING, repo).splitlines()

    assert len(said) == 3
    assert said[0].startswith("cannot write 'refs/runs/x': unable to create directory for ")
    assert said[1].startswith("cannot write 'refs/heads/y': Unable to create '")
    assert said[1].endswith("y.lock': Permission denied")


def test_a_transaction_without_a_change_changes_nothing(here: Repo) -> None:
    before = refs.listing(here, "refs/")

    with refs.transaction(here):
        pass

    assert refs.listing(here, "refs/") == before


def test_a_transaction_that_an_error_ends_leaves_no_process(here: Repo) -> None:
    with pytest.raises(KeyError), refs.transaction(here) as pending:
        raise KeyError

    assert pending._child.returncode == 0


@pytest.mark.parametrize(
    ("said", "expected"), [(None, ["core.fsync=reference"]), ("none", []), ("all", [])]
)
def test_a_ref_is_synced_unless_the_user_says_what_is(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch, said: str | None, expected: list[str]
) -> None:
    if said:
        git("config", "core.fsync", said)
    here = found(repo)

    with counted(monkeypatch, subprocess.Popen, "__init__") as started, refs.transaction(here):
        pass

    words = started[0][1]
    assert [word for word in words if word.startswith("core.fsync")] == expected


@pytest.mark.parametrize(
    "error",
    [errors.RefMoved("r"), errors.RefLocked("r", "r.lock"), errors.ObjectsVanished()],
    ids=["moved", "locked", "vanished"],
)
def test_an_attempt_that_loses_a_race_is_made_again(error: errors.RepositoryError) -> None:
    tried: list[int] = []

    def attempt() -> None:
        tried.append(1)
        if len(tried) < 4:
            raise error

    refs.insist(attempt)

    assert len(tried) == 4


def test_attempts_end_when_their_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    slept = [0.0]
    begun = time.monotonic()
    monkeypatch.setattr(time, "sleep", lambda s: slept.__setitem__(0, slept[0] + s))
    monkeypatch.setattr(time, "monotonic", lambda: begun + slept[0])

    def attempt() -> None:
        slept[0] += 0.001
        raise errors.RefLocked("r", "r.lock")

    with pytest.raises(errors.RefLocked):
        refs.insist(attempt)
    assert 10 <= slept[0] < 10.3
    with pytest.raises(errors.RefLocked):
        refs.insist(attempt, until=begun + 12)
    assert 12 <= slept[0] < 12.3


def test_an_error_that_is_no_race_is_not_tried_again() -> None:
    tried: list[int] = []

    def attempt() -> None:
        tried.append(1)
        raise errors.WriteFailed("x", "the disk is full")

    with pytest.raises(errors.WriteFailed):
        refs.insist(attempt)

    assert tried == [1]


@pytest.mark.parametrize("kept", [True, False])
def test_tidying_keeps_up_a_commit_graph_that_is_there_and_makes_none(
    here: Repo, two: tuple[str, str], git: Git, *, kept: bool
) -> None:
    if kept:
        git("commit-graph", "write", "--reachable")
    names = [f"refs/runs/{uuid.uuid4()}" for _ in range(refs.LOOSE)]
    refs.update(here, [Change(name=name, new=two[1], old=None) for name in names])

    refs.tidy(here, "refs/runs")

    info = here.common_dir / "objects" / "info"
    graphs = [path for path in info.rglob("*") if path.suffix == ".graph"]
    assert any(bytes.fromhex(two[1]) in path.read_bytes() for path in graphs) is kept
    assert not refs.loose(here, "refs/runs")
