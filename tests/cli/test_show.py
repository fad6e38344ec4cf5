"""git exp show: one run, whole and in each of its views."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from git_exp import Experiment, records
from git_exp.records import Error, Skipped, Submodule
from tests import pseudo_terminal
from tests.cli.conftest import START, Ask, Git_, Runs
from tests.conftest import Exp

pytestmark = pytest.mark.usefixtures("repo")

NOTE = records.line(records.Note(t=records.stamp(START + 95_000_000), text="too slow\n\n\tlater"))


def test_a_run_is_shown_whole(runs: Runs, ask: Ask, git: Git_) -> None:
    run_id = runs.add(
        "base", "x = 1\n", params={"lr": 0.1, "layers": [2, 3]}, tags=["good", "paper"],
        metrics={"loss": [3, 1, 2.123456]},
    )  # fmt: skip
    runs.append(run_id, NOTE.decode())
    commit, base = git("rev-parse", f"refs/runs/{run_id}"), git("rev-parse", "HEAD")

    said = ask("show", "base")

    assert said.err == ""
    assert (
        said.out
        == f"""\
run 11111111-0000-4000-8000-000000000000
Name:     base
Status:   finished, after 1 min 30 s
Started:  2026-01-02 03:04:05 UTC, 2 hours ago
Command:  python train.py
User:     Ada
Host:     box, Linux, 2 CPUs, 8 GiB
Python:   3.11.7
Commit:   {commit}
Base:     {base} on main
Tags:     good, paper

Params:
    lr      0.1
    layers  [2,3]

METRIC  FIRST  BEST  AT   LAST
loss        3     1   1  2.123

Note, 2 hours ago:
    too slow

    \tlater

 train.py | 2 +-
 1 file changed, 1 insertion(+), 1 deletion(-)
"""
    )


def test_without_a_name_the_latest_run_is_shown(runs: Runs, ask: Ask) -> None:
    runs.add("old")
    runs.add("new")

    assert ask("show").out.splitlines()[1] == "Name:     new"


def test_a_run_of_its_base_commit_shows_no_changes(runs: Runs, ask: Ask) -> None:
    runs.add("same")

    lines = ask("show").out.splitlines()

    assert lines[-1].startswith("Base:     ")


def test_metrics_have_their_course_and_the_best_by_their_name(ask: Ask) -> None:
    with Experiment("curves") as experiment:
        for step in range(8):
            experiment.track({"acc": step / 10, "loss": 8 - step, "flat": 1}, step=step)

    assert (
        ask("show").out.split("\n\n")[1]
        == """\
METRIC  FIRST  BEST  AT  LAST
acc         0   0.7   7   0.7  ▁▂▃▄▅▆▇█
loss        8     1   7     1  █▇▆▅▄▃▂▁
flat        1     1   0     1  ▄▄▄▄▄▄▄▄
"""
    )


def test_a_patch_is_shown_in_place_of_the_summary(runs: Runs, ask: Ask) -> None:
    runs.add("base", "x = 1\n")

    patch, both = ask("show", "-p").out, ask("show", "-p", "--stat").out

    assert patch.endswith("-print('METRIC acc=0.5')\n+x = 1\n")
    assert "1 file changed" not in patch
    assert "1 file changed" in both
    assert both.endswith("+x = 1\n")


def test_a_failed_run_shows_its_error_and_traceback(runs: Runs, ask: Ask) -> None:
    runs.add(
        "bad", status="failed", exit_code=1,
        error=Error(type="ValueError", message="no", traceback="Traceback:\n  line 1\nValueError"),
    )  # fmt: skip

    shown = ask("show").out

    assert "Status:   failed, exit code 1, after 1 min 30 s\n" in shown
    assert "Error:    ValueError: no\n\n    Traceback:\n      line 1\n    ValueError\n" in shown


def test_a_partial_snapshot_says_so_loudly_and_names_what_it_lacks(runs: Runs, ask: Ask) -> None:
    runs.add("part", git={
        "capture": "partial",
        "missed": [Skipped(path="locked.py", reason="cannot be read")],
        "skipped": [Skipped(path="data.bin", reason="larger than exp.maxFileSize", size=20 << 20)],
        "skipped_count": 1_200,
        "submodules": [Submodule(path="lib", dirty=True), Submodule(path="clean")],
    })  # fmt: skip

    shown = ask("show").out

    assert "PARTIAL SNAPSHOT: not all of the code that ran was captured\n" in shown
    assert shown.endswith("""
