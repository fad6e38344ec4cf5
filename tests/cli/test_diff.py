"""git exp diff: params, metrics and code of two runs, as git diff shows code."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from git_exp import Experiment
from tests import pseudo_terminal
from tests.cli.conftest import Ask, Git_, Runs
from tests.conftest import Exp

pytestmark = pytest.mark.usefixtures("repo")

PATCH = """\
--- a/train.py
+++ b/train.py
@@ -1 +1 @@
-x = 1
+x = 2
"""


@pytest.fixture
def two(runs: Runs) -> Runs:
    """a and b, whose code, lr, acc and loss differ."""
    runs.add("a", "x = 1\n", params={"lr": 0.1, "seed": 1},
             metrics={"acc": [0.5], "loss": [2], "n": [3]})  # fmt: skip
    runs.add("b", "x = 2\n", params={"lr": 0.01, "seed": 1, "new": None},
             metrics={"acc": [0.75], "loss": [2.5], "n": [3], "f1": [1]})  # fmt: skip
    return runs


def tail(patch: str) -> str:
    """A patch without its lines that name objects."""
    return patch[patch.index("--- ") :]


def test_what_differs_of_two_runs_stands_above_their_patch(two: Runs, ask: Ask) -> None:
    said = ask("diff", "a", "b")
    heading, patch = said.out.split("diff --git")

    assert said.err == ""
    assert (
        heading
        == """\
PARAM  11111111 a  22222222 b
lr            0.1        0.01
new             -           -

METRIC  11111111 a  22222222 b  CHANGE
acc            0.5        0.75   +0.25
loss             2         2.5    +0.5
f1               -           1       -

"""
    )
    assert tail(patch) == PATCH


def test_the_patch_with_its_heading_can_be_applied(two: Runs, ask: Ask, git: Git_) -> None:
    Path("train.py").write_text("x = 1\n")

    git("apply", stdin=ask("diff", "a", "b").out)

    assert Path("train.py").read_text() == "x = 2\n"


def test_runs_of_the_same_code_differ_in_params_alone(runs: Runs, ask: Ask) -> None:
    runs.add("a", params={"lr": 1})
    runs.add("b", params={"lr": 2})

    assert (
        ask("diff", "a", "b").out
        == """\
