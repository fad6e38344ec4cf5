"""git exp plot: curves in a terminal, in a pipe, in a file and as JSON."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from git_exp import Experiment
from git_exp.cli import plot
from tests import pseudo_terminal
from tests.cli.conftest import Ask, Runs
from tests.conftest import Clock, Exp

pytestmark = pytest.mark.usefixtures("repo")


Tracked = Callable[..., str]


@pytest.fixture
def tracked(clock: Clock) -> Tracked:
    """Make a run of these values, a second after the one before; its id."""

    def run(name: str, *values: float, metric: str = "loss") -> str:
        clock.move(1)
        with Experiment(name) as experiment:
            for step, value in enumerate(values):
                experiment.track({metric: value}, step=step)
        return str(experiment.run_id)

    return run


def test_the_latest_run_that_has_the_metric_is_drawn(
    ask: Ask, tracked: Tracked, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracked("old", 1, 1)
    run_id = tracked("base", *(math.exp(-at / 15) for at in range(60)))
    tracked("other", 1, metric="acc")
    monkeypatch.setenv("LINES", "16")

    said = ask("plot", "loss")

    assert said.err == ""
    assert (
        said.out
        == f"""\
loss
1.0 +**
    |  ***
    |    ***
    |       ***
    |          ***
0.5 +             *****
    |                 ******
    |                      ********
    |                              *************
    |                                          *********************************
    ++------------------------+------------------------+------------------------
     0                       20                       40
                                        step
