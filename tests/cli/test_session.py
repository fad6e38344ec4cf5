"""git exp session: a loop that experiments by itself, from its start to its report."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Ask, Git_, Runs
from tests.conftest import Clock, Exp

pytestmark = pytest.mark.usefixtures("repo")
GOAL = ("session", "start", "--goal", "a faster kernel", "--metric", "ms", "--direction",
        "minimize", "--id", "loop")  # fmt: skip


def status(ask: Ask, *more: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ask("session", "status", "--json", *more).out)
    return found


@pytest.fixture
def loop(ask: Ask) -> str:
    ask(*GOAL)
    return "loop"


@pytest.fixture
def begun(exp: Exp) -> str:
    """The same in the time of the machine."""
    exp(*GOAL)
    return "loop"


def test_a_session_without_data_has_a_goal(ask: Ask, git: Git_) -> None:
    said = ask(*GOAL, "--max-iterations", "7", "--time-budget", "1h30m", "--plateau", "4",
               "--threshold", "0.01", "--max-failures", "2", "--target-value", "5",
               "--constraints", "no unsafe code")  # fmt: skip

    assert said.out == "loop\n"
    assert said.err == (
        "hint: while git exp session next -s loop; do git exp run --session loop -- COMMAND; done\n"
    )
    found = status(ask)
    assert {key: found[key] for key in ("goal", "metric", "direction", "target_value",
            "max_iterations", "time_budget", "plateau_threshold", "go_on", "iteration")} == {
        "goal": "a faster kernel", "metric": "ms", "direction": "minimize", "target_value": 5,
        "max_iterations": 7, "time_budget": 5400.0, "plateau_threshold": 4, "go_on": True,
        "iteration": 0,
    }  # fmt: skip
    state = json.loads(git("show", "refs/sessions/loop:state.json"))["config"]
    assert (state["improvement_threshold"], state["max_consecutive_failures"]) == (0.01, 2)
    assert state["constraints"] == "no unsafe code"
    assert git("log", "--format=%s", "refs/sessions/loop") == "start: a faster kernel"


def test_a_session_with_data_is_profiled_first(repo: Path, ask: Ask, git: Git_) -> None:
    pytest.importorskip("polars")
    (repo / "houses.csv").write_text("rooms,price\n" + "".join(f"{n},{n}.5\n" for n in range(30)))
    given = ("session", "start", "--data", "houses.csv", "--target", "price", "--task",
             "regression")  # fmt: skip

    said = ask(*given, "--json")

    told = json.loads(said.out)
    assert told["schema"] == "git-exp/session-start/1"
    assert told["profile"]["n_rows"] == 30
    assert told["profile"]["target_column"] == "price"
    assert git("log", "--format=%s", f"refs/sessions/{told['session']}") == (
        "profile: 30 rows, 2 columns\nstart: price of houses.csv"
    )
    assert ask(*given, "--id", "two").err.startswith("profiled 30 rows and 2 columns\n")


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        ((), 2, "error: a session has a goal or a data set\n"),
        (("--data", "x.csv"), 2, "error: a data set needs --target too\n"),
        (("--data", "x.csv", "--target", "y"), 2, "error: a data set needs --task too\n"),
        (("--data", "no.csv", "--target", "y", "--task", "regression"), 3,
         "fatal: no file 'no.csv'\nhint: look: ls .\n"),
        (("--data", "train.py", "--target", "y", "--task", "regression"), 2, "error: "),
        (("--goal", "g", "--id", "../x"), 2, "error: bad session id '../x'\n"),
        (("--goal", "g", "--max-iterations", "0"), 2,
         "error: --max-iterations: expected int >= 1, got 0\n"
         "hint: leave it out for its default; see: git exp session start -h\n"),
        (("--goal", "g", "--plateau", "0"), 2, "error: --plateau: expected int >= 1, got 0\nhint:"),
        (("--goal", ""), 2, "error: --goal is blank\nhint: --goal 'a faster kernel'\n"),
        (("--goal", "g", "--time-budget", "soon"), 2,
         "error: invalid value for '--time-budget': 'soon' is no length of time, such as 90, 10m "
         "or 1h30m\nhint: see: git exp session start -h\n"),
        (("--goal", "g", "--time-budget", "10k"), 2, "error: invalid value for '--time-budget': "),
        (("--goal", "g", "--time-budget", "-1"), 2, "error: --time-budget: expected float"),
        (("--goal", "g", "--target-value", "high"), 2,
         "error: invalid value for '--target-value': 'high' is no number\n"),
        (("--goal", "g", "--threshold", "inf"), 2,
         "error: --threshold: nothing would be an improvement\nhint: --threshold 0.005\n"),
        (("--goal", "g", "--threshold", "nan"), 2, "error: --threshold: "),
        (("--goal", "g", "--direction", "up"), 2, "error: invalid value for '--direction'"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_session_is_refused_and_nothing_is_written(
    args: tuple[str, ...], code: int, said: str, ask: Ask, git: Git_
) -> None:
    found = ask("session", "start", *args, code=code)

    assert found.err.startswith(said)
    assert found.out == ""
    assert git("for-each-ref", "refs/sessions") == ""


def test_an_id_is_taken_once(loop: str, ask: Ask) -> None:
    assert ask(*GOAL, code=4).err == (
        "error: there is a session 'loop' already\nhint: git exp session status -s loop\n"
    )


def test_an_unknown_metric_is_told_of(ask: Ask) -> None:
    given = ("session", "start", "--goal", "g", "--metric")

    assert (
        "warning: metric 'goodness' is unknown: more of it is better\n"
        in ask(*given, "goodness").err
    )
    assert "warning" not in ask(*given, "loss").err
    assert "warning" not in ask(*given, "goodness", "--direction", "maximize").err


def test_a_direction_of_no_metric_goes_for_the_first_that_comes(ask: Ask) -> None:
    said = ask("session", "start", "--goal", "g", "--direction", "maximize").err

    assert said.startswith(
        "warning: whichever metric the first result has is to maximize\nhint: --metric M\n"
    )


def test_a_direction_that_a_session_said_is_that_of_the_next(ask: Ask, runs: Runs) -> None:
    """Else one metric had two: of this session, and of `best` and `restore best` beside it."""
    start = ("session", "start", "--goal", "g", "--metric", "score")
    ask(*start, "--direction", "minimize", "--id", "first")

    assert ask(*start, "--id", "next").err.startswith(
        "to minimize score, as an earlier session says\nhint: while "
    )
    assert status(ask, "-s", "next")["direction"] == "minimize"
    ask(*start, "--direction", "maximize", "--id", "other")
    assert status(ask, "-s", "other")["direction"] == "maximize"
    assert status(ask, "-s", "next")["direction"] == "minimize"
    ask(*start, "--id", "last")
    assert status(ask, "-s", "last")["direction"] == "maximize"


def test_what_a_name_says_as_well_is_not_told(ask: Ask) -> None:
    start = ("session", "start", "--goal", "g", "--metric", "loss")
    ask(*start, "--direction", "minimize", "--id", "first")

    assert ask(*start, "--id", "next").err.startswith("hint: while ")
    assert status(ask, "-s", "next")["direction"] == "minimize"


def test_next_says_by_its_exit_code_whether_to_go_on(loop: str, ask: Ask, clock: Clock) -> None:
    assert ask("session", "next").out == "iteration 1 of 20\n"
    for value in ("9", "9", "9", "9"):
        ask("session", "record", "--metric", f"ms={value}")

    assert ask("session", "next", code=1).out == "Performance plateau detected\n"
    told = json.loads(ask("session", "next", "--json", code=1).out)
    assert (told["go_on"], told["reason"]) == (False, "Performance plateau detected")


def test_time_runs_out_between_events_and_not_in_a_pause(loop: str, ask: Ask, clock: Clock) -> None:
    ask("session", "pause")
    assert ask("session", "next", code=1).out == "The session is paused\n"
    clock.move(4_000)
    ask("session", "resume")
    assert ask("session", "next").out == "iteration 1 of 20\n"

    clock.move(3_600)

    assert ask("session", "next", code=1).out == "Time budget exhausted\n"


def test_a_session_that_its_agent_stops_says_why_and_can_be_resumed(loop: str, ask: Ask) -> None:
    said = ask("session", "stop", "-m", "nothing\nleft to try")

    assert said.out == "stop: nothing left to try\n"
    assert said.err == "the session ends: Agent determined further improvement unlikely\n"
    assert ask("session", "next", code=1).out == (
        "Agent determined further improvement unlikely: nothing left to try\n"
    )
    ask("session", "resume")
    assert ask("session", "next").out == "iteration 1 of 20\n"


def test_a_result_is_what_the_options_say(loop: str, ask: Ask) -> None:
    said = ask("session", "record", "-n", "tiled", "--metric", "ms=7.5", "--metric", "gb=2",
               "-p", "tile=16", "--model", "gpu", "--took", "90s", "-m", "tile it",
               "--reasoning", "the cache", "--json")  # fmt: skip

    told = json.loads(said.out)
    assert told["schema"] == "git-exp/session-record/1"
    assert (told["best"], told["best_experiment"], told["iteration"]) == (7.5, "tiled", 1)
    result = told["event"]["result"]
    assert (result["metrics"], result["model_params"]) == ({"ms": 7.5, "gb": 2}, {"tile": 16})
    assert (result["hypothesis"], result["reasoning"]) == ("tile it", "the cache")
    assert (result["model_type"], result["execution_time"]) == ("gpu", 90.0)
    assert (told["event"]["by"], result["iteration"], result["success"]) == ("Ada", 1, True)


def test_a_failure_says_why_and_several_in_a_row_end_it(loop: str, ask: Ask) -> None:
    for at in range(1, 5):
        assert ask("session", "record", "--error", "boom").out == (
            f"iteration {at}: failed, experiment_{at}: boom\n"
        )
    said = ask("session", "record", "--error", "boom")
    assert said.err == "the session ends: Too many consecutive failures\n"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "error: a result has a metric, or an error\n"),
        (("--metric", "ms"), "error: a metric is key=value, not 'ms'\n"),
        (("--metric", "ms=fast"), "error: metric ms is a number, not 'fast'\n"),
        (("--metric", "ms=1", "-p", "x"), "error: a param is key=value, not 'x'\n"),
        (("--metric", "ms=1", "--took", "-3"), "error: --took: expected float >= 0.0"),
        (("--metric", "ms=1", "--metric", "ms=2"),
         "error: metric ms is given twice: '1' and '2'\nhint: --metric acc=0.9\n"),
        (("--metric", "ms=1", "-p", "a=1", "-p", "a=2"),
         "error: param a is given twice: '1' and '2'\n"),
        (("--metric", "a b=3"), "error: a metric's name has neither '=' nor blanks\n"),
        (("--run", "@", "--metric", "ms=1"), "error: --run and --metric exclude each other\n"),
        (("--run", "@", "--error", "x"), "error: --run and --error exclude each other\n"),
    ],
)  # fmt: skip
def test_what_is_no_result_is_refused_and_nothing_is_written(
    args: tuple[str, ...], said: str, loop: str, ask: Ask, git: Git_
) -> None:
    before = git("rev-parse", "refs/sessions/loop")

    assert ask("session", "record", *args, code=2).err.startswith(said)
    assert git("rev-parse", "refs/sessions/loop") == before


def test_a_run_is_a_result_once(loop: str, runs: Runs, ask: Ask, git: Git_) -> None:
    run_id = runs.add("tiled", metrics={"ms": [9.0, 8.0]}, params={"tile": 16})

    said = ask("session", "record", "--run", "@", "-m", "tile it")

    assert said.out == "iteration 1: ms 8 (best), tiled\n"
    assert git("log", "-1", "--format=%b", "refs/sessions/loop").strip() == f"Exp-Run: {run_id}"
    before = git("rev-parse", "refs/sessions/loop")
    again = ask("session", "record", "--run", "tiled")
    assert (again.out, again.err) == ("", "run tiled is among the results already\n")
    assert json.loads(ask("session", "record", "--run", "@", "--json").out)["event"] is None
    assert git("rev-parse", "refs/sessions/loop") == before
    assert status(ask)["best_run"] == run_id


def test_of_a_run_that_is_recorded_its_first_note_is_the_idea(
    loop: str, runs: Runs, ask: Ask
) -> None:
    runs.add("tiled", metrics={"ms": [8.0]})
    ask("note", "tiled", "tile it")

    told = json.loads(ask("session", "record", "--run", "tiled", "--json").out)

    assert told["event"]["result"]["hypothesis"] == "tile it"


def test_a_run_that_is_not_there_is_no_result(loop: str, ask: Ask) -> None:
    assert ask("session", "record", "--run", "zz", code=3).err.startswith("fatal: ")


def test_status_is_the_whole_on_a_screen(loop: str, ask: Ask) -> None:
    ask("session", "hypothesize", "tile it", "--priority", "2")
    ask("session", "hypothesize", "unroll", "--why", "branches", "--model", "gpu", "-p", "by=4",
        "--confidence", "0.9")  # fmt: skip
    ask("session", "phase", "experiment_design")
    ask("session", "record", "--metric", "ms=7.5", "-n", "first")
    ask("session", "record", "--error", "boom")
    ask("session", "claim", "cache it")

    assert ask("session", "status").out == (
        "session loop\n"
        "Task:        a faster kernel\n"
        "Status:      running\n"
        "Phase:       experiment_design\n"
        "Metric:      ms, to minimize\n"
        "Best:        7.5, first\n"
        "Trend:       initial, 0 of 3 without improvement\n"
        "Iterations:  2 of 20, 1 failed\n"
        "Elapsed:     0 ms of 1 h 00 min\n"
        "Started:     2026-01-02 05:04:05 UTC\n"
        "Hypothesis:  unroll\n"
        "Claims:      1\n"
    )


def test_hypotheses_come_from_standard_input_too(
    loop: str, ask: Ask, monkeypatch: pytest.MonkeyPatch, exp: Exp
) -> None:
    told = json.dumps({"hypotheses": [{"statement": "a"}, {"statement": "b", "priority": 0}]})

    assert exp("session", "hypothesize", "-", stdin=told).stdout == "2 hypotheses, first: b\n"
    refused = exp("session", "hypothesize", "-", stdin="{", code=2)
    assert refused.stderr.startswith("error: no JSON: ")
    assert len(refused.stderr.splitlines()) == 2


def test_the_log_is_the_story_and_the_same_as_gits(
    loop: str, ask: Ask, git: Git_, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.move(120)
    monkeypatch.setenv("GIT_EXP_AGENT", "bob")
    ask("session", "record", "--metric", "ms=7.5", "-n", "a\x1b[31mb")

    assert ask("session", "log").out.splitlines() == [
        "WHEN           BY   WHAT",
        "0 seconds ago  bob  iteration 1: ms 7.5 (best), a^[[31mb",
        "2 minutes ago  Ada  start: a faster kernel",
    ]
    told = json.loads(ask("session", "log", "--json").out)
    assert [one["event"] for one in told["events"]] == ["result", "start"]
    lines = ask("session", "log", "--jsonl", "-n", "1").out.splitlines()
    assert [json.loads(one)["by"] for one in lines] == ["bob"]
    assert ask("session", "log", "--csv").out.splitlines()[0] == "t,by,what"
    assert ask("session", "log", "--csv").out.splitlines()[2] == (
        "2026-01-02T05:04:05.000000Z,Ada,start: a faster kernel"
    )
    assert git("log", "--format=%s", "refs/sessions/loop").splitlines() == [
        "iteration 1: ms 7.5 (best), a^[[31mb", "start: a faster kernel",
    ]  # fmt: skip


def test_sessions_are_listed_that_which_began_last_first(ask: Ask, clock: Clock) -> None:
    assert ask("session", "list").out.split() == [
        "ID", "BEGAN", "STATUS", "ITERATIONS", "METRIC", "BEST", "TASK",
    ]  # fmt: skip
    ask(*GOAL)
    clock.move(60)
    ask("session", "start", "--goal", "another", "--id", "other")
    ask("session", "record", "-s", "loop", "--metric", "ms=7.5")
    ask("session", "stop", "-s", "loop")

    rows = [line.split() for line in ask("session", "list").out.splitlines()[1:]]

    assert [row[0] for row in rows] == ["other", "loop"]
    assert rows[1][4:] == ["ended", "1/20", "ms", "7.5", "a", "faster", "kernel"]
    told = json.loads(ask("session", "list", "--json").out)["sessions"]
    assert [one["session"] for one in told] == ["other", "loop"]
    lines = ask("session", "list", "--jsonl").out.splitlines()
    assert [json.loads(one)["best"] for one in lines] == [None, 7.5]
    assert ask("session", "list", "--csv").out.splitlines()[0].startswith("session,goal,")


def test_the_environment_says_which_session_at_is(
    loop: str, ask: Ask, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.move(60)
    ask("session", "start", "--goal", "another", "--id", "other")

    assert status(ask)["session"] == "other"
    monkeypatch.setenv("GIT_EXP_SESSION", "loop")
    assert status(ask)["session"] == "loop"
    assert status(ask, "-s", "other")["session"] == "other"
    monkeypatch.setenv("GIT_EXP_SESSION", "")
    assert status(ask)["session"] == "other"


@pytest.mark.parametrize(
    "args",
    [("status",), ("next",), ("record", "--metric", "a=1"), ("log",), ("report",), ("pause",),
     ("resume",), ("stop",), ("hypothesize", "x"), ("phase", "failed"), ("claim", "x"),
     ("claims",), ("release", "x")],
)  # fmt: skip
def test_without_a_session_every_command_says_how_to_begin_one(
    args: tuple[str, ...], ask: Ask
) -> None:
    said = ask("session", *args, code=3)

    assert said == (
        "",
        "fatal: there are no sessions yet\n"
        "hint: begin one: git exp session start --goal TEXT --metric NAME\n",
    )
    assert ask("session", args[0], "-s", "zz", *args[1:], code=3).out == ""


def test_a_report_is_markdown_or_a_page_or_plain_values(
    loop: str, repo: Path, ask: Ask, clock: Clock
) -> None:
    ask("session", "record", "--metric", "ms=7.5", "-m", "tile it")

    shown = ask("session", "report").out
    assert shown.startswith("# Session loop\n\n- Goal: a faster kernel\n")
    assert ask("session", "report", "-o", "report.md") == ("", "")
    assert (repo / "report.md").read_text() == shown
    ask("session", "report", "-o", "report.html")
    assert (repo / "report.html").read_text().startswith("<!DOCTYPE html>")
    told = json.loads(ask("session", "report", "--json").out)
    assert [(one["iteration"], one["value"], one["verdict"], one["hypothesis"])
            for one in told["tried"]] == [(1, 7.5, "baseline", "tile it")]  # fmt: skip
    assert json.loads(ask("session", "report", "-o", "a.md", "--json").out)["path"] == "a.md"


def test_a_report_without_what_draws_its_chart_says_so(
    loop: str, repo: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    for library in ("plotille", "vl_convert"):
        monkeypatch.setitem(sys.modules, library, None)
    assert ask("session", "report", "-o", "report.html") == ("", "")
    ask("session", "record", "--metric", "ms=7.5")

    assert ask("session", "report", "-o", "report.html") == (
        "",
        "warning: the chart of the report is not drawn: drawing SVG needs vl-convert-python\n"
        "hint: pip install 'git-exp[plot]'\n",
    )
    assert "not drawn: drawing in a terminal needs plotille" in ask("session", "report").err


@pytest.mark.parametrize("name", ["report.pdf", "report", "no/such/report.md"])
def test_a_report_that_cannot_be_written_is_said_in_a_line(
    name: str, loop: str, repo: Path, ask: Ask
) -> None:
    assert ask("session", "report", "-o", name, code=2).err.startswith(
        f"error: cannot write '{name}'"
    )
    assert sorted(path.name for path in repo.iterdir()) == [".git", "train.py"]


def test_a_claim_keeps_others_from_an_idea_until_its_time_is_over(
    loop: str, ask: Ask, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = ask("session", "claim", "tile it", "--ttl", "10m").out.strip()
    monkeypatch.setenv("GIT_EXP_AGENT", "bob")

    assert ask("session", "claim", "Tile  it", code=1) == (
        "",
        "error: 'tile it' is claimed by Ada for 10 min 00 s more\n"
        f"hint: take another idea, or free it: git exp session release {claim}\n",
    )
    assert ask("session", "claims").out.splitlines() == [
        "CLAIM     IDEA     BY          LEFT", f"{claim}  tile it  Ada  10 min 00 s",
    ]  # fmt: skip
    clock.move(601)
    assert ask("session", "claims", "--jsonl").out == ""
    said = ask("session", "claim", "tile it")
    assert said.err == "taken over from Ada, whose time was over\n"
    assert [one["by"] for one in json.loads(ask("session", "claims", "--json").out)["claims"]] == [
        "bob"
    ]


def test_a_claim_is_released(loop: str, ask: Ask) -> None:
    claim = ask("session", "claim", "tile it").out.strip()

    assert ask("session", "release", claim[:4]).out == "release: tile it\n"
    assert ask("session", "claims", "--csv").out == "claim,idea,by,since,left\n"
    assert ask("session", "release", claim, code=3).err.startswith(f"fatal: no claim '{claim}'\n")
    ask("session", "claim", "tile it")


def test_nearly_the_same_idea_is_pointed_out(loop: str, ask: Ask) -> None:
    ask("session", "record", "--metric", "ms=7.5", "-m", "unroll the loop by 4")
    ask("session", "claim", "tile it by 8")

    said = ask("session", "claim", "Unroll loop by 4")
    assert said.err == (
        "warning: nearly the same was tried in iteration 1: ms 7.5: unroll the loop by 4\n"
    )
    told = json.loads(ask("session", "claim", "by 8 tile it", "--json").out)
    assert [(one["idea"], one["where"]) for one in told["near"]] == [
        ("tile it by 8", "claimed by Ada, 30 min 00 s left")
    ]
    assert ask("session", "claim", "unroll loop by 8").err == ""


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((" ",), "error: an idea must not be blank\n"),
        (("x", "--ttl", "0"), "error: --ttl: expected float > 0.0, got 0.0\nhint: "),
        (("x", "--ttl", "long"), "error: invalid value for '--ttl': 'long' is no length of time"),
    ],
)
def test_what_is_no_claim_is_refused_and_nothing_is_written(
    args: tuple[str, ...], said: str, loop: str, ask: Ask, git: Git_
) -> None:
    before = git("rev-parse", "refs/sessions/loop")

    assert ask("session", "claim", *args, code=2).err.startswith(said)
    assert git("rev-parse", "refs/sessions/loop") == before


@pytest.mark.slow
def test_a_run_for_a_session_is_its_result(begun: str, repo: Path, exp: Exp) -> None:
    said = exp("run", "--session", "@", "-n", "one", "-m", "print it", "-p", "lr=0.1", "--",
               "sh", "-c", "echo METRIC ms=5; echo in $GIT_EXP_SESSION")  # fmt: skip

    assert said.stdout == "METRIC ms=5\nin loop\n"
    assert said.stderr.splitlines()[-1] == "session loop: iteration 1: ms 5 (best), one"
    told = json.loads(exp("session", "log", "--json", "-n", "1").stdout)["events"][0]["result"]
    assert (told["hypothesis"], told["model_params"]) == ("print it", {"lr": 0.1})
    run = json.loads(exp("show", "@", "--json").stdout)["run"]
    assert (told["run_id"], run["metadata"]) == (run["id"], {"session": "loop"})


def test_a_run_that_fails_is_a_failure_and_keeps_its_exit_code(begun: str, exp: Exp) -> None:
    said = exp("run", "--session", "loop", "-n", "one", "--", "sh", "-c", "exit 7", code=7)

    assert said.stderr.splitlines()[-1] == (
        "session loop: iteration 1: failed, one: failed, exit code 7"
    )


def test_without_its_session_nothing_runs(repo: Path, exp: Exp) -> None:
    said = exp("run", "--session", "zz", "--", "sh", "-c", "touch ran", code=125)

    assert said.stderr.startswith("fatal: no session 'zz'\n")
    assert not (repo / "ran").exists()


@pytest.mark.slow
def test_a_run_for_a_session_that_is_over_is_a_result_all_the_same(begun: str, exp: Exp) -> None:
    exp("session", "stop")

    said = exp("run", "--session", "@", "--", "sh", "-c", "echo METRIC ms=5")

    assert said.stderr.startswith(
        "warning: session loop: Agent determined further improvement unlikely; "
        "the run is a result of it all the same\n"
    )
    assert json.loads(exp("session", "status", "--json").stdout)["best"] == 5


@pytest.mark.slow
def test_a_reused_run_is_a_result_once(begun: str, exp: Exp) -> None:
    train = ("--", "python", "train.py")
    exp("run", "-n", "one", *train)

    said = exp("run", "--session", "@", "--reuse", *train)

    assert said.stdout == "METRIC acc=0.5\n"
    assert "session loop: iteration 1: no ms, one\n" in said.stderr
    assert said.stderr.endswith("warning: the result has no ms\nhint: its metrics: acc\n")
    again = exp("run", "--session", "@", "--reuse", "-n", "two", *train).stderr
    assert "'one': it is a result of session loop already\n" in again
    assert "session loop: iteration 2: no ms, two\n" in again


@pytest.mark.slow
def test_a_run_that_its_loop_was_killed_over_is_a_result_of_the_next(
    begun: str, repo: Path, exp: Exp
) -> None:
    script = "echo METRIC ms=5; touch began; exec sleep 60"
    words = ("git", "exp", "run", "--session", "@", "-n", "first", "-m", "an idea", "--",
             "sh", "-c", script)  # fmt: skip
    with subprocess.Popen(words, start_new_session=True, stderr=subprocess.DEVNULL) as killed:
        until = time.monotonic() + 30
        while not (repo / "began").exists() and time.monotonic() < until:
            time.sleep(0.02)
        # The whole group: the loop, git exp and the command.
        os.killpg(killed.pid, signal.SIGKILL)

    told = exp("session", "next")
    assert told.stderr == "session loop: iteration 1: failed, first: crashed\n"
    assert told.stdout == "iteration 2 of 20\n"
    said = exp("run", "--session", "@", "-n", "second", "--", "sh", "-c", "echo METRIC ms=4")
    assert said.stderr.splitlines()[-1] == "session loop: iteration 2: ms 4 (best), second"
    tried = json.loads(exp("session", "report", "--json").stdout)["tried"]
    assert [one["hypothesis"] for one in tried] == ["an idea", ""]


@pytest.mark.slow
def test_a_run_that_is_in_progress_is_one_of_the_iterations(
    begun: str, repo: Path, exp: Exp
) -> None:
    """Several loops of one session make no more results than one would."""
    exp("session", "resume", "--max-iterations", "2")
    script = "touch began; until [ -e over ]; do sleep 0.02; done; echo METRIC ms=5"
    words = ("git", "exp", "run", "--session", "@", "--", "sh", "-c", script)
    with subprocess.Popen(words, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL):
        until = time.monotonic() + 60
        while not (repo / "began").exists() and time.monotonic() < until:
            time.sleep(0.02)
        first = exp("session", "next", code=None)
        exp("session", "resume", "--max-iterations", "1", code=None)
        then = exp("session", "next", code=None)
        told = exp("session", "next", "--json", code=None)
        (repo / "over").touch()

    assert first.stdout == "iteration 2 of 2\n"
    assert (then.returncode, then.stdout) == (1, "Maximum iterations reached\n")
    assert then.stderr == "1 of them is in progress\n"
    assert json.loads(told.stdout)["reason"] == "Maximum iterations reached"
    assert exp("session", "next", code=1).stderr == ""


def test_the_loop_ends_where_nothing_gets_better(begun: str, exp: Exp) -> None:
    script = (
        "while git exp session next; do "
        "git exp run --session @ -- sh -c 'echo METRIC ms=5'; done; exit 0"
    )

    done = subprocess.run(("sh", "-c", script), capture_output=True, text=True)

    lines = [line for line in done.stdout.splitlines() if not line.startswith("METRIC")]
    assert lines == ["iteration 1 of 20", "iteration 2 of 20", "iteration 3 of 20",
                     "iteration 4 of 20", "Performance plateau detected"]  # fmt: skip
    assert done.returncode == 0
    tried = json.loads(exp("session", "report", "--json").stdout)["tried"]
    assert [one["replicate_of"] for one in tried] == [None, *[tried[0]["run"]] * 3]
    assert "4 results of the same code, 5 to 5\n" in exp("session", "report").stdout


def test_a_damaged_line_is_counted_and_passed_over(loop: str, ask: Ask, git: Git_) -> None:
    lines = git("show", "refs/sessions/loop:events.jsonl") + "\n{damaged\n"
    blob = git("hash-object", "-w", "--stdin", stdin=lines)
    tree = git("mktree", stdin=f"100644 blob {blob}\tevents.jsonl\n")
    git("update-ref", "refs/sessions/loop", git("commit-tree", tree, "-m", "x"))

    said = ask("session", "status")

    assert said.err == "warning: 1 of its events cannot be read and are passed over\n"
    assert status(ask)["damaged"] == 1


def test_completion_offers_commands_and_sessions(loop: str, exp: Exp) -> None:
    offered = exp("--offer", "session", "cl").stdout.splitlines()

    assert [line.split("\t")[1] for line in offered] == ["claim", "claims"]
    for words in (("session", "status", "-s", ""), ("run", "--session", "")):
        offered = exp("--offer", *words).stdout.splitlines()
        assert [line.split("\t")[1:] for line in offered] == [
            ["@", "the session that began last"], ["loop", "a faster kernel"],
        ]  # fmt: skip


def test_no_word_after_session_shows_its_usage(exp: Exp) -> None:
    done = exp("session", code=2)

    assert done.stdout == exp("session", "-h").stdout
    assert "\n    start                 begin a session\n" in done.stdout


def test_a_claim_on_a_remote_is_one_agents_among_clones(
    loop: str, origin: Path, other: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch, git: Git_
) -> None:
    claim = ask("session", "claim", "tile it", "--remote", "origin").out.strip()
    monkeypatch.chdir(other)
    monkeypatch.setenv("GIT_EXP_AGENT", "bob")
    ask("pull")

    refused = ask("session", "claim", "tile it", "--remote", "origin", code=1)
    assert refused.err.startswith("error: 'tile it' is claimed by Ada for ")
    ask("session", "claim", "unroll it", "--remote", "origin")
    assert ask("session", "release", claim, "--remote", "origin").out == "release: tile it\n"

    assert git("log", "--format=%s", "refs/sessions/loop", cwd=origin).splitlines() == [
        "release: tile it", "claim: unroll it", "claim: tile it", "start: a faster kernel",
    ]  # fmt: skip
    assert ask("session", "claim", "x", "--remote", "nowhere", code=3).out == ""


@pytest.mark.slow
def test_a_run_of_somebody_else_moves_no_session_of_ours(
    begun: str, origin: Path, other: Path, exp: Exp, git: Git_
) -> None:
    code = (
        "from git_exp import Experiment\n"
        "with Experiment('x', metadata={'session': 'loop'}) as exp:\n"
        "    exp.track({'ms': 1})\n"
    )
    subprocess.run(("python", "-c", code), cwd=other, check=True)
    exp("push", cwd=other)
    exp("pull")

    assert exp("session", "next").stdout == "iteration 1 of 20\n"
    said = exp("run", "--session", "@", "--", "sh", "-c", "echo METRIC ms=5").stderr
    assert "iteration 1: ms 5 (best)" in said
    assert exp("session", "record", "--run", "x").stdout == "iteration 2: ms 1 (best), x\n"


@pytest.mark.slow
def test_a_copy_that_replaces_a_run_is_no_second_result(begun: str, exp: Exp) -> None:
    exp("run", "--session", "@", "-n", "one", "--", "sh", "-c", "echo METRIC ms=5")
    exp("scrub", "one", "--path", "train.py")

    assert json.loads(exp("show", "one", "--json").stdout)["run"]["metadata"] == {"session": "loop"}
    assert exp("session", "next").stdout == "iteration 2 of 20\n"


@pytest.mark.slow
def test_what_cannot_be_run_is_a_failure_and_ends_its_loop(begun: str, repo: Path) -> None:
    script = "while git exp session next; do git exp run --session @ -p bad -- true; done; exit 0"

    done = subprocess.run(("sh", "-c", script), capture_output=True, text=True, timeout=60)

    assert done.stdout.splitlines()[-1] == "Too many consecutive failures"
    assert "session loop: iteration 1: failed, not run: a param is key=value, not 'bad'" in (
        done.stderr
    )


def test_a_result_that_cannot_be_added_costs_no_exit_code(begun: str, exp: Exp) -> None:
    script = "git update-ref -d refs/sessions/loop; exit 7"

    done = exp("run", "--session", "@", "--", "sh", "-c", script, code=7)

    assert "warning: the run is no result of session loop: no session 'loop'\n" in done.stderr
    assert "hint: git exp session record -s loop --run " in done.stderr


@pytest.mark.slow
def test_a_private_run_is_no_result(begun: str, repo: Path, exp: Exp) -> None:
    done = exp("run", "--private", "--session", "@", "--", "touch", "ran", code=125)

    said = "a private run is no result of a session"
    assert done.stderr == (
        f"session loop: iteration 1: failed, not run: {said}\n"
        f"error: {said}: others get that\nhint: leave one of them out\n"
    )
    assert not (repo / "ran").exists()
    exp("run", "--private", "-n", "own", "--", "true")
    refused = exp("session", "record", "--run", "own", code=4)
    assert "is private\n" in refused.stderr


@pytest.mark.slow
def test_an_infinite_metric_is_no_result_of_it(begun: str, exp: Exp) -> None:
    said = exp("run", "--session", "@", "--", "sh", "-c", "echo METRIC ms=-inf")

    run = json.loads(exp("log", "--json").stdout)["runs"][0]["id"][:8]
    assert "iteration 1: no ms" in said.stderr
    assert said.stderr.endswith(
        f"warning: ms has diverged: the result has no ms\nhint: git exp show {run}\n"
    )
    assert json.loads(exp("session", "status", "--json").stdout)["best"] is None


def test_switched_off_a_command_runs_and_nothing_is_recorded(
    begun: str, repo: Path, tmp_path: Path, exp: Exp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_EXP_DISABLED", "1")

    assert (
        exp("run", "--session", "@", "--", "sh", "-c", "echo hi; exit 3", code=3).stdout == "hi\n"
    )
    assert exp("run", "--", "no-such-command", code=127).stdout == ""
    assert exp("run", "--", "echo", "hi", cwd=tmp_path).stdout == "hi\n"
    monkeypatch.delenv("GIT_EXP_DISABLED")
    assert exp("log", code=None).stdout == ""


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--goal", " "), "error: --goal is blank\n"),
        (("--goal", "g", "--metric", ""), "error: --metric is blank\n"),
        (
            ("--goal", "g", "--metric", "-ms"),
            "error: a metric's name does not begin with '-'\n"
            "hint: --metric ms --direction minimize\n",
        ),
        (("--goal", "g", "--metric", "a=b"), "error: a metric's name has neither '=' nor blanks\n"),
        (("--data", "", "--target", "y", "--task", "regression"), "error: --data is blank\n"),
    ],
)
def test_a_blank_is_no_value(args: tuple[str, ...], said: str, ask: Ask, git: Git_) -> None:
    assert ask("session", "start", *args, code=2).err.startswith(said)
    assert git("for-each-ref", "refs/sessions") == ""


def test_what_changes_nothing_says_so_and_is_no_event(loop: str, ask: Ask, git: Git_) -> None:
    assert ask("session", "resume").err == "it goes on already\n"
    ask("session", "pause")
    before = git("rev-parse", "refs/sessions/loop")
    assert ask("session", "pause").err == "it is paused already\n"
    assert git("rev-parse", "refs/sessions/loop") == before
    ask("session", "stop", "-m", "enough")
    assert ask("session", "claim", "x").err.startswith("warning: session loop: Agent determined")
    assert "Stopped:     enough\n" in ask("session", "status").out


def test_a_named_agent_takes_up_its_claim_again(
    loop: str, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_EXP_AGENT", "bob")
    claim = ask("session", "claim", "tile it").out

    assert ask("session", "claim", "tile it", "--ttl", "1h").out == claim
    assert len(ask("session", "claims").out.splitlines()) == 2


def test_a_claim_by_the_user_of_git_may_be_ones_own(loop: str, ask: Ask) -> None:
    claim = ask("session", "claim", "tile it").out.strip()

    assert ask("session", "claim", "tile it", code=1) == (
        "",
        "error: 'tile it' is claimed by Ada for 30 min 00 s more, which is you unless several"
        " agents work under that name\n"
        "hint: GIT_EXP_AGENT=NAME tells them apart; if it is yours, go on, or free it:"
        f" git exp session release {claim}\n",
    )


def test_a_session_that_is_over_is_told_of_when_it_is_stopped(loop: str, ask: Ask) -> None:
    assert ask("session", "stop", "-m", "enough") == (
        "stop: enough\n", "the session ends: Agent determined further improvement unlikely\n",
    )  # fmt: skip

    assert ask("session", "stop") == (
        "", "session loop was over already: Agent determined further improvement unlikely\n",
    )  # fmt: skip
    assert "Stopped:     enough\n" in ask("session", "status").out


@pytest.mark.parametrize(("limit", "why"), [
    (("--max-iterations", "1"), "Maximum iterations reached"),
    (("--time-budget", "60"), "Time budget exhausted"),
])  # fmt: skip
def test_of_a_session_that_is_over_only_its_agents_words_are_kept(
    limit: tuple[str, ...], why: str, ask: Ask, git: Git_, clock: Clock
) -> None:
    ask(*GOAL, *limit)
    ask("session", "record", "--metric", "ms=9")
    clock.move(100)
    before = git("rev-parse", "refs/sessions/loop")

    assert ask("session", "stop") == ("", f"session loop was over already: {why}\n")
    assert git("rev-parse", "refs/sessions/loop") == before
    said = ask("session", "stop", "-m", "enough")
    assert said.out == "stop: enough\n"
    assert said.err.endswith(f"session loop was over already: {why}\n")
    assert ask("session", "next", code=1).out == f"{why}\n"


def test_a_damaged_session_is_told_of(loop: str, ask: Ask, git: Git_) -> None:
    git("update-ref", "refs/sessions/broken", "HEAD")

    assert ask("session", "list").err.startswith(
        "warning: session 'broken' is passed over: commit "
    )
    head = git("rev-parse", "HEAD")[:12]
    assert ask("session", "status", "-s", "broken", code=5).err == (
        f"fatal: commit {head} is none of a session: no events.jsonl\n"
        f"hint: see what it was: git log --stat {head}\n"
    )
    assert ask("session", "status", "-s", "bro", code=3).err.endswith(
        "hint: give 4 characters of its id or more\n"
    )