PARAM  11111111 a  22222222 b
lr              1           2
"""
    )
    assert ask("diff", "a", "a") == ("", "")


def test_without_b_it_is_the_worktree_with_its_untracked_files(ask: Ask) -> None:
    Path("new.py").write_text("1\n")
    with Experiment("base"):
        pass
    Path("train.py").write_text("x = 1\n")

    assert ask("diff", "@", "--name-status").out == "M\ttrain.py\n"
    Path("new.py").unlink()
    assert ask("diff", "@", "--name-status").out == "D\tnew.py\nM\ttrain.py\n"


def test_looking_at_the_worktree_changes_nothing_of_the_users(ask: Ask, git: Git_) -> None:
    with Experiment("base"):
        pass
    Path("new.py").write_text("1\n")
    before = Path(".git/index").read_bytes(), git("for-each-ref")

    ask("diff", "@")

    assert (Path(".git/index").read_bytes(), git("for-each-ref")) == before
    assert git("status", "--short") == "?? new.py"


@pytest.mark.parametrize("revision", ["HEAD", "main", "HEAD^{commit}", ":/first"])
def test_the_second_side_may_be_any_revision_of_gits(revision: str, two: Runs, ask: Ask) -> None:
    patch = ask("diff", "a", revision).out

    assert patch.startswith("diff --git")
    assert tail(patch).endswith("-x = 1\n+print('METRIC acc=0.5')\n")


def test_a_run_comes_before_a_revision_of_the_same_name(runs: Runs, ask: Ask, git: Git_) -> None:
    runs.add("a", "x = 1\n")
    runs.add("main", "x = 2\n")

    assert tail(ask("diff", "a", "main").out) == PATCH


def test_saved_work_may_be_the_second_side(ask: Ask) -> None:
    with Experiment("base"):
        pass
    Path("train.py").write_text("x = 1\n")
    ask("checkout", "@", "--save")

    assert ask("diff", "@", "@{saved}", "--name-status").out == "M\ttrain.py\n"


@pytest.mark.parametrize(
    ("options", "out"),
    [
        (["--name-only"], "train.py\n"),
        (["--numstat"], "1\t1\ttrain.py\n"),
        (["-z", "--name-status"], "M\0train.py\0"),
        (["--name-only", "-S", "x = 2"], "train.py\n"),
        (["--name-only", "-Snone"], ""),
        (["--name-only", "--diff-filter", "D"], ""),
        (["--output=file", "--stat"], ""),
    ],
)
def test_what_scripts_read_has_nothing_above_it(
    options: list[str], out: str, two: Runs, ask: Ask
) -> None:
    assert ask("diff", "a", "b", *options) == (out, "")
    assert ask("diff", *options, "a", "b") == (out, "")


def test_other_options_of_git_diff_are_passed_on_below_the_heading(two: Runs, ask: Ask) -> None:
    said = ask("diff", "--stat", "a", "b", "-w")

    assert said.out.startswith("PARAM  ")
    assert said.out.endswith(
        "\n\n train.py | 2 +-\n 1 file changed, 1 insertion(+), 1 deletion(-)\n"
    )


def test_paths_are_those_of_the_users_folder(
    repo: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repo / "sub").mkdir()
    for path in ("sub/one.py", "two.py"):
        (repo / path).write_text("1\n")
    with Experiment("base"):
        pass
    monkeypatch.chdir(repo / "sub")

    assert ask("diff", "@", "HEAD", "--name-only", "--", ".").out == "sub/one.py\n"
    assert ask("diff", "@", "HEAD", "--name-only", "--", "../two.py").out == "two.py\n"
    files = json.loads(ask("diff", "@", "HEAD", "--json", "--", "one.py").out)["files"]
    assert files == [{"path": "sub/one.py", "status": "D", "added": 0, "removed": 1}]


def test_a_path_may_look_like_an_option(two: Runs, ask: Ask) -> None:
    assert ask("diff", "a", "b", "--name-only", "--", "--stat") == ("", "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["a", "b"], 0), (["a", "b", "--exit-code"], 1), (["a", "b", "--quiet"], 1),
        (["a", "a", "--exit-code"], 0), (["a", "a", "--quiet"], 0), (["a", "b", "--nope"], 129),
    ],
)  # fmt: skip
def test_the_exit_code_is_that_of_git_diff(
    words: list[str], code: int, two: Runs, exp: Exp
) -> None:
    exp("diff", *words, code=code)


def test_json_has_both_sides_and_all_that_differs(two: Runs, ask: Ask) -> None:
    answer = json.loads(ask("diff", "a", "b", "--json").out)

    assert list(answer) == ["schema", "a", "b", "params", "metrics", "files"]
    assert answer["schema"] == "git-exp/diff/1"
    assert (answer["a"]["kind"], answer["b"]["run"]["name"]) == ("run", "b")
    assert answer["params"] == [
        {"name": "lr", "a": 0.1, "b": 0.01},
        {"name": "new", "a": None, "b": None},
    ]
    assert [one["name"] for one in answer["metrics"]] == ["acc", "loss", "f1"]
    assert answer["files"] == [{"path": "train.py", "status": "M", "added": 1, "removed": 1}]


def test_json_against_a_revision_has_no_params(two: Runs, ask: Ask) -> None:
    answer = json.loads(ask("diff", "a", "HEAD", "--json").out)

    assert (answer["params"], answer["metrics"]) == (None, None)
    assert (answer["b"]["kind"], answer["b"]["name"]) == ("revision", "HEAD")


def test_json_and_options_of_gits_exclude_each_other(two: Runs, ask: Ask) -> None:
    assert ask("diff", "a", "b", "--json", "--stat", code=2).err.startswith(
        "error: --json and --stat exclude each other\n"
    )


def test_a_name_that_is_neither_run_nor_revision_is_refused(
    two: Runs, runs: Runs, ask: Ask
) -> None:
    assert ask("diff", "a", "zz", code=3) == (
        "", "fatal: no run 'zz'\nhint: list them: git exp log; a revision of git's will do too\n",
    )  # fmt: skip
    runs.add("baseline")
    assert ask("diff", "a", "baselin", code=3).err.endswith(
        "hint: did you mean 'baseline'? a revision of git's will do too\n"
    )
    assert ask("diff", "HEAD", "a", code=3).err.startswith("fatal: no run 'HEAD'\n")
    assert ask("diff", "a", "@{nope}", code=3).err.startswith("fatal: no run '@{nope}'\n")
    assert ask("diff", "a", "@{saved}", code=3).err.startswith("fatal: ")


def test_an_ambiguous_name_is_refused_although_git_knows_it(
    runs: Runs, ask: Ask, git: Git_
) -> None:
    runs.add("a")
    runs.add("1111")
    git("branch", "1111")

    assert ask("diff", "a", "1111", code=3) == (
        "", "fatal: '1111' is ambiguous\nhint: it could be: 22222222 1111, 11111111 a\n",
    )  # fmt: skip


def test_code_that_is_not_here_is_named_with_the_command_that_fetches_it(
    two: Runs, ask: Ask, git: Git_
) -> None:
    run_id = "22222222-0000-4000-8000-000000000000"
    commit = git("rev-parse", f"refs/runs/{run_id}")
    Path(".git/objects", commit[:2], commit[2:]).unlink()
    git("update-ref", "-d", f"refs/runs/{run_id}")

    assert ask("diff", "a", "b", code=3).err == (
        "fatal: the code of run 22222222 is not here\n"
        "hint: fetch it from who has it: git exp pull REMOTE RUN\n"
    )


def test_without_a_run_the_usage_is_refused(ask: Ask) -> None:
    assert ask("diff", code=2).err.startswith("error: missing <a>\n")
    assert ask("diff", "a", "b", "c", code=2).err.startswith("error: ")


def test_the_users_colours_and_pager_are_used_once(two: Runs) -> None:
    env = {"GIT_PAGER": "sed s/^/P:/"}
    headed = pseudo_terminal.shown(["git", "exp", "diff", "a", "b"], **env)
    bare = pseudo_terminal.shown(["git", "exp", "diff", "a", "HEAD"], **env)
    plain = pseudo_terminal.shown(["git", "--no-pager", "exp", "diff", "a", "b"])

    assert {line[:2] for line in [*headed.splitlines(), *bare.splitlines()]} == {"P:"}
    assert "P:P:" not in headed + bare
    assert "P:\x1b[32m+\x1b[m\x1b[32mx = 2" in headed
    assert re.search(r"\x1b\[32m *\+0\.25", headed)
    assert re.search(r"\x1b\[31m *\+0\.5", headed)
    assert "\x1b[31m-x = 1" in bare
    assert "\x1b[31m-x = 1" in plain


def test_the_users_own_pager_for_diffs_shows_a_diff_without_a_heading(two: Runs, git: Git_) -> None:
    git("config", "pager.diff", "sed s/^/D:/")

    shown = pseudo_terminal.shown(["git", "exp", "diff", "a", "HEAD"])
    silent = pseudo_terminal.shown(["git", "exp", "--no-pager", "diff", "a", "HEAD"])

    assert {line[:2] for line in shown.splitlines()} == {"D:"}
    assert "D:" not in silent


def test_without_a_pager_of_ours_below_a_heading_git_starts_none(two: Runs, git: Git_) -> None:
    git("config", "pager.exp", "false")

    shown = pseudo_terminal.shown(["git-exp", "diff", "a", "b"], GIT_PAGER="sed s/^/P:/")

    assert "x = 2" in shown
    assert "P:" not in shown


def test_it_works_in_a_bare_repository(two: Runs, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    subprocess.run(("git", "clone", "-q", "--mirror", ".", bare), check=True)

    done = subprocess.run(
        ("git", "exp", "diff", "a", "b", "--name-only"), cwd=bare, capture_output=True, text=True
    )

    assert (done.stdout, done.stderr) == ("train.py\n", "")