Not in the snapshot:
    lib            submodule with changes
    locked.py      cannot be read
    data.bin       larger than exp.maxFileSize, 20 MiB
    and 1199 more
""")


def test_a_line_of_a_note_stays_one_line_whatever_signs_are_in_it(runs: Runs, ask: Ask) -> None:
    run_id = runs.add("base")
    note = records.Note(t=records.stamp(START + 95_000_000), text="a\u2028Status: b\x0bc\td")
    runs.append(run_id, records.line(note).decode())

    assert ask("show").out.endswith(":\n    a\\u2028Status: b^Kc\td\n")


def test_a_run_without_a_snapshot_says_so_loudly(runs: Runs, ask: Ask) -> None:
    runs.add("none", git={"capture": "none"})

    assert "\nNO SNAPSHOT: the code that ran was not captured\n" in ask("show").out


def test_conflicts_and_damage_are_said(runs: Runs, ask: Ask) -> None:
    run_id = runs.add("base", params={"lr": 0.1})
    joined = records.Join(t=records.stamp(START + 1), params={"lr": 0.2}, rank=1)
    runs.append(run_id, records.line(joined).decode() + "torn line\n")

    shown = ask("show").out

    assert "CONFLICT: several values were given for lr\n" in shown
    assert "DAMAGE: 1 record is not readable; see git exp fsck\n" in shown
    assert "\n    lr !  0.2\n" in shown


def test_a_live_run_is_shown_with_what_it_has_so_far(ask: Ask) -> None:
    with Experiment("live") as experiment:
        experiment.track({"acc": 0.5})
        shown = ask("show", "live").out

    assert "Status:   running\n" in shown
    assert "acc       0.5   0.5   -   0.5  ▄\n" in shown


def test_code_that_is_not_here_is_said_and_all_else_is_shown(
    runs: Runs, ask: Ask, git: Git_
) -> None:
    run_id = runs.add("far", git={"base": "0" * 40})
    runs.add("hostile", git={"base": "--output=stolen"})

    for name in (run_id, "@"):
        shown = ask("show", name)
        assert shown.out.endswith("\nIts code, or the commit that it started from, is not here.\n")
        assert json.loads(ask("show", name, "--json").out)["changes"] is None
    assert not Path("stolen").exists()


def test_the_first_commit_of_a_repository_may_be_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ask: Ask, git: Git_
) -> None:
    (tmp_path / "new").mkdir()
    monkeypatch.chdir(tmp_path / "new")
    git("init", "-q")
    Path("train.py").write_text("x = 1\n")
    with Experiment("first"):
        pass

    assert ask("show").out.endswith(" train.py | 1 +\n 1 file changed, 1 insertion(+)\n")


def test_json_is_the_run_and_the_files_that_it_changed(runs: Runs, ask: Ask) -> None:
    run_id = runs.add("base", "x = 1\n")

    answer = json.loads(ask("show", "--json").out)

    assert list(answer) == ["schema", "run", "changes"]
    assert answer["schema"] == "git-exp/show/1"
    assert answer["run"]["id"] == run_id
    assert answer["changes"] == [{"path": "train.py", "status": "M", "added": 1, "removed": 1}]


# -- views -------------------------------------------------------------------------------------


def test_events_are_the_records_in_their_order(runs: Runs, ask: Ask) -> None:
    run_id = runs.add("base")
    runs.append(run_id, NOTE.decode() + "torn \x9b line\n")

    lines = ask("show", "--events").out.splitlines()
    answer = json.loads(ask("show", "--events", "--json").out)

    assert [line.split("  ")[1].strip() for line in lines] == [
        "damaged", "run_start", "run_end", "note",
    ]  # fmt: skip
    assert lines[3] == (
        '2026-01-02T03:05:40.000000Z  note           {"text":"too slow\\n\\n\\tlater"}'
    )
    assert lines[0].endswith('{"line":"torn \\x9b line"}')
    assert answer["run"] == run_id
    assert [event.get("event") for event in answer["events"]] == [
        None, "run_start", "run_end", "note",
    ]  # fmt: skip


def test_a_series_is_a_line_each_value_exact(ask: Ask) -> None:
    with Experiment("curves") as experiment:
        experiment.track({"acc": 1 / 3, "loss": 2})
        experiment.track({"acc": float("nan"), "step": 7})

    lines = ask("show", "--series", "acc").out.splitlines()
    points = json.loads(ask("show", "--series", "acc", "--json").out)["points"]

    assert [line.split() for line in lines] == [
        ["STEP", "ELAPSED", "VALUE"],
        ["-", lines[1].split()[1], "s", "0.3333333333333333"],
        ["7", lines[2].split()[1], "s", "NaN"],
    ]
    assert [(point["step"], point["value"]) for point in points] == [
        (None, 0.3333333333333333), (7, "NaN"),
    ]  # fmt: skip


def test_a_series_that_is_not_there_names_those_that_are(runs: Runs, ask: Ask) -> None:
    runs.add("none")
    runs.add("base", metrics={"acc": [1], "loss": [2]})

    assert ask("show", "--series", "f1", code=3).err == (
        "fatal: run 22222222 has no metric 'f1'\nhint: its metrics: acc, loss\n"
    )
    assert ask("show", "none", "--series", "f1", code=3).err == (
        "fatal: run 11111111 has no metric 'f1'\nhint: its metrics: it has none\n"
    )


def test_a_series_of_which_only_the_summary_is_here_is_not_found(runs: Runs, ask: Ask) -> None:
    runs.add("base", metrics={"acc": [1, 2]})

    for words in ((), ("--json",)):
        assert ask("show", "--series", "acc", *words, code=3) == (
            "",
            "fatal: the series of run 11111111 is not here, only its summary\n"
            "hint: fetch it from who has it: git exp pull REMOTE RUN\n",
        )


@pytest.mark.slow
def test_output_is_what_the_command_wrote_byte_for_byte(exp: Exp) -> None:
    code = "import sys; print('\\x1b[1mout'); sys.stdout.flush(); print('err', file=sys.stderr)"
    exp("run", "-n", "loud", "--", "python", "-c", code)

    said = exp("show", "--output")
    answer = json.loads(exp("show", "--output", "--json").stdout)
    seen = pseudo_terminal.shown(["git", "exp", "show", "--output"], GIT_PAGER="cat")

    assert said.stdout == "\x1b[1mout\n"
    assert said.stderr == "err\n"
    assert (answer["stdout"], answer["stderr"]) == ("\x1b[1mout\n", "err\n")
    assert seen == "^[[1mout\nerr\n"


def test_a_run_that_captured_no_output_says_why(runs: Runs, ask: Ask) -> None:
    runs.add("base")

    assert ask("show", "--output") == (
        "",
        "hint: nothing was captured; only commands under git exp run print into their run\n",
    )


def test_the_environment_is_machine_python_and_packages(ask: Ask) -> None:
    with Experiment("env") as experiment:
        experiment.track(1)

    shown = ask("show", "--env").out
    answer = json.loads(ask("show", "--env", "--json").out)

    assert shown.startswith("Host:     ")
    assert "\nPython:   3." in shown
    assert "\nPackages:\n    " in shown
    assert any(line.startswith("msgspec==") for line in answer["packages"])
    assert list(answer) == ["schema", "run", "host", "process", "env", "packages"]


def test_views_exclude_each_other(runs: Runs, ask: Ask) -> None:
    runs.add("base")

    assert ask("show", "--events", "--output", code=2).err.startswith(
        "error: --events and --output exclude each other\n"
    )
    assert ask("show", "--env", "--series", "x", code=2).err.startswith(
        "error: --env and --series exclude each other\n"
    )


def test_nothing_that_a_run_says_reaches_the_terminal_as_an_order(runs: Runs, ask: Ask) -> None:
    evil = "\x1b]0;pwned\x07\u202e\x9b"
    run_id = runs.add(
        evil, params={evil: evil}, tags=[evil], metrics={evil: [1]}, status="failed",
        error=Error(type=evil, message=evil, traceback=evil),
        git={"capture": "partial", "missed": [Skipped(path=evil, reason=evil)]},
    )  # fmt: skip
    note = records.Note(t=records.stamp(START + 95_000_000), text=evil)
    runs.append(run_id, records.line(note).decode())

    shown = "".join(ask("show", *words).out for words in ([], ["--events"], ["--env"]))

    assert not any(sign in shown for sign in "\x1b\x07\u202e\x9b")
