"""git_exp.origin: the run that a worktree was set to, and what the next run makes of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from git_exp import Experiment, origin, restore
from git_exp.git.repo import Repo, discover
from git_exp.restore import Form
from git_exp.run import Run
from git_exp.starting import Caller, Request, begin
from git_exp.store import Store
from tests.conftest import Exp

Git = Callable[..., str]


@pytest.fixture
def first(repo: Path) -> Run:
    """A run with a change that is gone from the worktree again."""
    Path("train.py").write_text("x = 1\n")
    with Experiment("first"):
        pass
    (run,) = Store.open(repo, {}).runs()
    return run


def here(repo: Path) -> Repo:
    return discover(repo, os.environ)


def next_one(repo: Path, **given: Any) -> str | None:
    """What the record of a run that begins now says that it is derived from."""
    started = begin(here(repo), Request(caller=Caller(argv=["x"], cwd=repo), **given))
    assert started.run.git
    return started.run.git.derived


def test_the_run_after_a_restore_is_derived_from_it_and_those_after_are_not(
    first: Run, repo: Path
) -> None:
    restore.undo(here(repo), first)
    Path("train.py").write_text("x = 2\n")

    assert next_one(repo) == first.id
    assert next_one(repo) is None


def test_what_somebody_says_wins_over_what_is_remembered(first: Run, repo: Path) -> None:
    restore.undo(here(repo), first)

    assert next_one(repo, derived="11111111-0000-4000-8000-000000000000") == (
        "11111111-0000-4000-8000-000000000000"
    )


@pytest.mark.slow
@pytest.mark.parametrize("how", ["reset", "commit", "switch", "no snapshot", "back", "checkout"])
def test_it_is_not_claimed_where_it_is_not_certain(
    how: str, first: Run, repo: Path, git: Git
) -> None:
    Path("train.py").write_text("before\n")
    answer = restore.undo(here(repo), first)
    match how:
        case "reset":
            git("reset", "-q", "--hard")
        case "commit":
            git("commit", "-q", "-a", "-m", "it")
        case "switch":
            git("stash", "-q")
            git("switch", "-q", "-c", "side")
            git("commit", "-q", "--allow-empty", "-m", "more")
        case "back":
            restore.undo(here(repo), restore.saved(here(repo), str(answer.saved)) or first)
        case "checkout":
            restore.checkout(here(repo), first, Form(save=True))

    assert next_one(repo, snapshot=how != "no snapshot") is None


def test_a_private_run_is_named_in_no_other_record(repo: Path) -> None:
    Path("train.py").write_text("x = 1\n")
    with Experiment("mine", private=True):
        pass
    (run,) = Store.open(repo, {}).runs()
    restore.undo(here(repo), run)

    assert next_one(repo) is None


def test_a_clean_run_is_an_origin_too(repo: Path) -> None:
    with Experiment("clean"):
        pass
    (run,) = Store.open(repo, {}).runs()
    Path("train.py").write_text("else\n")
    restore.undo(here(repo), run)

    assert next_one(repo) == run.id


def test_the_command_records_it_and_show_tells_it(first: Run, repo: Path, exp: Exp) -> None:
    restore.undo(here(repo), first)
    exp("run", "-n", "second", "true")

    assert f"Derived:  {first.id}" in exp("show", "second").stdout


@pytest.mark.parametrize("text", ["", "torn", "a b c\n", f"../x {'1' * 40} {'2' * 40}\n"])
def test_what_is_damaged_says_nothing(text: str, repo: Path) -> None:
    (repo / ".git/exp").mkdir(exist_ok=True)
    (repo / ".git/exp/origin").write_text(text)

    assert next_one(repo) is None


def test_where_nothing_can_be_written_nobody_is_disturbed(first: Run, repo: Path) -> None:
    (repo / ".git/exp/origin").mkdir()

    restore.undo(here(repo), first)

    assert Path("train.py").read_text() == "x = 1\n"
    assert origin.read(here(repo)) is None
    assert next_one(repo) is None


def test_on_an_unborn_branch_it_is_known_too(
    tmp_path: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    git("init", "-q", "unborn")
    monkeypatch.chdir(tmp_path / "unborn")
    Path("a").write_text("1\n")
    with Experiment("first"):
        pass
    (run,) = Store.open(Path.cwd(), {}).runs()
    Path("a").write_text("2\n")
    restore.undo(here(Path.cwd()), run)

    assert next_one(Path.cwd()) == run.id
