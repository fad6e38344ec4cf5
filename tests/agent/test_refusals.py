"""Arguments that no tool takes: an error in few words, quickly, and the server goes on."""

from __future__ import annotations

import math
from typing import Any

import pytest
from mcp import Client, MCPError

from git_exp import errors
from git_exp.agent import arguments, bounds, wire
from tests.agent.conftest import Agent, text
from tests.cli.conftest import Runs

HUGE = "q" * 10_000_000


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("show", {"run": "../../etc/passwd"}, "a run is no path\nhint: a run is named by"),
    ("show", {"run": "/etc/passwd"}, "a run is no path"),
    ("show", {"run": "~/x"}, "a run is no path"),
    ("show", {"run": "a/../../b"}, "a run is no path"),
    ("show", {"run": "..\\x"}, "a run is no path"),
    ("show", {"run": "--output=/tmp/x"}, "a run does not begin with '-'"),
    ("show", {"run": "a\nb"}, "a run is one line of text"),
    ("show", {"run": "a\0b"}, "bad argument 'run': it has a NUL character"),
    ("show", {"run": "\ud800"}, "bad argument 'run': it is no UTF-8"),
    ("show", {"run": ""}, "bad argument 'run': expected 'str' of length >= 1"),
    ("show", {"run": "x" * 201}, "bad argument 'run': expected 'str' of length <= 200"),
    ("show", {"run": 7}, "bad argument 'run': expected 'str', got 'int'"),
    ("show", {"ruin": "@"}, "there is no argument 'ruin'"),
    ("show", {HUGE[:5000]: 1}, "there is no argument 'qqqqq"),
    ("show", {"run": "nobody"}, "no run 'nobody'\nhint: list them: git exp log"),
    ("diff", {}, "missing argument 'run'"),
    ("diff", {"run": "@", "other": "--no-index"}, "a revision does not begin with '-'"),
    ("diff", {"run": "@", "paths": ["../.."]}, "'../..' is outside repository"),
    ("diff", {"run": "@", "paths": ["x"] * 101}, "bad argument 'paths': expected 'array'"),
    ("log", {"limit": 0}, "bad argument 'limit': expected 'int' >= 1"),
    ("log", {"limit": 101}, "bad argument 'limit': expected 'int' <= 100"),
    ("log", {"limit": 2.5}, "bad argument 'limit': expected 'int', got 'float'"),
    ("log", {"limit": math.nan}, "bad argument 'limit': expected a finite number"),
    ("log", {"where": "lr <"}, "bad expression: expected a value after '<'"),
    ("log", {"where": "(" * 5_000}, "bad expression: it is nested more than 50 deep"),
    ("log", {"where": "not " * 2_000 + "lr"}, "bad expression: it is nested more than 50"),
    ("log", {"where": "a" * 10_001}, "bad argument 'where': expected 'str' of length <="),
    ("log", {"where": "name ~ '" + "a" * 2_000 + "'"}, "bad expression: a pattern of more"),
    ("log", {"where": "name ~ '" + "((a{1,99}){1,99}){1,99}'"}, "bad expression: bad pattern"),
    ("log", {"since": "no such day"}, "'no such day' is no date"),
    ("log", {"sort": "nothing"}, "no field, param or metric is called 'nothing'"),
    ("series", {"run": "@", "metric": "nothing"}, "run 11111111 has no metric 'nothing'"),
    ("series", {"run": "@", "metric": "acc", "points": 501}, "bad argument 'points':"),
    ("best", {"metric": "acc", "direction": "up"}, "bad argument 'direction': no value"),
    ("best", {"metric": "ac"}, "no run has a metric 'ac'\nhint: did you mean acc?"),
    ("best", {"metric": "acc", "where": "acc > 5"}, "no finished run that fits has a number"),
    ("seen", {"command": "python"}, "bad argument 'command': expected 'array | null', got"),
    ("seen", {"params": {"lr": [1]}}, "bad argument 'params"),
    ("seen", {"params": {"lr": math.inf}}, "bad argument 'params': expected a finite"),
    ("sessions", {"session": "none"}, "no session 'none'"),
    ("sessions", {"session": "-x"}, "a session does not begin with '-'"),
    ("brief", {"session": "../x"}, "a session is no path\nhint: a session is named by"),
    ("verdict", {"baseline": "--all"}, "a run does not begin with '-'\nhint: a run is named by"),
]  # fmt: skip


def test_what_is_wrong_is_refused_in_few_words(runs: Runs, agent: Agent) -> None:
    runs.add("base", metrics={"acc": [0.5]})

    for name, given, said in REFUSED:
        found = agent.refused(name, given)

        assert found[: len(said)] == said
        assert len(found) < 1_000


def test_the_official_client_is_told_so_too(runs: Runs, agent: Agent) -> None:
    runs.add("base", metrics={"acc": [0.5]})

    async def talk(client: Client) -> None:
        for name, given, said in REFUSED[::3]:
            found = await client.call_tool(name, given)

            assert found.is_error
            assert text(found)[: len(said)] == said

    agent.talk(talk)


def test_ten_megabytes_are_refused_and_not_repeated(agent: Agent) -> None:
    for given in ({"run": HUGE}, {HUGE: 1}, {"run": [[[HUGE]]]}, {"run": ["q"] * 2_000_000}):
        said = agent.refused("show", given)

        assert said == "the arguments are larger than 1,000,000 characters"


def test_what_is_nested_too_deeply_is_refused(agent: Agent) -> None:
    deep: Any = []
    for _ in range(5_000):
        deep = [deep]

    said = agent.refused("show", {"run": deep})

    assert said == "bad argument 'run': nested more than 16 deep"


def test_an_unknown_tool_is_told_so_in_few_words(agent: Agent) -> None:
    async def talk(client: Client) -> str:
        with pytest.raises(MCPError) as refusal:
            await client.call_tool("x" * 5_000, {})
        return refusal.value.error.message

    assert agent.talk(talk) == f"no tool '{'x' * 40}'"


def test_a_fault_of_ours_ends_the_call_alone(
    agent: Agent, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(agent.desk.store, "select", lambda wanted: 1 / 0)
        said = agent.refused("log", {})

    assert said == "internal error: ZeroDivisionError"
    assert capfd.readouterr() == ("", "git exp mcp: log: ZeroDivisionError: division by zero\n")
    assert agent.ask("log")["runs"] == []


def test_an_error_is_shown_harmless_and_short() -> None:
    error = errors.NotFound("no run '\x1b[2J'", hint="y" * 5_000)

    said = bounds.refusal(error)

    assert said.startswith("no run '^[[2J'\nhint: yyy")
    assert len(said) < 2_100


def test_arguments_within_all_limits_pass() -> None:
    found = wire.arguments(arguments.Note, {"run": "@", "text": "x" * 100_000})

    assert isinstance(found, arguments.Note)
