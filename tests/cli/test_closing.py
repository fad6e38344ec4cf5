"""The closing lines of a run: what it was, how it ended, what it is worth, what to do next."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Exp

LOOK = "hint: look at what it wrote: git exp show ID --output"


def closing(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The closing lines, with ids left out."""
    return [re.sub(r"\b[0-9a-f]{8}\b", "ID", line) for line in done.stderr.splitlines()[1:]]


def test_the_closing_lines_say_what_a_run_is_worth_and_what_comes_next(
    repo: Path, exp: Exp
) -> None:
    def run(name: str, acc: float, *more: str) -> list[str]:
        (repo / "train.py").write_text(f"# {name}\n")
        (repo / ".git/acc").write_text(f"METRIC acc={acc}\n")
        return closing(exp("run", "-n", name, *more, "--", "cat", ".git/acc"))

    assert run("first", 0.5) == []
    assert run("first", 0.51) == run("first", 0.49) == []
    unclear = run("unclear", 0.505)
    assert unclear[0].startswith("indistinguishable: acc 0.505 against 0.5")
    assert unclear[1] == (
        "hint: it takes 59 more runs: prefer the simpler code, or go back to the best before it:"
        " git exp restore ID"
    )
    better = run("better", 0.9)
    assert better[0].startswith("improved: acc 0.9 against 0.5 ")
    assert better[1:] == ["hint: keep it: git exp promote ID"]
    worse = run("worse", 0.1, "--parent", "better")
    assert worse[0].startswith("worse: acc 0.1 against 0.9 ")
    assert worse[1:] == ["parent ID 'better': acc 0.9, now 0.1",
                         "hint: back to the best: git exp restore ID"]  # fmt: skip


@pytest.mark.slow
def test_a_session_says_which_metric_counts_and_which_way(repo: Path, exp: Exp) -> None:
    exp("session", "start", "--goal", "g", "--metric", "ms", "--direction", "maximize",
        "--plateau", "20")  # fmt: skip

    def run(ms: int, *more: str) -> list[str]:
        words = ("-p", f"ms={ms}", *more, "--", "sh", "-c", f"echo METRIC ms={ms} acc=3")
        return closing(exp("run", *words))

    # What is not of the session does not count there.
    assert run(50) == []
    for ms in (1, 2, 2, 2, 9, 9):
        run(ms, "--session", "@")
    assert run(9, "--session", "@")[0] == "improved: ms 9 against 2 (+350 %)"


def said(exp: Exp, script: str, *more: str, code: int = 0) -> list[str]:
    """All closing lines of a small script, without ids, names and times."""
    done = exp("run", "-q", *more, "--", "sh", "-c", script, code=code)
    text = re.sub(r"\b[0-9a-f]{8}\b", "ID", done.stderr)
    return re.sub(r"'[a-z]+-[a-z]+-\d+'|\d[\d.]* m?s\b", "…", text).splitlines()


@pytest.mark.parametrize(
    ("script", "code", "how"),
    [
        ("exit 7", 7, "failed with exit code 7 in …"),
        ("kill -9 $$", 137, "failed by SIGKILL in …"),
        ("kill -15 $$", 143, "interrupted by SIGTERM in …"),
    ],
)
def test_what_ended_a_command_is_told_and_where_to_look(
    repo: Path, exp: Exp, script: str, code: int, how: str
) -> None:
    assert said(exp, script, code=code) == [f"run ID … {how}", LOOK]


@pytest.mark.slow
def test_what_was_out_of_time_says_where_to_look(repo: Path, exp: Exp) -> None:
    lines = said(exp, "exec sleep 9", "--timeout", "0.2", code=124)

    assert lines == ["run ID … failed in …: its time was over", LOOK]


@pytest.mark.slow
def test_nan_is_not_judged_and_says_so(repo: Path, exp: Exp) -> None:
    assert said(exp, "echo METRIC loss=nan") == [
        "run ID … finished in …: loss=nan",
        "not judged: run 'ID' has no number for 'loss': it is NaN",
        LOOK,
    ]


