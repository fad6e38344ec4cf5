"""The tools that add to records, and that they are there only where their user says so."""

from __future__ import annotations

from typing import Any

import pytest
from mcp import Client, MCPError

from git_exp.session import events, history
from git_exp.session.models import ExperimentConfig, ExperimentResult
from tests.agent.conftest import Agent
from tests.cli.conftest import Git_, Runs

WRITING: dict[str, dict[str, Any]] = {
    "note": {"run": "@", "text": "a"},
    "tag": {"run": "@", "tags": ["a"]},
    "claim": {"idea": "a"},
}


def test_a_note_is_added(runs: Runs, writer: Agent) -> None:
    run_id = runs.add("base")

    first = writer.ask("note", run="base", text=" it\nworks \n")
    second = writer.ask("note", run="base", text="again")

    assert (first["run"], first["notes"], second["notes"]) == (run_id, 1, 2)
    assert [one["text"] for one in writer.ask("show")["notes"]] == ["it\nworks", "again"]


def test_tags_are_added_once(runs: Runs, writer: Agent, git: Git_) -> None:
    runs.add("base", tags=["old"])

    first = writer.ask("tag", run="@", tags=["old", "new"])
    tip = git("rev-parse", "refs/notes/exp")
    second = writer.ask("tag", run="@", tags=["new"])

    assert (first["tags"], first["added"]) == (["old", "new"], ["new"])
    assert (second["tags"], second["added"]) == (["old", "new"], [])
    assert git("rev-parse", "refs/notes/exp") == tip


def test_an_idea_is_claimed_by_one(writer: Agent) -> None:
    history.start(writer.desk.store.repo, ExperimentConfig(goal="g"), session_id="loop")

    made = writer.ask("claim", idea="cosine schedule", ttl=60, by="bob")
    refused = writer.refused("claim", {"idea": "Cosine  schedule"})
    near = writer.ask("claim", idea="a schedule: cosine")

    assert (made["session"], made["near"], made["taken_over"]) == ("loop", [], None)
    assert refused.startswith("'cosine schedule' is claimed by bob for")
    assert [one["idea"] for one in near["near"]] == ["cosine schedule"]
    held = writer.ask("sessions", session="@")["claims"]
    assert [one["by"] for one in held] == ["bob", "Ada"]


def test_without_leave_they_are_neither_listed_nor_called(
    runs: Runs, agent: Agent, git: Git_
) -> None:
    runs.add("base")
    history.start(agent.desk.store.repo, ExperimentConfig(goal="g"), session_id="loop")
    before = git("for-each-ref")

    async def talk(client: Client) -> set[str]:
        for tool, given in WRITING.items():
            with pytest.raises(MCPError, match=f"tool '{tool}' adds to records: .* --write"):
                await client.call_tool(tool, given)
        return {one.name for one in (await client.list_tools()).tools}

    assert not WRITING.keys() & agent.talk(talk)
    assert git("for-each-ref") == before


def test_a_run_that_is_tagged_tainted_is_no_success_of_its_session(
    runs: Runs, writer: Agent
) -> None:
    run_id = runs.add("leaked", metrics={"ms": [0.1]})
    repo = writer.desk.store.repo
    config = ExperimentConfig(goal="g", primary_metric="ms", direction="minimize")
    history.start(repo, config, session_id="loop")
    told = ExperimentResult(
        experiment_name="leaked", iteration=1, metrics={"ms": 0.1}, run_id=run_id
    )
    history.add(repo, "loop", lambda _, now: events.Result(t=now, result=told))

    writer.ask("tag", run="@", tags=["odd"])
    assert history.read(repo, "loop").state.best_metric == 0.1
    writer.ask("tag", run="@", tags=["tainted"])

    assert history.read(repo, "loop").state.best_metric is None


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("note", {"run": "@", "text": " \n"}, "a note must not be blank"),
    ("note", {"run": "@", "text": "x" * 100_001}, "bad argument 'text': expected 'str' of"),
    ("note", {"run": "@", "text": "a\0b"}, "bad argument 'text': it has a NUL character"),
    ("note", {"run": "nobody", "text": "a"}, "no run 'nobody'"),
    ("tag", {"run": "@", "tags": []}, "bad argument 'tags': expected 'array' of length >= 1"),
    ("tag", {"run": "@", "tags": ["a\nb"]}, "a tag is one line of text"),
    ("tag", {"run": "@", "tags": ["a"] * 51}, "bad argument 'tags': expected 'array' of"),
    ("claim", {"idea": "a", "ttl": 0}, "bad argument 'ttl': expected 'float' > 0"),
    ("claim", {"idea": "a", "ttl": 1e9}, "bad argument 'ttl': expected 'float' <= 604800"),
    ("claim", {"idea": "a"}, "there are no sessions yet"),
    ("claim", {"idea": "a", "session": "../x"}, "a session is no path"),
]


def test_what_is_wrong_is_refused_and_nothing_is_added(
    runs: Runs, writer: Agent, git: Git_
) -> None:
    runs.add("base")
    before = git("for-each-ref")

    for tool, given, said in REFUSED:
        assert writer.refused(tool, given)[: len(said)] == said

    assert git("for-each-ref") == before
