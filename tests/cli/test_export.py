"""git exp export: runs and their points as files for other tools."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyarrow import parquet

from git_exp import Experiment, frames
from git_exp.cli import export
from git_exp.run import Run
from tests import pseudo_terminal
from tests.cli.conftest import Ask, Runs
from tests.conftest import Exp

pytestmark = pytest.mark.usefixtures("repo")


def test_csv_is_that_of_log(runs: Runs, ask: Ask) -> None:
    runs.add("base", params={"lr": 0.1, "opt": "adam"}, metrics={"loss": [2, 1]}, tags=["a"])
    runs.add("wide", params={"lr": 2**70}, metrics={"loss": [math.nan], "acc": [1]})

    said = ask("export", "runs.csv")

    assert said == ("", "")
    assert Path("runs.csv").read_text() == ask("log", "--csv").out
    assert ask("export", "--csv", "-").out == ask("log", "--csv").out


def test_json_lines_are_those_of_log(runs: Runs, ask: Ask) -> None:
    runs.add("base", params={"lr": 0.1}, metrics={"loss": [math.inf]})
    runs.add("wide")

    assert ask("export", "--jsonl", "-").out == ask("log", "--jsonl").out


def test_parquet_is_a_table_of_runs(runs: Runs, ask: Ask) -> None:
    ids = [runs.add("base", params={"lr": 0.1}), runs.add("wide", params={"lr": "auto"})]

    answer = json.loads(ask("export", "runs.parquet", "--json").out)

    assert answer == {"schema": "git-exp/export/1", "file": "runs.parquet", "format": "parquet",
                      "rows": 2}  # fmt: skip
    found = parquet.read_table("runs.parquet")
    assert found.column("id").to_pylist() == ids[::-1]
    assert found.column("params.lr").to_pylist() == ["auto", "0.1"]


def test_runs_may_be_named(runs: Runs, ask: Ask) -> None:
    runs.add("base")
    runs.add("wide")

    ask("export", "a.jsonl", "base")

    assert [json.loads(line)["name"] for line in Path("a.jsonl").read_text().splitlines()] == [
        "base"
    ]


def test_an_option_says_the_format_of_a_file_of_any_name(runs: Runs, ask: Ask) -> None:
    runs.add("base")

    ask("export", "--parquet", "table")

    assert parquet.read_table("table").num_rows == 1


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_points_are_rows_in_the_long_format(ask: Ask, name: str) -> None:
    with Experiment("base") as experiment:
        experiment.track({"loss": 2, "acc": math.nan}, step=3)
        experiment.track({"loss": 1})

    answer = json.loads(ask("export", "--series", name, "--json").out)

    assert answer["rows"] == 3
    if name == "a.csv":
        rows = [line.split(",") for line in Path(name).read_text().splitlines()]
        assert rows[0] == list(frames.SERIES)
        assert [row[:1] + row[3:] for row in rows[1:]] == [
            [experiment.run_id, "3", "loss", "2", "0"],
            [experiment.run_id, "3", "acc", "NaN", "0"],
            [experiment.run_id, "", "loss", "1", "0"],
        ]
    elif name == "a.jsonl":
        rows_of = [json.loads(line) for line in Path(name).read_text().splitlines()]
        assert [row["value"] for row in rows_of] == [2, "NaN", 1]
    else:
        assert parquet.read_table(name).column("metric").to_pylist() == ["loss", "acc", "loss"]


def test_a_repository_without_runs_makes_files_with_headings(ask: Ask) -> None:
    ask("export", "a.csv")
    ask("export", "a.jsonl")
    ask("export", "a.parquet")

    assert Path("a.csv").read_text().startswith("id,name,status,")
    assert Path("a.csv").read_text().count("\n") == 1
    assert Path("a.jsonl").read_text() == ""
    assert parquet.read_table("a.parquet").num_rows == 0


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["a.txt"], "'a.txt' does not end in .parquet, .csv or .jsonl: say which with an option"),
        (["-"], "'-' does not end in .parquet, .csv or .jsonl: say which with an option"),
        (["--parquet", "-"], "Parquet cannot go to standard output: name a file"),
        (["--csv", "-", "--json"], "with --json, runs cannot go to standard output: name a file"),
        (["--csv", "--jsonl", "a"], "--csv and --jsonl exclude each other"),
    ],
)
def test_wrong_usage_is_refused(ask: Ask, words: list[str], why: str) -> None:
    said = ask("export", *words, code=2)

    assert said.err.lower() == f"error: {why.lower()}\nhint: see: git exp export -h\n"


def test_a_terminal_gets_no_order_from_what_runs_say(runs: Runs, exp: Exp) -> None:
    runs.add("\x1b]0;pwned\x07\u202e\x9b", params={"\x9b": "\x9b"})

    for kind in ("--csv", "--jsonl"):
        shown = pseudo_terminal.shown(["git", "exp", "export", kind, "-"])

        assert "pwned" in shown
        assert not any(sign in shown for sign in "\x1b\x07\u202e\x9b")


def test_a_reader_that_leaves_ends_it_in_silence(ask: Ask) -> None:
    with Experiment("base") as experiment:
        for step in range(5_000):
            experiment.track({"loss": step})

    shell = "git exp export --csv --series - | head -1"
    done = subprocess.run(("sh", "-c", shell), capture_output=True, text=True)

    assert (done.stdout, done.stderr) == (",".join(frames.SERIES) + "\n", "")


def test_without_the_extra_one_line_names_it_and_the_old_file_stays(runs: Runs, ask: Ask) -> None:
    runs.add("base")
    Path("a.parquet").write_text("old")
    code = (
        "import sys; sys.modules['pyarrow'] = None; from git_exp.cli import ending; "
        "sys.exit(ending.code(['export', 'a.parquet']))"
    )

    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: tables of this kind need pyarrow\nhint: pip install 'git-exp[data]'\n"
    )
    assert Path("a.parquet").read_text() == "old"


# -- progress ----------------------------------------------------------------------------------


class Ticking:
    """A monotonic clock on which each look takes a while."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._now = 0.0

    def __call__(self) -> float:
        self._now += self._seconds
        return self._now


@pytest.mark.parametrize(
    ("seconds", "terminal", "shown"), [(0.6, True, True), (0.001, True, False), (0.6, False, False)]
)
def test_long_work_shows_a_bar_on_a_terminal_after_a_second(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    seconds: float,
    terminal: bool,
    shown: bool,
) -> None:
    monkeypatch.setattr(time, "monotonic", Ticking(seconds))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    monkeypatch.setenv("TERM", "xterm")
    every = [Run(id=str(at), commit="c") for at in range(5)]

    def passed() -> Iterator[str]:
        return (run.id for run in export.watched(every))

    assert list(passed()) == ["0", "1", "2", "3", "4"]
    assert ("Writing runs" in capfd.readouterr().err) == shown