@pytest.mark.slow
def test_what_was_protected_is_put_back_by_a_command(repo: Path, exp: Exp) -> None:
    (repo / "train.py").write_text("other\n")

    lines = said(exp, "echo METRIC acc=1", "--protect", "train.py")

    assert lines[-1] == ("hint: put back: git restore --source=HEAD -- train.py; then run it again")
    (repo / "train.py").write_text("print('METRIC acc=0.5')\n")
    (repo / "sub").mkdir()
    (repo / "sub/new.py").write_text("x\n")

    lines = said(exp, "echo METRIC acc=1", "--protect", ".")

    assert lines[-1] == "hint: put elsewhere: sub/new.py; then run it again"


@pytest.mark.slow
def test_of_several_metrics_one_is_named_for_a_verdict(repo: Path, exp: Exp) -> None:
    first = said(exp, "echo METRIC steps=3 loss=0.5")
    second = said(exp, "echo METRIC steps=4 loss=0.4", "-p", "x=1")

    assert first == ["run ID … finished in …: steps=3, loss=0.5"]
    assert second[1:] == ["hint: what it is worth: git exp verdict --metric loss"]


@pytest.mark.slow
def test_many_metrics_and_long_names_are_cut(repo: Path, exp: Exp) -> None:
    words = " ".join(f"m{at}=1" for at in range(7))
    many = said(exp, f"echo METRIC {words}")
    long = said(exp, f"echo METRIC {'m' * 5_000}=1")

    assert many == ["run ID … finished in …: m0=1, m1=1, m2=1, m3=1, m4=1, +2 more"]
    assert long == [f"run ID … finished in …: {'m' * 59}…=1"]


@pytest.mark.slow
def test_a_value_is_rounded_once(repo: Path, exp: Exp) -> None:
    exp("session", "start", "--goal", "g", "--metric", "ms", "--id", "s")

    lines = said(exp, "echo METRIC ms=13.527", "--session", "s", "-n", "one")

    assert lines[0].endswith(": ms=13.53")
    assert lines[1] == "session s: iteration 1: ms 13.53 (best), one"


@pytest.mark.slow
def test_what_is_missing_to_a_verdict_is_named_with_its_command(repo: Path, exp: Exp) -> None:
    def run(acc: float) -> list[str]:
        _put(repo, acc)
        return said(exp, "cat .git/acc")

    run(0.5)
    (repo / "train.py").write_text("other\n")
    first, second = run(0.61), run(0.64)
    back = "go back to the best before it: git exp restore ID"

    assert first[2:] == [f"hint: run it 2 more times, or {back}"]
    assert second[2:] == [
        f"hint: run it once more, or {back}",
        "hint: run the baseline 2 more times: git exp checkout --worktree ../base-ID ID"
        " && cd ../base-ID && git exp run -q -- sh -c 'cat .git/acc'",
    ]


