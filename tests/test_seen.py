"""Which runs had the code, the command and the params of now."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from git_exp import Experiment, errors, records, seen
from git_exp.index.search import Indexed
from git_exp.seen import Answer
from git_exp.starting import Caller
from tests.cli.conftest import Git_, Runs
from tests.git import witness


@pytest.fixture
def runs(git: Git_) -> Runs:
    return Runs(git)


def opened(repo: Path) -> Indexed:
    return Indexed.open(repo, os.environ)


def look(repo: Path, *argv: str, params: dict[str, Any] | None = None) -> Answer:
    store = opened(repo)
    caller = Caller(argv=argv, cwd=Path.cwd()) if argv else None
    return seen.look(store, seen.question(store, caller, params))


def names(answer: Answer) -> list[str]:
    return [one.run.name for one in answer.found]


def a_run(name: str, **given: Any) -> str:
    with Experiment(name, **given) as experiment:
        pass
    return str(experiment.run_id)


def test_code_was_seen_until_it_is_edited_and_again_when_that_is_undone(repo: Path) -> None:
    before = (repo / "train.py").read_text()
    a_run("one")

    assert names(look(repo)) == ["one"]
    (repo / "train.py").write_text("x = 2\n")
    assert names(look(repo)) == []
    (repo / "train.py").write_text(before)
    assert names(look(repo)) == ["one"]


def test_the_newest_of_several_runs_comes_first_whatever_the_commit(repo: Path, git: Git_) -> None:
    a_run("one")
    git("commit", "-q", "--allow-empty", "-m", "the same once more")
    a_run("two")

    assert names(look(repo)) == ["two", "one"]


def test_untracked_files_belong_to_the_code_and_ignored_ones_do_not(repo: Path) -> None:
    (repo / ".gitignore").write_text("out/\n")
    a_run("one")
    witness.write(repo, {"out/log": "much"})

    assert names(look(repo)) == ["one"]
    witness.write(repo, {"model.py": "x = 1\n"})
    assert names(look(repo)) == []


def test_staging_and_committing_what_ran_changes_nothing(repo: Path, git: Git_) -> None:
    witness.write(repo, {"model.py": "x = 1\n"})
    a_run("one")

    git("add", ".")
    assert names(look(repo)) == ["one"]
    git("commit", "-q", "-m", "as it ran")
    assert names(look(repo)) == ["one"]


def test_looking_leaves_all_that_is_the_users_as_it_was_and_no_file_of_ours(
    repo: Path, git: Git_
) -> None:
    a_run("one")
    witness.write(repo, {"train.py": "x = 3\n", "new.py": "y\n", "staged.py": "z\n"})
    git("add", "staged.py")
    opened(repo).runs()
    before = witness.state(repo), git("for-each-ref"), ours(repo)

    look(repo)

    assert (witness.state(repo), git("for-each-ref"), ours(repo)) == before


def ours(repo: Path) -> list[Path]:
    """The files in our own folder; SQLite's own beside the index come and go."""
    found = (repo / ".git/exp").rglob("*")
    return sorted(path for path in found if path.is_file() and "index.db" not in path.name)


def test_a_command_is_another_by_a_word_or_by_its_folder(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = opened(repo).get(a_run("one"))
    assert run
    assert run.process
    words = run.process.argv

    assert names(look(repo, *words)) == ["one"]
    assert names(look(repo, *words, "--fast")) == []
    assert look(repo, *words, "--fast").others == 1
    (repo / "below").mkdir()
    monkeypatch.chdir(repo / "below")
    assert names(look(repo, *words)) == []
    assert names(look(repo)) == ["one"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"lr": 0.1, "amp": True}, ["one"]),
        ({"amp": True, "lr": 0.1}, ["one"]),
        ({"lr": 0.1}, []),
        ({"lr": 0.1, "amp": True, "seed": 1}, []),
        ({"lr": 0.1, "amp": 1}, []),
        ({}, []),
        (None, ["one"]),
    ],
)
def test_params_are_exactly_those_that_a_run_began_with(
    repo: Path, asked: dict[str, Any] | None, found: list[str]
) -> None:
    a_run("one", params={"lr": 0.1, "amp": True})

    assert names(look(repo, params=asked)) == found


def test_params_of_a_process_that_joined_are_not_those_that_a_run_began_with(
    repo: Path, runs: Runs
) -> None:
    run_id = runs.add("one", params={"lr": 0.1})
    t = records.later(records.micros("2026-01-02T03:05:00.000000Z"), None)
    joined = records.Join(t=t, params={"lr": 0.2, "seed": 7})
    runs.append(run_id, records.line(joined).decode())

    assert names(look(repo, params={"lr": 0.1})) == ["one"]
    assert names(look(repo, params={"lr": 0.2, "seed": 7})) == []


