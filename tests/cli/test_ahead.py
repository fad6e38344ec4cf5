"""Which way a metric is better: said with it, else by a session, else by its name, else assumed."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Ask, Git_, Runs
from tests.conftest import Clock

pytestmark = pytest.mark.usefixtures("repo")
BEGUN = ("session", "start", "--goal", "g", "--metric", "widgets")
WARNED = (
    "warning: higher widgets is taken for better: neither its name nor a session says\n"
    "hint: if it is not: {}\n"
)


@pytest.fixture
def three(runs: Runs) -> Runs:
    for at, count in enumerate((9, 5, 12)):
        runs.add(f"of{count}", f"x = {at}\n", metrics={"widgets": [count], "ms": [count]})
    return runs


@pytest.mark.parametrize(
    "words",
    [
        ("show", "@{best:widgets}", "--json"),
        ("best", "widgets", "--json"),
        ("promote", "best", "--metric", "widgets", "--json"),
        ("restore", "best", "--metric", "widgets", "--json"),
        ("verdict", "@", "--metric", "widgets", "--json"),
        ("brief", "--metric", "widgets", "--json"),
    ],
)
@pytest.mark.parametrize("over", [False, True])
def test_what_a_session_says_goes_for_all(
    three: Runs, ask: Ask, words: tuple[str, ...], over: bool
) -> None:
    ask(*BEGUN, "--direction", "minimize")
    if over:
        ask("session", "stop")

    said = ask(*words, code=words[0] == "verdict")

    assert "22222222" in said.out.split('"notes"')[0]
    assert "taken for better" not in said.err


def test_the_path_of_the_tree_leads_to_that_run(three: Runs, ask: Ask) -> None:
    ask(*BEGUN, "--direction", "minimize")

    told = json.loads(ask("tree", "--metric", "widgets", "--json").out)

    assert (told["higher_is_better"], told["path"][-1][:8]) == (False, "22222222")


def test_what_is_said_with_the_metric_comes_first(three: Runs, ask: Ask) -> None:
    ask(*BEGUN, "--direction", "minimize")

    assert ask("best", "widgets", "--max", "--format=%n") == ("of12\n", "")
    assert ask("best", "--format=%n", "--", "+widgets") == ("of12\n", "")


def test_the_newest_session_that_says_it_decides(three: Runs, ask: Ask, clock: Clock) -> None:
    ask(*BEGUN, "--direction", "minimize")
    clock.move(1)
    ask(*BEGUN, "--direction", "maximize")
    clock.move(1)
    ask(*BEGUN)

    assert ask("best", "widgets", "--format=%n") == ("of12\n", "")


def test_a_process_of_a_session_asks_that_one(
    three: Runs, ask: Ask, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    mine = ask(*BEGUN, "--direction", "minimize").out.strip()
    clock.move(1)
    ask(*BEGUN, "--direction", "maximize")
    monkeypatch.setenv("GIT_EXP_SESSION", mine)

    told = json.loads(ask("tree", "--metric", "widgets", "--json").out)

    assert told["path"][-1][:8] == "22222222"


def test_a_session_is_believed_before_a_name(three: Runs, ask: Ask) -> None:
    ask("session", "start", "--goal", "g", "--metric", "ms", "--direction", "maximize")

    assert ask("best", "ms", "--format=%n").out == "of12\n"


def test_what_nobody_says_is_assumed_aloud(three: Runs, ask: Ask) -> None:
    assert ask("best", "widgets", "--format=%n") == ("of12\n", WARNED.format("--min"))
    assert ask("promote", "best", "--metric", "widgets").err.startswith(
        WARNED.format("--metric -widgets")
    )
    assert (
        "note: higher is taken for better; --min or -NAME says otherwise\n"
        in ask("verdict", "--metric", "widgets", code=1).out
    )
    assert "taken for" not in ask("verdict", "--metric", "widgets", "--max", code=1).out
    assert ask("best", "--format=%n", "--", "-widgets").err == ""
    assert ask("best", "ms", "--format=%n").err == ""


def test_of_several_metrics_it_is_that_of_the_session_that_goes_on(three: Runs, ask: Ask) -> None:
    commands = [("restore", "best", "--json"), ("promote", "best", "--json"),
                ("verdict", "@", "@~2", "--json"), ("tree", "--json")]  # fmt: skip
    for words in commands[:3]:
        assert "--metric" in ask(*words, code=2 if words[0] == "verdict" else 3).err
    assert json.loads(ask("tree", "--json").out)["metric"] is None

    ask(*BEGUN, "--direction", "minimize")

    assert json.loads(ask(*commands[0]).out)["run"][:8] == "22222222"
    assert json.loads(ask(*commands[1]).out)["run"][:8] == "22222222"
    told = json.loads(ask(*commands[2], code=1).out)
    assert (told["metric"], told["higher_is_better"]) == ("widgets", False)
    assert json.loads(ask(*commands[3]).out)["path"][-1][:8] == "22222222"
    ask("session", "stop")
    assert "--metric" in ask(*commands[2], code=2).err


def test_a_session_of_another_metric_says_nothing_of_these(three: Runs, ask: Ask) -> None:
    ask("session", "start", "--goal", "g", "--metric", "loss")

    assert ask("verdict", "@", "@~2", code=2).err.startswith("error: both runs have several")


@pytest.mark.parametrize("end", ["elsewhere", "time", "damaged"])
def test_a_session_that_does_not_go_on_here_decides_nothing(
    end: str, three: Runs, ask: Ask, git: Git_, clock: Clock
) -> None:
    """One that somebody else has begun, one whose time is over, and one that cannot be read."""
    ask(*BEGUN, "--direction", "minimize", "--id", "loop", "--time-budget", "60")
    assert ask("verdict", "@", "@~2", code=1).err == (
        "by widgets, the metric of the session that goes on\n"
    )
    if end == "elsewhere":
        git("update-ref", "refs/sessions/theirs", "refs/sessions/loop")
        git("update-ref", "-d", "refs/sessions/loop")
    elif end == "time":
        clock.move(61)
    else:
        git("update-ref", "refs/sessions/loop", "HEAD")

    assert ask("verdict", "@", "@~2", code=2).err.startswith("error: both runs have several")
    assert ask("restore", "best", code=3).err.startswith("fatal: which metric the best run is")
    assert json.loads(ask("tree", "--json").out)["metric"] is None
