"""Comparing: what two runs, worktrees and revisions differ in."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest

from git_exp import Experiment, compare, errors, query, restore
from git_exp.compare import Differing, File, Sides, View
from git_exp.records import Git, Rename, Summary
from git_exp.run import Run
from git_exp.store import Store
from tests.cli.conftest import Git_


@pytest.fixture
def store(repo: Path) -> Store:
    return Store.open(repo, os.environ)


def a_run(**given: Any) -> Run:
    found = {path: Summary(last=value) for path, value in given.pop("metrics", {}).items()}
    return Run(**{"id": "a", "commit": "c", "metrics": found, **given})


def recorded(store: Store) -> Run:
    """A run of the worktree as it is."""
    with Experiment("base") as experiment:
        pass
    return query.find(store, str(experiment.run_id))


def files(store: Store, before: compare.Side, after: compare.Side) -> list[File]:
    return compare.files(store, Sides(before, after))


def test_params_differ_in_value_in_type_and_in_presence() -> None:
    a = a_run(params={"same": [1, {"x": 2}], "lr": 0.1, "n": 1, "gone": None})
    b = a_run(params={"same": [1, {"x": 2}], "lr": 0.01, "n": "1.0", "new": 3})

    assert compare.params(a, b) == [
        Differing(name="lr", a=0.1, b=0.01),
        Differing(name="n", a=1, b="1.0"),
        Differing(name="gone", a=None, b=None),
        Differing(name="new", a=None, b=3),
    ]


def test_metrics_differ_in_their_last_values_and_nan_is_like_nan() -> None:
    a = a_run(metrics={"acc": 0.5, "nan": math.nan, "inf": math.inf})
    b = a_run(metrics={"acc": 0.75, "nan": math.nan, "inf": -math.inf})

    assert compare.metrics(a, b) == [
        Differing(name="acc", a=0.5, b=0.75),
        Differing(name="inf", a=math.inf, b=-math.inf),
    ]


def test_files_have_their_status_and_count_of_lines(store: Store, git: Git_) -> None:
    for name in ("moved.py", "gone.py", "kept.py"):
        Path(name).write_text(f"{name}\n" * 20)
    Path("image").write_bytes(b"\0\1")
    git("add", ".")
    git("commit", "-q", "-m", "files")
    Path("gone.py").unlink()
    Path("moved.py").rename("new name.py")
    Path("image").write_bytes(b"\0\2")
    Path("train.py").write_text("1\n2\n")
    Path(os.fsdecode(b"caf\xe9")).symlink_to("kept.py")
    run = recorded(store)

    found = files(store, compare.named(store, "HEAD"), compare.snapshot_of(store, run))

    assert found == [
        File(path='"caf\\351"', status="A", added=1, removed=0),
        File(path="gone.py", status="D", added=0, removed=20),
        File(path="image", status="M"),
        File(path="new name.py", status="R", old_path="moved.py", added=0, removed=0),
        File(path="train.py", status="M", added=2, removed=1),
    ]


def test_the_worktree_is_what_a_run_would_capture(store: Store) -> None:
    Path("new.py").write_text("1\n")
    Path(".env").write_text("SECRET=1\n")
    run = recorded(store)
    same = compare.worktree(store)
    Path("new.py").write_text("2\n")
    changed = compare.worktree(store)

    before = compare.snapshot_of(store, run)

    assert not compare.differ(store, Sides(before, same))
    assert files(store, before, same) == []
    assert compare.differ(store, Sides(before, changed))
    assert [one.path for one in files(store, before, changed)] == ["new.py"]


def test_a_bare_repository_has_no_worktree_to_compare(store: Store, git: Git_) -> None:
    git("clone", "-q", "--bare", ".", "../bare.git")
    bare = Store.open(Path("../bare.git"), os.environ)

    with pytest.raises(errors.SnapshotFailed, match="bare repository"):
        compare.worktree(bare)


def test_a_name_is_a_run_or_saved_work_or_a_revision(store: Store, git: Git_) -> None:
    run = recorded(store)

    Path("train.py").write_text("mine\n")
    restore.checkout(store.repo, run, restore.Form(save=True))

    assert compare.named(store, "@{saved}").kind == "saved"
    assert compare.named(store, "base").run == run
    assert compare.named(store, "base").name == f"{run.id[:8]} base"
    revision = compare.named(store, "HEAD")
    assert (revision.kind, revision.tree) == ("revision", git("rev-parse", "HEAD"))
    for name in ("zz", "-x", "--output=x", "@{nope}"):
        with pytest.raises(errors.NotFound):
            compare.named(store, name)
    assert not Path("x").exists()


def test_an_ambiguous_name_is_not_taken_for_a_revision(store: Store, git: Git_) -> None:
    one, two = recorded(store), recorded(store)
    name = one.id[:8]
    store.add(two, lambda t: Rename(t=t, name=name))
    git("branch", name)

    with pytest.raises(errors.Ambiguous):
        compare.named(store, name)


def test_the_base_of_a_first_commit_is_nothing_at_all(store: Store) -> None:
    base = compare.base_of(store, a_run())

    assert base is not None
    assert [one.path for one in files(store, base, compare.named(store, "HEAD"))] == ["train.py"]


def test_the_base_of_a_run_is_the_commit_that_it_started_from(store: Store, git: Git_) -> None:
    base = compare.base_of(store, recorded(store))

    assert base is not None
    assert base.tree == git("rev-parse", "HEAD")


@pytest.mark.parametrize("oid", ["0" * 40, "--output=stolen", "HEAD", "main", ""])
def test_a_commit_that_is_not_here_or_is_none_is_never_asked_of_git(store: Store, oid: str) -> None:
    run = a_run(commit=oid, git=Git(commit=oid, base=oid, capture="full"))

    assert compare.base_of(store, run) is None
    with pytest.raises(errors.NotFound) as caught:
        compare.snapshot_of(store, run)
    assert caught.value.hint == "fetch it from who has it: git exp pull REMOTE RUN"


def test_git_diff_shows_what_differs_and_its_exit_code_is_handed_on(
    store: Store, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("train.py").write_text("1\n")
    sides = Sides(compare.named(store, "HEAD"), compare.worktree(store))

    plain = compare.show(store, sides, View(options=["--exit-code", "--name-only"]))
    coloured = compare.show(store, sides, View(options=["--stat"], colour=True))
    elsewhere = compare.show(store, sides, View(options=["--exit-code"], paths=["nope"]))

    assert (plain, coloured, elsewhere) == (1, 0, 0)
    assert capfd.readouterr().out == (
        "train.py\n train.py | 2 +-\n 1 file changed, 1 insertion(+), 1 deletion(-)\n"
    )
