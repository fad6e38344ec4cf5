"""git exp init: what is set once in a clone, told, and undone to the byte."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Exp
from tests.pseudo_terminal import Screen

Git_ = Callable[..., str]
CONFIG, HOOKS = Path(".git/config"), Path(".git/hooks")
STRATEGY = (
    "set notes.exp.mergeStrategy=cat_sort_uniq: git notes merge joins the records of both sides"
    " (undo: git config --unset notes.exp.mergeStrategy)\n"
)


@pytest.fixture(autouse=True)
def clean(repo: Path) -> None:
    for sample in HOOKS.glob("*.sample"):
        sample.unlink()


def state() -> tuple[bytes, list[tuple[str, bytes]]]:
    return CONFIG.read_bytes(), [(one.name, one.read_bytes()) for one in sorted(HOOKS.iterdir())]


def test_init_tells_what_it_changes_and_twice_changes_nothing(exp: Exp, git: Git_) -> None:
    first = exp("init")

    assert first.stdout == STRATEGY
    assert first.stderr == "hint: git's hooks for runs: git exp hooks install\n"
    assert git("config", "notes.exp.mergeStrategy") == "cat_sort_uniq"
    before = state()
    assert exp("init", "--no-hooks").stdout == "nothing to change\n"
    assert state() == before


def test_undo_leaves_everything_as_it_was(exp: Exp) -> None:
    (HOOKS / "pre-commit").write_text("#!/bin/sh\n# mine\n")
    before = state()

    exp("init", "--hooks")
    told = exp("init", "--hooks").stdout
    assert "pre-push hook: already installed: " in told
    assert state() != before
    undone = exp("init", "--undo").stdout

    assert undone.startswith("unset notes.exp.mergeStrategy=cat_sort_uniq\npre-commit hook: ")
    assert state() == before
    assert exp("init", "--undo").stdout == "nothing to change\n"


def test_what_the_user_has_set_stays(exp: Exp, git: Git_) -> None:
    git("config", "notes.exp.mergeStrategy", "union")
    exp("hooks", "install")
    before = state()

    told = exp("init", "--hooks").stdout
    assert told.startswith("left notes.exp.mergeStrategy=union, which you have set: ")
    exp("init", "--undo")

    assert state() == before


def test_what_was_changed_since_stays(exp: Exp, git: Git_) -> None:
    exp("init", "--hooks")
    git("config", "notes.exp.mergeStrategy", "union")
    (HOOKS / "pre-push").write_text("#!/bin/sh\n# mine\n")

    told = exp("init", "--undo").stdout

    assert "left notes.exp.mergeStrategy: it is not what it was set to\n" in told
    assert "pre-push hook: left alone: it is not ours: " in told
    assert git("config", "notes.exp.mergeStrategy") == "union"
    assert [one.name for one in HOOKS.iterdir()] == ["pre-push"]


def test_decoration_is_left_alone_where_git_shows_no_run(exp: Exp, git: Git_) -> None:
    """One pattern there, and git shows every other ref that it hides by itself."""
    git("update-ref", "refs/runs/x", "HEAD")
    git("update-ref", "refs/pull/7", "HEAD")
    exp("init")

    assert git("log", "--format=%D") == "HEAD -> main"
    assert "excludedecoration" not in git("config", "--list")


@pytest.mark.parametrize(
    ("key", "value"), [("log.excludeDecoration", "refs/x/"), ("log.initialDecorationSet", "all")]
)
def test_where_git_would_show_runs_beside_commits_it_shows_them_no_more(
    exp: Exp, git: Git_, key: str, value: str
) -> None:
    git("update-ref", "refs/runs/x", "HEAD")
    git("update-ref", "refs/exp/data/x", "HEAD")
    git("update-ref", "refs/other/x", "HEAD")
    git("config", key, value)
    before = state()
    assert "refs/runs/x" in git("log", "--format=%D")

    told = exp("init").stdout

    assert told.count("added log.excludeDecoration=") == 4
    assert git("log", "--format=%D") == "HEAD -> main, refs/other/x"
    assert value in git("config", "--get-all", key)
    exp("init", "--undo")
    assert state() == before


def test_as_json_and_in_a_linked_worktree(exp: Exp, git: Git_, tmp_path: Path) -> None:
    git("worktree", "add", "-q", "../linked tree", "-b", "side")

    told = json.loads(exp("init", "--json", cwd=tmp_path / "linked tree").stdout)

    assert told["schema"] == "git-exp/init/1"
    assert (told["undone"], told["problems"]) == (False, [])
    assert told["steps"][0]["undo"] == "git config --unset notes.exp.mergeStrategy"
    assert git("config", "notes.exp.mergeStrategy") == "cat_sort_uniq"


def test_undo_and_hooks_exclude_each_other(exp: Exp) -> None:
    assert "exclude each other" in exp("init", "--undo", "--hooks", code=2).stderr


@pytest.mark.parametrize(("answer", "installed"), [("y", True), ("n", False)])
def test_on_a_terminal_it_asks_for_the_hooks(exp: Exp, answer: str, installed: bool) -> None:
    with Screen(("git", "exp", "init")) as screen:
        screen.until(r"Install git's hooks for runs\? \[y/N\]: ")
        screen.type(f"{answer}\n")
        screen.rest()
        assert screen.program.wait() == 0

    assert (HOOKS / "post-commit").exists() is installed
