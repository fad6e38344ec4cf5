"""git exp run --reuse: an earlier run answers, or else the command runs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests import pseudo_terminal
from tests.cli.conftest import Git_
from tests.conftest import Exp
from tests.git import witness

# It leaves a line behind each time that it runs, where no snapshot looks.
SCRIPT = "echo ran >>count; echo out; echo err >&2; echo METRIC acc=0.5"
COMMAND = ("sh", "train.sh")


@pytest.fixture(autouse=True)
def trained(repo: Path, git: Git_, exp: Exp) -> None:
    """A repository in which the command has run once."""
    witness.commit(repo, {"train.sh": SCRIPT, ".gitignore": "count\n"})
    exp("run", "-n", "first", "-p", "lr=0.1", *COMMAND)


def reuse(exp: Exp, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    return exp("run", "--reuse", *(words or ("-p", "lr=0.1", *COMMAND)), code=code)


def times(folder: Path | None = None) -> int:
    return len(((folder or Path()) / "count").read_text().splitlines())


def names(exp: Exp) -> list[str]:
    return exp("log", "--format=%n").stdout.splitlines()


def test_what_has_run_does_not_run_again_and_its_output_is_there(exp: Exp, git: Git_) -> None:
    refs = git("for-each-ref")

    done = reuse(exp)

    assert done.stdout == "out\nMETRIC acc=0.5\n"
    assert re.fullmatch(
        r"reused run [0-9a-f]{8} 'first' of \d+ \w+ ago: finished in [\d.]+ m?s: acc=0\.5\n",
        done.stderr,
    )
    assert times() == 1
    assert git("for-each-ref") == refs


def test_a_second_answer_is_that_of_the_same_run(exp: Exp) -> None:
    assert reuse(exp).stdout == reuse(exp).stdout
    assert (times(), names(exp)) == (1, ["first"])


def test_without_the_option_it_runs_again(exp: Exp) -> None:
    exp("run", "-n", "second", "-p", "lr=0.1", *COMMAND)

    assert (times(), names(exp)) == (2, ["second", "first"])


def test_other_code_runs_and_undone_it_is_reused(exp: Exp, repo: Path) -> None:
    (repo / "train.sh").write_text(SCRIPT + "; echo more")
    done = reuse(exp)
    assert done.stdout.endswith("more\n")
    assert "reused" not in done.stderr

    (repo / "train.sh").write_text(SCRIPT)
    assert "reused run" in reuse(exp).stderr
    assert times() == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("-p", "lr=0.2", *COMMAND),
        COMMAND,
        ("-p", "lr=0.1", "-p", "seed=1", *COMMAND),
        ("-p", "lr=0.1", *COMMAND, "--more"),
    ],
)
def test_another_command_or_other_params_run(exp: Exp, words: tuple[str, ...]) -> None:
    done = reuse(exp, *words)

    assert "reused" not in done.stderr
    assert times() == 2


def test_another_folder_is_another_command(exp: Exp, repo: Path) -> None:
    witness.write(repo, {"below/train.sh": SCRIPT})
    exp("run", "-p", "lr=0.1", *COMMAND)

    exp("run", "--reuse", "-p", "lr=0.1", *COMMAND, cwd=repo / "below")

    assert times(repo / "below") == 1


def test_what_git_ignores_does_not_matter(exp: Exp, repo: Path) -> None:
    (repo / "count").write_text("")

    assert "reused" in reuse(exp).stderr
    assert times() == 0


def test_a_run_that_failed_does_not_answer(exp: Exp) -> None:
    words = ("sh", "-c", "echo ran >>count; exit 3")
    exp("run", *words, code=3)

    done = reuse(exp, *words, code=3)

    assert re.match(r"not reused: run \w{8} '.*': it is failed with exit code 3\n", done.stderr)
    assert times() == 3


@pytest.mark.slow
def test_an_older_run_answers_where_the_newest_failed(exp: Exp, repo: Path) -> None:
    (repo / "count").write_text("fails")
    words = ("sh", "-c", "! grep -q fails count")
    exp("run", *words, code=1)
    (repo / "count").write_text("")
    exp("run", "-n", "good", *words)
    (repo / "count").write_text("fails")
    exp("run", *words, code=1)

    assert "'good'" in reuse(exp, *words).stderr


def test_a_tainted_run_does_not_answer(exp: Exp) -> None:
    exp("tag", "first", "tainted")

    assert "'first': it is tagged tainted\n" in reuse(exp).stderr
    assert times() == 2


def test_a_partial_snapshot_of_now_does_not_prove_anything(exp: Exp, repo: Path, git: Git_) -> None:
    git("update-index", "--assume-unchanged", "train.sh")
    (repo / "train.sh").write_text(SCRIPT + "; echo more")

    done = reuse(exp)

    assert done.stdout.endswith("more\n")
    assert "'first': the snapshot is partial, without: train.sh\n" in done.stderr


def test_a_run_with_a_partial_snapshot_does_not_answer(exp: Exp, repo: Path, git: Git_) -> None:
    git("update-index", "--assume-unchanged", "train.sh")
    (repo / "train.sh").write_text(SCRIPT + "; echo more")
    exp("run", "-n", "partial", "-p", "lr=0.2", *COMMAND)
    (repo / "train.sh").write_text(SCRIPT)
    git("update-index", "--no-assume-unchanged", "train.sh")

    done = reuse(exp, "-p", "lr=0.2", *COMMAND)

    assert done.stdout == "out\nMETRIC acc=0.5\n"
    assert "'partial': its snapshot is partial\n" in done.stderr


def test_a_run_without_a_snapshot_does_not_answer(exp: Exp) -> None:
    exp("run", "-n", "bare", "--no-snapshot", "-p", "lr=0.2", *COMMAND)

    done = reuse(exp, "-p", "lr=0.2", *COMMAND)

    assert "'bare': its code was not captured\n" in done.stderr


@pytest.mark.slow
def test_files_that_are_left_out_must_be_the_same(exp: Exp, repo: Path, git: Git_) -> None:
    git("config", "exp.exclude", "*.csv")
    (repo / "big.csv").write_text("1,2\n")
    exp("run", "-n", "with", "-p", "lr=0.1", *COMMAND)
    assert "reused" in reuse(exp).stderr

    (repo / "big.csv").write_text("1,3\n")
    assert "'with': 'big.csv' is not in snapshots and differs\n" in reuse(exp).stderr
    assert times() == 3


def test_other_packages_are_another_environment(exp: Exp, tmp_path: Path) -> None:
    (tmp_path / "packages/torch-9.0.dist-info").mkdir(parents=True)
    done = subprocess.run(
        ("env", f"PYTHONPATH={tmp_path / 'packages'}", "git", "exp", "run", "--reuse",
         "-p", "lr=0.1", *COMMAND),
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert "'first': other packages are installed now\n" in done.stderr
    assert times() == 2


def test_a_masked_word_may_have_been_another(exp: Exp) -> None:
    exp("run", *COMMAND, "--sort-key=a")

    done = reuse(exp, *COMMAND, "--sort-key=b")

    assert "a word of the command is masked in records" in done.stderr
    assert times() == 3


def test_output_that_was_not_kept_whole_is_no_answer(exp: Exp, git: Git_) -> None:
    git("config", "exp.maxOutput", "1k")
    words = ("seq", "10000")
    exp("run", *words)

    done = reuse(exp, *words)

    assert "its output was not kept whole\n" in done.stderr
    assert len(done.stdout.splitlines()) == 10_000


def test_output_that_is_not_here_is_no_answer(exp: Exp, git: Git_) -> None:
    for line in git("for-each-ref", "--format=%(refname)", "refs/exp/data").splitlines():
        git("update-ref", "-d", line)

    assert "'first': its output is not here\n" in reuse(exp).stderr


def test_a_command_that_printed_nothing_is_reused(exp: Exp) -> None:
    exp("run", "-n", "still", "true")

    done = reuse(exp, "true")

    assert done.stdout == ""
    assert "'still'" in done.stderr


def test_bytes_are_the_same_bytes(exp: Exp) -> None:
    words = ("git", "exp", "run", "--reuse", "printf", r"\377\000\rx")

    first, second = (subprocess.run(words, capture_output=True, check=True) for _ in range(2))

    assert second.stdout == first.stdout == b"\xff\0\rx"
    assert b"reused" in second.stderr


def test_a_record_that_lies_of_its_tree_is_no_proof(exp: Exp, repo: Path, git: Git_) -> None:
    (repo / "train.sh").write_text("echo ran >>count; echo other")
    ref = git("for-each-ref", "--format=%(refname)", "refs/runs")
    tree = git("rev-parse", f"{ref}^{{tree}}")
    now = git("rev-parse", f"{git('stash', 'create')}^{{tree}}")
    note = git("notes", "--ref=exp", "show", ref)
    git("notes", "--ref=exp", "add", "-f", "-F", "-", ref, stdin=note.replace(tree, now))

    done = reuse(exp)

    assert done.stdout == "other\n"
    assert "'first': its code is not here\n" in done.stderr


def test_what_ran_on_a_terminal_is_no_answer_for_a_pipe_but_for_a_terminal(exp: Exp) -> None:
    words = ["git", "exp", "run", "--reuse", "echo", "hello"]
    pseudo_terminal.shown(words)

    again = pseudo_terminal.shown(words)
    piped = reuse(exp, "echo", "hello")

    assert again.startswith("hello\nreused run ")
    assert "its output is that of a terminal\n" in piped.stderr
    assert piped.stdout == "hello\n"


def test_without_a_snapshot_there_is_nothing_to_compare(exp: Exp) -> None:
    done = reuse(exp, "--no-snapshot", "true", code=125)

    assert "--reuse and --no-snapshot exclude each other" in done.stderr
