"""For tests of what agents are given: the official client in this process, and runs to ask for."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest
from jsonschema import Draft202012Validator
from mcp import Client
from mcp.types import CallToolResult, TextContent

from git_exp.agent import server, tools, writing
from git_exp.agent.tool import Desk
from git_exp.index.search import Indexed
from tests.cli.conftest import Git_, Runs

T = TypeVar("T")


TOOLS = {one.name: one for one in (*tools.TOOLS, *writing.TOOLS)}


class Agent:
    """Calls tools as a server does, and checks each answer against its schema as a client does."""

    def __init__(self, desk: Desk, *, write: bool = False) -> None:
        self.desk, self.write = desk, write

    def ask(self, tool: str, **given: Any) -> dict[str, Any]:
        """The answer, which its text repeats."""
        return checked(tool, server.called(self.desk, TOOLS[tool], given))

    def refused(self, tool: str, given: Mapping[str, Any]) -> str:
        """The error that a call ends with."""
        found = server.called(self.desk, TOOLS[tool], given)
        assert found.is_error, text(found)
        return text(found)

    def talk(self, what: Callable[[Client], Awaitable[T]]) -> T:
        """What comes of talking to a server by the official client."""

        async def talking() -> T:
            async with Client(server.made(self.desk, write=self.write)) as client:
                return await what(client)

        return asyncio.run(talking())


def checked(tool: str, found: CallToolResult) -> dict[str, Any]:
    """The answer that a tool gave, true to its schema."""
    assert not found.is_error, text(found)
    assert isinstance(found.structured_content, dict)
    assert json.loads(text(found)) == found.structured_content
    validator(tool).validate(found.structured_content)
    return found.structured_content


@cache
def validator(tool: str) -> Any:
    return Draft202012Validator(server.listed(TOOLS[tool]).output_schema)


def text(found: CallToolResult) -> str:
    """The text of an answer."""
    (part,) = found.content
    assert isinstance(part, TextContent)
    return part.text


@pytest.fixture
def runs(repo: Path, git: Git_) -> Runs:
    return Runs(git)


@pytest.fixture
def desk(repo: Path) -> Iterator[Desk]:
    store = Indexed.open(repo, os.environ)
    yield Desk(store, repo, dict(os.environ))
    store.close()


@pytest.fixture
def agent(desk: Desk) -> Agent:
    """One that may only look."""
    return Agent(desk)


@pytest.fixture
def writer(desk: Desk) -> Agent:
    """One that may add to the records."""
    return Agent(desk, write=True)
