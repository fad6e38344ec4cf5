"""git exp checkout: what it says and asks for; what it does to a worktree is restore's to test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from git_exp import Experiment
from git_exp.cli import going
from git_exp.records import Skipped
from git_exp.restore import Answer
from tests.cli.conftest import Ask, Git_, Runs

pytestmark = pytest.mark.usefixtures("repo")


@pytest.fixture
def code(runs: Runs, git: Git_) -> str:
    """The abbreviated commit of a run named base, whose train.py is x = 1."""
    run_id = runs.add("base", "x = 1\n")
    return git("rev-parse", f"refs/runs/{run_id}")[:8]


def test_head_is_detached_at_the_runs_commit_and_the_way_back_is_told(
    code: str, ask: Ask, git: Git_
) -> None:
    said = ask("checkout", "base")

    assert said == (
        "",
        f"HEAD is now at {code}, the files are those of run 11111111 'base'\n"
        "hint: to return: git switch main\n",
    )
    assert Path("train.py").read_text() == "x = 1\n"
    assert git("status", "--short", "--branch") == "## HEAD (no branch)"


def test_from_a_detached_head_the_way_back_is_its_commit(code: str, ask: Ask, git: Git_) -> None:
    head = git("rev-parse", "HEAD")
    git("checkout", "-q", "--detach")

    assert ask("checkout", "base").err.endswith(f"hint: to return: git switch --detach {head}\n")


def test_a_branch_is_made_there(code: str, ask: Ask, git: Git_) -> None:
    said = ask("checkout", "base", "-b", "good")

    assert f"HEAD is now at {code} on branch good, the files are those of run" in said.err
    assert git("branch", "--show-current") == "good"


def test_with_keep_base_the_changes_are_uncommitted(code: str, ask: Ask, git: Git_) -> None:
    base = git("rev-parse", "HEAD")

    said = ask("checkout", "base", "--keep-base")

    assert said.err == (
        f"HEAD is now at {base[:8]} on branch main, the files are those of run 11111111 'base'\n"
    )
    assert git("status", "--short") == " M train.py"


def test_another_worktree_is_made_beside_this_one(
    code: str, ask: Ask, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repo / "sub").mkdir()
    monkeypatch.chdir(repo / "sub")

    said = ask("checkout", "base", "--worktree", "../../beside")

    assert said.out == ""
    assert said.err.splitlines()[-1].startswith("the code of run 11111111 'base' is in ")
    assert (repo.parent / "beside" / "train.py").read_text() == "x = 1\n"
    assert (repo / "train.py").read_text() == "print('METRIC acc=0.5')\n"


def test_a_path_alone_is_restored(code: str, ask: Ask, git: Git_) -> None:
    said = ask("checkout", "base", "--", "train.py")

    assert said == ("", "updated 1 file from run 11111111 'base'\n")
    assert Path("train.py").read_text() == "x = 1\n"
    assert git("branch", "--show-current") == "main"


def test_local_changes_in_the_way_are_refused_and_kept(code: str, ask: Ask) -> None:
    Path("train.py").write_text("mine\n")

    assert ask("checkout", "base", code=4) == (
        "",
        "error: local changes would be overwritten: 'train.py'\n"
        "hint: put everything aside first: add --save\n",
    )
    assert Path("train.py").read_text() == "mine\n"


def test_with_save_the_changes_are_put_aside_and_come_back(code: str, ask: Ask, git: Git_) -> None:
    Path("train.py").write_text("mine\n")
    Path("note.txt").write_text("untracked\n")

    gone = ask("checkout", "base", "--save", "--exact")
    there = Path("train.py").read_text(), Path("note.txt").exists()
    back = ask("checkout", "@{saved}")

    saved = git("for-each-ref", "--format=%(refname)", "refs/exp/saved")
    assert gone == (
        "",
        f"HEAD is now at {code}, the files are those of run 11111111 'base'\n"
        "removed: note.txt\n"
        f"local changes are in {saved}\n"
        "hint: to return: git exp checkout @{saved}\n",
    )
    assert there == ("x = 1\n", False)
    assert "the files are those of what was put aside\n" in back.err
    assert Path("train.py").read_text() == "mine\n"
    assert Path("note.txt").read_text() == "untracked\n"
    assert git("branch", "--show-current") == "main"


def test_untracked_files_that_stay_are_named(code: str, ask: Ask) -> None:
    for at in range(12):
        Path(f"file{at:02}.txt").write_text("\n")

    said = ask("checkout", "base")

    assert said.err.splitlines()[-1] == (
        "untracked files that are not of it (--exact removes them): "
        + ", ".join(f"file{at:02}.txt" for at in range(10))
        + " and 2 more"
    )


def test_local_changes_that_are_not_in_the_way_stay_and_are_listed(ask: Ask, git: Git_) -> None:
    Path("other.py").write_text("1\n")
    git("add", "other.py")
    git("commit", "-q", "-m", "other")
    Path("train.py").write_text("x = 1\n")
    with Experiment("base"):
        pass
    git("checkout", "-q", "train.py")
    Path("other.py").write_text("2\n")

    said = ask("checkout", "base")

    assert said.out == "M\tother.py\n"
    assert Path("other.py").read_text() == "2\n"
    assert Path("train.py").read_text() == "x = 1\n"


def test_what_the_snapshot_had_left_out_is_named(runs: Runs, ask: Ask) -> None:
    runs.add("base", "x = 1\n", git={
        "skipped": [Skipped(path="data.bin", reason="larger than exp.maxFileSize", size=1)],
        "skipped_count": 3,
    })  # fmt: skip

    assert ask("checkout", "base").err.endswith(
        "warning: the snapshot had left out 3 files that are not as they were: "
        "data.bin (larger than exp.maxFileSize; absent)\n"
    )


def test_a_folder_that_is_gone_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    going.warn(Answer(run="", commit="", folder_gone=True))

    assert capfd.readouterr().err == (
        "warning: the current folder is not in this run\n"
        'hint: cd to the top: cd "$(git rev-parse --show-toplevel)"\n'
    )


def test_json_tells_all_that_was_done(code: str, ask: Ask) -> None:
    answer = json.loads(ask("checkout", "base", "--json").out)

    assert answer["schema"] == "git-exp/checkout/1"
    assert answer["commit"] == answer["head"]
    assert (answer["run"][:8], answer["was_branch"]) == ("11111111", "refs/heads/main")
    assert (answer["kept"], answer["left_out"]) == ([], [])


@pytest.mark.parametrize(
    ("words", "code_", "said"),
    [
        (["zz"], 3, "fatal: no run 'zz'\n"),
        (["@{saved}"], 3, "fatal: nothing was put aside in this worktree\n"),
        (["base", "-b", "main"], 4, "error: a branch named 'main' already exists\n"),
        (["base", "-b", "a..b"], 2, "error: 'a..b' is not a valid branch name\n"),
        (["base", "-b", "x", "--keep-base"], 2, "error: -b and --keep-base cannot be used "),
        (["base", "--", "nope.py"], 3, "fatal: run "),
        ([], 2, "error: missing <run>\n"),
    ],
)
def test_what_cannot_be_is_one_line_and_touches_nothing(
    words: list[str], code_: int, said: str, code: str, ask: Ask, git: Git_
) -> None:
    before = git("for-each-ref"), git("rev-parse", "HEAD")

    assert ask("checkout", *words, code=code_).err.startswith(said)

    assert (git("for-each-ref"), git("rev-parse", "HEAD")) == before
    assert git("status", "--short", "--branch") == "## main"


def test_saved_work_takes_no_options_of_a_run(code: str, ask: Ask) -> None:
    Path("train.py").write_text("mine\n")
    ask("checkout", "base", "--save")

    assert ask("checkout", "@{saved}", "-b", "x", code=2).err.startswith(
        "error: saved work comes back whole: only --save and --exact go with it\n"
    )