def test_where_a_record_does_not_tell_the_tree_the_commit_does(
    repo: Path, runs: Runs, git: Git_
) -> None:
    same = runs.add("same")
    runs.add("other", "x = 9\n")
    tree = git("rev-parse", "HEAD^{tree}")
    a_run("told")

    store = opened(repo)
    found = {run.name: run for run in seen.by_tree(store, tree)}

    assert set(found) == {"told", "same"}
    assert found["same"].id == same
    assert [run.git.tree for run in found.values() if run.git] in ([tree, None], [None, tree])


def test_a_run_whose_commit_is_not_here_is_passed_over(repo: Path, runs: Runs, git: Git_) -> None:
    ref = f"refs/runs/{runs.add('gone')}"
    gone = git("rev-parse", ref)
    git("update-ref", "-d", ref)
    (repo / f".git/objects/{gone[:2]}/{gone[2:]}").unlink()
    runs.add("here")

    assert names(look(repo)) == ["here"]


def test_a_file_that_is_left_out_the_same_raises_no_doubt(repo: Path) -> None:
    witness.write(repo, {"big.csv": "1,2\n", ".env": "TOKEN=1\n"})
    config(repo, "exp.exclude", "*.csv")
    a_run("one")
    # Of what has a SHA-256, the bytes count and not the time.
    os.utime(repo / "big.csv", (1, 1))

    assert [one.doubts for one in look(repo).found] == [[]]


def config(repo: Path, key: str, value: str) -> None:
    witness.git(repo, "config", key, value)


@pytest.mark.parametrize(
    ("files", "doubt"),
    [
        ({"big.csv": "1,3\n"}, "'big.csv' is not in snapshots and differs"),
        ({"other.csv": "1\n"}, "'other.csv' is not in snapshots and is new"),
        ({"big.csv": None}, "'big.csv' is not in snapshots and is gone"),
        ({".env": "TOKEN=22\n"}, "'.env' is not in snapshots and differs"),
    ],
)
def test_a_file_that_is_left_out_otherwise_raises_a_doubt(
    repo: Path, files: dict[str, str | None], doubt: str
) -> None:
    witness.write(repo, {"big.csv": "1,2\n", ".env": "TOKEN=1\n"})
    config(repo, "exp.exclude", "*.csv")
    a_run("one")

    for name, text in files.items():
        if text is None:
            (repo / name).unlink()
        else:
            (repo / name).write_text(text)

    assert [one.doubts for one in look(repo).found] == [[doubt]]


def test_an_embedded_repository_can_never_be_compared(repo: Path, git: Git_) -> None:
    git("init", "-q", "inner")
    (repo / "inner/a.py").write_text("1\n")
    git("add", ".", cwd=repo / "inner")
    git("commit", "-q", "-m", "inner", cwd=repo / "inner")
    a_run("one")

    assert [one.doubts for one in look(repo).found] == [
        ["'inner/' is not in snapshots and cannot be compared"]
    ]


@pytest.mark.parametrize(
    ("told", "doubt"),
    [
        ({"capture": "partial"}, "its snapshot is partial"),
        ({"capture": "none"}, "its code was not captured"),
        ({"skipped_count": 7}, "not all files that were left out are listed"),
    ],
)
def test_a_snapshot_that_is_not_the_whole_code_raises_a_doubt(
    repo: Path, runs: Runs, told: dict[str, Any], doubt: str
) -> None:
    runs.add("one", git=told)

    assert [one.doubts for one in look(repo).found] == [[doubt]]


def test_what_the_snapshot_of_now_lacks_is_named(repo: Path, git: Git_) -> None:
    a_run("one")
    git("update-index", "--assume-unchanged", "train.py")
    (repo / "train.py").write_text("x = 3\n")

    answer = look(repo)

    assert (names(answer), answer.gaps) == (["one"], ["train.py"])


def test_a_running_run_is_seen_too(repo: Path) -> None:
    with Experiment("one"):
        assert [one.run.status for one in look(repo).found] == ["running"]


def test_a_deleted_run_is_not_seen(repo: Path) -> None:
    run_id = a_run("one")
    store = opened(repo)
    found = store.get(run_id)
    assert found
    store.remove([found])

    assert names(look(repo)) == []


def test_without_a_worktree_there_is_no_code_of_now(tmp_path: Path, git: Git_) -> None:
    git("init", "-q", "--bare", tmp_path / "bare.git")

    with pytest.raises(errors.SnapshotFailed):
        seen.look(opened(tmp_path / "bare.git"), seen.Question())


def test_the_same_secret_or_another_looks_alike_in_records() -> None:
    assert seen.masked(["train", "--api-key=1"])
    assert not seen.masked(["train", "--lr=1"])


def test_the_first_of_many_paths_stand_in_one_line() -> None:
    assert seen.listed(["a", "b"]) == "a, b"
    assert seen.listed(list("abcdefg")) == "a, b, c, d, e and 2 more"