* {run_id[:8]} base
"""
    )


def test_several_runs_have_a_letter_each(
    ask: Ask, tracked: Tracked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINES", "24")
    first, second = tracked("base", 1, 2), tracked("</script><b>", 2, 1)

    lines = ask("plot", "loss", "@", "base", "@").out.splitlines()

    assert lines[-2:] == [f"a {second[:8]} </script><b>", f"b {first[:8]} base"]
    assert all(len(line) <= 80 for line in lines)
    assert len(lines) == 23


def test_the_drawing_has_the_size_asked_for(ask: Ask, tracked: Tracked) -> None:
    tracked("base", 1, 2)

    lines = ask("plot", "loss", "--width", "40", "--height", "12").out.splitlines()

    assert len(lines) == 12
    assert max(map(len, lines)) == 40


def test_a_terminal_gets_dots_in_colours_and_its_own_size(exp: Exp, tracked: Tracked) -> None:
    tracked("base", 1, 2, 3)
    tracked("wide", 3, 2, 1)
    words = ["git", "exp", "plot", "loss", "@", "base"]

    shown = pseudo_terminal.shown(words, COLUMNS="50", LINES="20")
    plain = pseudo_terminal.shown(words, COLUMNS="50", LINES="20", NO_COLOR="1")
    alone = pseudo_terminal.shown(words[:-1], COLUMNS="50", LINES="20", NO_COLOR="1")

    assert "\x1b[32m⠑" in shown or "\x1b[32m⠢" in shown or "\x1b[32m⠤" in shown
    assert len(shown.splitlines()) == 19
    assert "\x1b" not in plain + alone
    assert "b" in plain.splitlines()[2]
    assert "⣀⣀" in alone
    assert max(map(len, alone.splitlines())) == 50


def test_what_a_run_says_is_no_order_for_the_terminal(
    runs: Runs, ask: Ask, tracked: Tracked
) -> None:
    evil = "\x1b]0;pwned\x07\u202e\x9b"
    tracked("base", 1, 2, metric=evil)

    said = ask("plot", evil)

    assert not any(sign in said.out + said.err for sign in "\x1b\x07\u202e\x9b")


def test_what_is_left_out_is_said_on_stderr(ask: Ask, tracked: Tracked) -> None:
    run_id = tracked("base", 1, math.nan, math.inf, -1, 2)

    said = ask("plot", "loss", "--log")

    assert said.err == (
        f"warning: run {run_id[:8]}: 1 infinite value left out\n"
        f"warning: run {run_id[:8]}: 1 value of 0 or less left out: the axis is log\n"
    )
    assert said.out.startswith("loss, log scale\n")


def test_json_is_the_points(ask: Ask, tracked: Tracked) -> None:
    run_id = tracked("base", 4, 2, math.nan, math.inf)

    answer = json.loads(ask("plot", "loss", "--json").out)

    assert answer == {
        "schema": "git-exp/plot/1", "metric": "loss", "x": "step", "smooth": 0.0, "log": False,
        "lines": [{
            "run": run_id, "name": "base", "count": 4, "infinite": 1, "not_positive": 0,
            "ranks": 1,
            "points": [{"x": 0, "y": 4.0}, {"x": 1, "y": 2.0}, {"x": 2, "y": None}],
        }],
    }  # fmt: skip


def test_points_may_stand_over_the_time_or_the_time_since_the_start(
    ask: Ask, tracked: Tracked
) -> None:
    tracked("base", 4, 2)
    series = json.loads(ask("show", "--series", "loss", "--json").out)["points"]

    over = {
        axis: json.loads(ask("plot", "loss", "--json", "--x", axis).out)["lines"][0]["points"]
        for axis in ("time", "elapsed")
    }

    assert [point["x"] for point in over["time"]] == [point["t"] for point in series]
    assert [point["x"] for point in over["elapsed"]] == [
        point["elapsed_ms"] / 1e3 for point in series
    ]


def test_points_are_smoothed(ask: Ask, tracked: Tracked) -> None:
    tracked("base", 1, 2)

    (line,) = json.loads(ask("plot", "loss", "--json", "--smooth", "0.5").out)["lines"]

    assert [point["y"] for point in line["points"]] == [1, pytest.approx(5 / 3)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "start"),
    [("a.svg", b"<svg "), ("a.PNG", b"\x89PNG\r\n\x1a\n"), ("a.html", b"<!DOCTYPE html>\n")],
)
def test_a_file_is_what_its_ending_says(
    ask: Ask, tracked: Tracked, name: str, start: bytes
) -> None:
    tracked("base", 1, 2)
    Path(name).write_text("old")

    said = ask("plot", "loss", "-o", name, "--width", "400", "--height", "300")

    assert said == ("", "")
    assert Path(name).read_bytes().startswith(start)


def test_a_file_and_json_may_be_asked_for_at_once(ask: Ask, tracked: Tracked) -> None:
    tracked("base", 1, 2)

    assert json.loads(ask("plot", "loss", "-o", "a.svg", "--json").out)["metric"] == "loss"
    assert Path("a.svg").exists()


def test_another_ending_is_wrong_usage_and_nothing_is_read(ask: Ask) -> None:
    assert ask("plot", "loss", "-o", "a.pdf", code=2).err == (
        "error: 'a.pdf' does not end in .svg, .png or .html\nhint: see: git exp plot -h\n"
    )


@pytest.mark.parametrize("weight", ["1", "-0.1", "nan", "much"])
def test_a_weight_is_from_0_to_below_1(ask: Ask, weight: str) -> None:
    assert ask("plot", "loss", "--smooth", weight, code=2).err.startswith("error: ")


def test_a_metric_that_no_run_has_names_those_that_are_near(runs: Runs, ask: Ask) -> None:
    runs.add("base", metrics={"loss": [1], "val.acc": [2]})

    assert ask("plot", "los", code=3).err == (
        "fatal: no run has a metric 'los'\nhint: did you mean loss?\n"
    )
    assert ask("plot", "acc", code=3).err == (
        "fatal: no run has a metric 'acc'\nhint: did you mean val.acc?\n"
    )
    assert ask("plot", "f1", "base", code=3).err == (
        "fatal: no run has a metric 'f1'\nhint: known metrics: loss, val.acc\n"
    )


def test_without_runs_there_is_no_metric(ask: Ask) -> None:
    assert ask("plot", "loss", code=3).err == (
        "fatal: no run has a metric 'loss'\nhint: list runs: git exp log\n"
    )


def test_a_run_that_lacks_the_metric_is_named_and_the_others_are_drawn(
    ask: Ask, tracked: Tracked
) -> None:
    lacking = tracked("other", 1, metric="acc")
    run_id = tracked("base", 1, 2)

    said = ask("plot", "loss", "other", "base")

    assert said.err == f"warning: run {lacking[:8]} has no metric 'loss'\n"
    assert said.out.endswith(f"* {run_id[:8]} base\n")


def test_a_run_whose_series_is_not_here_is_said_and_nothing_to_draw_is_no(
    runs: Runs, ask: Ask
) -> None:
    runs.add("base", metrics={"loss": [1, 2]})

    assert ask("plot", "loss", code=1) == (
        "",
        "warning: run 11111111: its series is not here, only its summary\n"
        "error: there is nothing to draw of 'loss'\n",
    )


@pytest.mark.parametrize(
    ("library", "words", "needs"),
    [
        ("plotille", ["plot", "loss"], "drawing in a terminal needs plotille"),
        ("vl_convert", ["plot", "loss", "-o", "a.svg"], "drawing SVG needs vl-convert-python"),
    ],
)
def test_without_the_extra_one_line_names_it(
    tracked: Tracked, library: str, words: list[str], needs: str
) -> None:
    tracked("base", 1, 2)
    code = (
        f"import sys; sys.modules['{library}'] = None; from git_exp.cli import ending; "
        "sys.exit(ending.code(sys.argv[1:]))"
    )

    done = subprocess.run((sys.executable, "-c", code, *words), capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: {needs}\nhint: pip install 'git-exp[plot]'\n"
    assert not Path("a.svg").exists()


def test_metrics_are_offered_for_completion(runs: Runs) -> None:
    runs.add("base", metrics={"loss": [1], "lower": [1], "acc": [1]})
    context = click.Context(plot.command)

    offered = plot.command.params[0].shell_complete(context, "lo")

    assert [one.value for one in offered] == ["loss", "lower"]


def test_a_completion_outside_of_a_repository_offers_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert plot.command.params[0].shell_complete(click.Context(plot.command), "") == []


def test_a_metric_that_others_have_is_not_said_to_be_unknown(repo: Path, ask: Ask) -> None:
    for name, metric in (("one", "loss"), ("two", "acc")):
        with Experiment(name, repo=repo) as exp:
            exp.track({metric: 1.0})

    said = ask("plot", "loss", "two", code=3)

    assert said.err == "fatal: none of these runs has a metric 'loss'\n"
