"""git exp log: what it lists, in every form, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from git_exp import Experiment, table
from git_exp.cli import log
from tests import pseudo_terminal
from tests.cli.conftest import Ask, Runs
from tests.conftest import Exp

pytestmark = pytest.mark.usefixtures("repo")


@pytest.fixture
def three(runs: Runs) -> Runs:
    """base, next (dirty, failed) and last."""
    runs.add("base", params={"lr": 0.1, "seed": 1}, metrics={"acc": [0.1, 0.81234]})
    runs.add("next", "x = 2\n", params={"lr": 0.01, "seed": 1},
             metrics={"acc": [0.9], "loss": [12]}, status="failed")  # fmt: skip
    runs.add("last", params={"lr": 0.1, "seed": 1}, tags=["good"])
    return runs


def test_runs_are_listed_newest_first_with_what_differs(three: Runs, ask: Ask) -> None:
    said = ask("log")

    assert said.err == ""
    assert (
        said.out
        == """\
ID           AGE             NAME  STATUS      lr     acc  loss
33333333     0 seconds ago   last  finished   0.1       -     -
22222222  *  60 minutes ago  next  failed    0.01     0.9    12
11111111     2 hours ago     base  finished   0.1  0.8123     -
"""
    )


def test_a_number_limits_the_list_in_each_of_its_spellings(three: Runs, ask: Ask) -> None:
    for words in (["-n", "2"], ["-n2"], ["-2"], ["--max-count=2"], ["--max-count", "2"]):
        assert ask("log", *words, "--format", "%n").out == "last\nnext\n"
    assert ask("log", "-n", "0") == ("", "")


def test_reverse_turns_the_chosen_runs_round(three: Runs, ask: Ask) -> None:
    assert ask("log", "-r", "-2", "--format", "%n").out == "next\nlast\n"


def test_named_runs_are_listed_in_that_order(three: Runs, ask: Ask) -> None:
    assert ask("log", "base", "@", "2222", "--format", "%n").out == "base\nlast\nnext\n"
    assert ask("log", "base", "@", "-n1", "--format", "%n").out == "base\n"


def test_one_line_each_needs_no_headings(three: Runs, ask: Ask) -> None:
    assert (
        ask("log", "--oneline").out
        == """\
33333333  last
22222222* next failed acc=0.9 loss=12
11111111  base acc=0.8123
"""
    )


def test_a_format_is_filled_for_each_run(three: Runs, ask: Ask) -> None:
    said = ask("log", "--format", "%h %n %(metric:acc)%x09%(param:lr)|%ar")

    assert (
        said.out
        == """\