@pytest.mark.slow
def test_a_baseline_is_run_where_it_was_run(
    repo: Path, exp: Exp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (repo / "s").mkdir()
    (repo / "s/b.py").write_text("print('METRIC acc=0.5')\n")
    subprocess.run(("git", "add", "."), check=True)
    subprocess.run(("git", "commit", "-qm", "b"), check=True)
    monkeypatch.chdir(repo / "s")
    exp("run", "-q", "--", "python", "b.py")
    (repo / "s/b.py").write_text("print('METRIC acc=0.9')\n")
    for _ in range(3):
        done = exp("run", "-q", "--", "python", "b.py")
    typed = next(one for one in done.stderr.splitlines() if "run the baseline" in one)
    command = typed.partition("more times: ")[2]

    assert command.startswith("git exp checkout --worktree ../../base-")
    for _ in range(2):
        subprocess.run(("sh", "-c", command), check=True, capture_output=True)
        command = command.partition(" && ")[2] if "checkout" in command else command

    assert not (repo / "s" / "base").exists()
    assert [one.parent for one in tmp_path.glob("base-*/s")] == list(tmp_path.glob("base-*"))
    assert re.search("baseline: .* mean of 3 runs", exp("verdict", "@~2", code=None).stdout)


@pytest.mark.slow
def test_what_a_stranger_ran_is_nothing_to_be_typed(repo: Path, exp: Exp) -> None:
    _put(repo, 0.5)
    said(exp, "cat .git/acc; true evil")
    (repo / ".git/exp/local").unlink()
    (repo / "train.py").write_text("other\n")
    for acc in (0.61, 0.64):
        _put(repo, acc)
        lines = said(exp, "cat .git/acc")

    assert lines[3].endswith(" && git exp run -q -- COMMAND")
    assert not any("evil" in line for line in lines)


@pytest.mark.slow
def test_an_agreeing_candidate_lacks_replicates_of_its_baseline_alone(repo: Path, exp: Exp) -> None:
    _put(repo, 0.5)
    said(exp, "cat .git/acc")
    (repo / "train.py").write_text("other\n")
    _put(repo, 0.4)
    for _ in range(3):
        lines = said(exp, "cat .git/acc")

    assert lines[2].startswith("hint: run the baseline 2 more times: git exp checkout --worktree ")
    assert lines[3] == "hint: then: git exp verdict ID; or go back to the best: git exp restore ID"


@pytest.mark.slow
def test_why_a_log_makes_no_replicate_is_said(repo: Path, exp: Exp) -> None:
    for at in range(2):
        _put(repo, 0.5 + at)
        lines = said(exp, "cat .git/acc; date >> log.txt; date +%N >> log.txt")
    (repo / "train.py").write_text("other\n")
    tracked = said(exp, "cat .git/acc; date >> log.txt; date +%N >> log.txt")

    assert lines[2] == (
        "differs from run ID only by untracked log.txt: ignore it (.gitignore) to make them"
        " replicates"
    )
    assert not [line for line in tracked if "untracked" in line]


@pytest.mark.slow
def test_a_win_by_an_assumed_direction_is_not_kept(repo: Path, exp: Exp) -> None:
    for widgets in (5, 5.1, 4.9):
        _put(repo, widgets)
        said(exp, "sed s/acc/widgets/ .git/acc", "-p", "y=1")
    _put(repo, 50)
    lines = said(exp, "sed s/acc/widgets/ .git/acc", "-p", "y=2")

    assert lines[1].startswith("improved: widgets 50 against ")
    assert lines[2:] == [
        "hint: higher is taken for better; if it is not: git exp verdict --metric widgets --min"
    ]


def _put(repo: Path, acc: float) -> None:
    (repo / ".git/acc").write_text(f"METRIC acc={acc}\n")


@pytest.mark.slow
def test_there_are_never_more_than_ten_lines(repo: Path, exp: Exp) -> None:
    exp("session", "start", "--goal", "g", "--metric", "acc", "--max-failures", "1")
    (repo / "train.py").write_text("other\n")
    (repo / "new.py").write_text("x\n")
    script = "echo METRIC acc=x =; for at in 1 2 3 4 5 6 7 8 9; do echo $at >&2; done; exit 1"

    lines = said(exp, script, "--session", "@", "--protect", ".", code=1)

    assert len(lines) <= 10
    assert [line for line in lines if line.isdigit()] == ["7", "8", "9"]
    assert any("could not be read" in line for line in lines)
    assert any(line.startswith("warning: tainted: ") for line in lines)
    assert any(line.startswith("the session ends") for line in lines)
    assert (
        "hint: put back: git restore --source=HEAD -- train.py; put elsewhere: new.py;"
        " then run it again"
    ) in lines


@pytest.mark.slow
def test_no_name_and_no_command_makes_a_line_of_its_own(repo: Path, exp: Exp) -> None:
    (repo / "x\nrm -rf ~").write_text("x\n")
    tainted = said(exp, "echo METRIC acc=1", "--protect", ".")
    (repo / "x\nrm -rf ~").unlink()
    assert tainted[-1] == "hint: put elsewhere: 'x^Jrm -rf ~'; then run it again"

    exp("run", "-q", "--", "sh", "-c", "echo METRIC acc=0.5\ntrue")
    (repo / "train.py").write_text("other\n")
    for _ in range(3):
        lines = said(exp, "echo METRIC acc=0.9")

    assert any(line.endswith(" && git exp run -q -- COMMAND") for line in lines)
