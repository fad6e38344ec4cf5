"""A gc that takes the objects of a run before its ref holds them: the run is taken again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from git_exp import Experiment, errors, starting
from git_exp.git import index, objects
from tests.git import witness
from tests.git.witness import commit, git, reference, write

SEAMS = [
    (index, "tree"),
    (objects, "differing"),
    (starting, "_commit"),
    (starting, "_git"),
    (starting, "first_journal"),
    (starting, "remember"),
]


@pytest.fixture
def pruned(repo: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Prune all that nothing holds before a function is called, the first `times` times."""

    def inject(module: ModuleType, name: str, times: int) -> list[str]:
        real = getattr(module, name)
        calls: list[str] = []

        def wrapped(*args: Any, **given: Any) -> Any:
            calls.append(name)
            if len(calls) <= times:
                git(repo, "prune", "--expire=now")
            return real(*args, **given)

        monkeypatch.setattr(module, name, wrapped)
        return calls

    return inject


@pytest.mark.slow
@pytest.mark.parametrize(("module", "name"), SEAMS, ids=[name for _, name in SEAMS])
@pytest.mark.parametrize("change", ["add", "delete"])
def test_a_run_whose_objects_vanish_is_taken_again(
    repo: Path, pruned: Callable[..., list[str]], module: ModuleType, name: str, change: str
) -> None:
    commit(repo, {"a/b/gone": "g\n", "a/b/stays": "s\n", "a/stays": "s\n"})
    if change == "add":
        write(repo, {"train.py": "changed\n", "a/b/new": "n\n"})
    else:
        (repo / "a/b/gone").unlink()
    calls = pruned(module, name, times=1)

    ran = witness.run(repo)

    assert len(calls) == (1 if (name, change) == ("tree", "delete") else 2)
    assert ran.tree == reference(repo)
    assert git(repo, "for-each-ref", "--format=%(objectname)", "refs/runs").decode() == ran.commit


@pytest.mark.parametrize(("module", "name"), SEAMS[:2], ids=[name for _, name in SEAMS[:2]])
def test_a_tree_that_git_itself_wrote_is_taken_again(
    repo: Path, pruned: Callable[..., list[str]], module: ModuleType, name: str
) -> None:
    git(repo, "update-index", "--split-index")
    write(repo, {"new": "n\n"})
    calls = pruned(module, name, times=1)

    ran = witness.run(repo)

    assert len(calls) == 2
    assert ran.tree == reference(repo)


@pytest.mark.parametrize(("module", "name"), SEAMS[2:4], ids=[name for _, name in SEAMS[2:4]])
def test_a_run_whose_objects_vanish_every_time_is_given_up_and_leaves_nothing(
    repo: Path, pruned: Callable[..., list[str]], module: ModuleType, name: str
) -> None:
    write(repo, {"new": "n\n"})
    calls = pruned(module, name, times=99)

    with pytest.raises(errors.ObjectsVanished):
        Experiment("r")

    assert len(calls) == 3
    assert git(repo, "for-each-ref", "refs/runs") == b""
    assert list((repo / ".git/exp").glob("spool/*")) == []


def test_a_tree_that_vanished_is_missed_where_a_file_was_deleted_from_it(repo: Path) -> None:
    commit(repo, {"a/b/gone": "g\n", "a/b/stays": "s\n"})
    (repo / "a/b/gone").unlink()
    ran = witness.run(repo)
    found = witness.discovered(repo)
    changes = [("D", b"a/b/gone")]
    tree = git(repo, "rev-parse", f"{ran.commit}:a/b").decode()

    before = objects.reachable(found, ran.commit, changes)
    (repo / ".git/objects" / tree[:2] / tree[2:]).unlink()

    assert before
    assert not objects.reachable(found, ran.commit, changes)
    assert objects.reachable(found, ran.commit, [("D", b"gone"), ("D", b"x/y/gone")])