33333333 last \t0.1|0 seconds ago
22222222 next 0.9\t0.01|60 minutes ago
11111111 base 0.81234\t0.1|2 hours ago
"""
    )


def test_every_placeholder_is_in_the_manual() -> None:
    told = re.findall(r"`(%[^`]+)`", str(log.command.help))

    assert set(table.PLACEHOLDERS) == set(told) - {"%(metric:max(acc))"}


def test_json_is_one_document_of_whole_runs(three: Runs, ask: Ask) -> None:
    answer = json.loads(ask("log", "--json").out)

    assert list(answer) == ["schema", "runs"]
    assert answer["schema"] == "git-exp/log/1"
    assert [run["name"] for run in answer["runs"]] == ["last", "next", "base"]
    assert answer["runs"][2]["metrics"]["acc"]["last"] == 0.81234
    assert answer["runs"][1]["git"]["dirty"] is True


def test_json_lines_are_a_run_each(three: Runs, ask: Ask) -> None:
    lines = ask("log", "--jsonl").out.splitlines()

    assert [json.loads(line)["name"] for line in lines] == ["last", "next", "base"]


def test_csv_has_a_column_for_each_param_and_metric(three: Runs, ask: Ask) -> None:
    rows = list(csv.DictReader(io.StringIO(ask("log", "--csv").out)))

    assert [row["name"] for row in rows] == ["last", "next", "base"]
    assert [row["params.lr"] for row in rows] == ["0.1", "0.01", "0.1"]
    assert [row["metrics.acc"] for row in rows] == ["", "0.9", "0.81234"]
    assert [row["tags"] for row in rows] == ['["good"]', "", ""]


def test_no_runs_are_an_empty_list_and_a_hint(ask: Ask) -> None:
    hint = "hint: there are no runs yet; record one: git exp run COMMAND\n"

    assert ask("log") == ("", hint)
    assert ask("log", "--oneline") == ("", hint)
    assert ask("log", "--json") == ('{"schema":"git-exp/log/1","runs":[]}\n', "")
    assert ask("log", "--jsonl") == ("", "")


def test_a_format_that_is_not_known_is_refused_before_anything_is_read(ask: Ask) -> None:
    said = ask("log", "--format", "%q", code=2)

    assert said.out == ""
    assert said.err.startswith("error: unknown placeholder '%q' in --format\nhint: %H, %h, %n")


def test_a_run_that_is_not_there_is_named(three: Runs, ask: Ask) -> None:
    assert ask("log", "@", "zz", code=3) == (
        "", "fatal: no run 'zz'\nhint: list them: git exp log\n",
    )  # fmt: skip


@pytest.mark.parametrize("words", [["-n", "many"], ["-n", "-1"], ["--csv", "--json"], ["--nope"]])
def test_wrong_usage_is_one_line_and_a_hint(words: list[str], ask: Ask) -> None:
    said = ask("log", *words, code=2)

    assert said.out == ""
    assert said.err.startswith("error: ")
    assert len([line for line in said.err.splitlines() if not line.startswith("hint: ")]) == 1


def test_escapes_in_a_run_reach_no_reader(runs: Runs, ask: Ask) -> None:
    runs.add("\x1b[31mred", params={"\x07k": "a\nb"}, metrics={"m\x9b": [1]})
    runs.add("plain")

    told = [
        ask("log", *words).out for words in ([], ["--oneline"], ["--format", "%n %(param:\ak)"])
    ]

    assert not any(sign in text for text in told for sign in "\x1b\x07\x9b")
    assert "^[[31mred" in told[0]
    assert "a^Jb" in told[0]
    assert "^[[31mred m\\x9b=1" in told[1]
    assert told[2] == "plain \n^[[31mred a^Jb\n"
    assert json.loads(ask("log", "--json").out)["runs"][1]["name"] == "\x1b[31mred"


def test_a_run_of_this_process_is_listed_while_it_runs_and_afterwards(ask: Ask) -> None:
    with Experiment("live", params={"lr": 1}) as experiment:
        experiment.track({"acc": 0.25})
        during = ask("log", "--format", "%n %s %(metric:acc)").out

    assert during == "live running 0.25\n"
    assert ask("log", "--format", "%n %s %(metric:acc)").out == "live finished 0.25\n"


def test_a_deleted_run_is_not_listed(three: Runs, ask: Ask) -> None:
    ask("rm", "next")

    assert ask("log", "--format", "%n").out == "last\nbase\n"


def test_it_works_from_a_folder_below_and_with_gits_own_options(
    repo: Path, three: Runs, exp: Exp
) -> None:
    (repo / "sub").mkdir()

    assert exp("log", "--format", "%n", cwd=repo / "sub").stdout == "last\nnext\nbase\n"
    assert exp("log", "--format", "%n", "-1").stderr == ""


def test_a_terminal_gets_colours_and_the_users_pager(three: Runs) -> None:
    paged = pseudo_terminal.shown(["git", "exp", "log", "-1"], GIT_PAGER="sed s/^/P:/")
    plain = pseudo_terminal.shown(
        ["git", "exp", "log", "-1", "--no-pager"], GIT_PAGER="sed s/^/P:/", NO_COLOR="1"
    )

    assert [line[:2] for line in paged.splitlines()] == ["P:", "P:"]
    assert "\x1b[33m33333333" in paged
    assert "\x1b" not in plain
    assert plain.splitlines()[1].startswith("33333333  ")


def test_rich_is_not_imported_for_a_pipe(three: Runs) -> None:
    code = (
        "import sys; sys.argv[1:] = ['log', '-1']; from git_exp.__main__ import main; main(); "
        "sys.stderr.write(str('rich' in sys.modules))"
    )

    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True)

    assert done.stdout.startswith("ID  ")
    assert done.stderr == "False"
