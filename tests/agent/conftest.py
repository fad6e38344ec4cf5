"""For tests of what agents are given: the official client in this process, and runs to ask for."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPError
from mcp.types import CallToolResult, ListToolsResult, TextContent

from git_exp.agent import server
from git_exp.agent.tool import Desk
from git_exp.index.search import Indexed
from tests.cli.conftest import Git_, Runs


class Agent:
    """Calls tools as the official client does, which checks each answer against its schema."""

    def __init__(self, desk: Desk, *, write: bool = False) -> None:
        self.desk, self.write = desk, write

    def ask(self, tool: str, **given: Any) -> dict[str, Any]:
        """The answer, which its text repeats."""
        found = self.call(tool, given)
        assert not found.is_error, text(found)
        assert isinstance(found.structured_content, dict)
        assert json.loads(text(found)) == found.structured_content
        return found.structured_content

    def refused(self, tool: str, **given: Any) -> str:
        """The error that a call ends with."""
        found = self.call(tool, given)
        assert found.is_error, text(found)
        return text(found)

    def call(self, tool: str, given: dict[str, Any]) -> CallToolResult:
        async def called() -> CallToolResult | MCPError:
            async with Client(server.made(self.desk, write=self.write)) as client:
                try:
                    return await client.call_tool(tool, given)
                except MCPError as error:
                    # Out of here it would be one of a group.
                    return error

        found = asyncio.run(called())
        if isinstance(found, MCPError):
            raise found
        return found

    def listed(self) -> ListToolsResult:
        async def listing() -> ListToolsResult:
            async with Client(server.made(self.desk, write=self.write)) as client:
                return await client.list_tools()

        return asyncio.run(listing())


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
