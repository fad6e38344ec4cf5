"""git exp mcp: how it starts, serves and ends; its tools are tested in tests/agent."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from tests.cli.conftest import Ask, Runs
from tests.conftest import Exp

pytestmark = pytest.mark.usefixtures("repo")
PATIENCE = 60.0
HELLO = {"protocolVersion": "2025-06-18", "capabilities": {},
         "clientInfo": {"name": "test", "version": "1"}}  # fmt: skip
# A library that writes to stdout while a tool is at it.
NOISY = """
import os, sys
from git_exp.index.search import Indexed
select = Indexed.select
def noisy(self, wanted):
    print("noise", flush=True)
    os.write(1, b"more noise\\n")
    os.system("echo child; cat")
    return select(self, wanted)
Indexed.select = noisy
sys.argv = ["git-exp", "mcp"]
from git_exp.__main__ import main
sys.exit(main())
"""


class Server:
    """A server as a process, talked to line by line."""

    def __init__(self, *words: str, cwd: Path | None = None) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, cwd=cwd)
        self._id = 0

    def send(self, line: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The response to a request; whatever else is on stdout fails."""
        self._id += 1
        told = {"jsonrpc": "2.0", "id": self._id, "method": method, "params": params}
        self.send(json.dumps(told).encode())
        assert self.process.stdout
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        assert found["id"] == self._id
        return found

    def hello(self) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("initialize", HELLO)["result"]
        self.send(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
        return found

    def call(self, tool: str, **given: Any) -> dict[str, Any]:
        told = self.ask("tools/call", {"name": tool, "arguments": given})
        found: dict[str, Any] = told.get("result", told)
        return found

    def end(self) -> tuple[bytes, str]:
        out, err = self.process.communicate(timeout=PATIENCE)
        return out, err.decode()


@contextmanager
def serving(*words: str, cwd: Path | None = None) -> Iterator[Server]:
    server = Server(*words, cwd=cwd)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.communicate()


@pytest.mark.slow
def test_the_official_client_starts_it_and_sees_what_happens_meanwhile(
    runs: Runs, repo: Path, exp: Exp
) -> None:
    runs.add("base", metrics={"acc": [0.5]})
    command = StdioServerParameters(
        command="git", args=["exp", "mcp"], env=dict(os.environ), cwd=repo
    )

    async def talk() -> None:
        async with Client(command) as client:
            names = [one.name for one in (await client.list_tools()).tools]
            assert names == ["brief", "log", "show", "diff", "series", "best", "verdict", "seen",
                             "sessions"]  # fmt: skip
            first = await client.call_tool("best", {"metric": "acc"})
            assert first.structured_content
            assert first.structured_content["run"]["name"] == "base"
            exp("run", "-n", "later", "sh", "-c", "echo METRIC acc=0.75")
            exp("tag", "base", "tainted")
            second = await client.call_tool("best", {"metric": "acc"})
            assert second.structured_content
            assert second.structured_content["run"]["name"] == "later"
            refused = await client.call_tool("show", {"run": "../x"})
            assert refused.is_error

    asyncio.run(talk())


@pytest.mark.slow
def test_the_end_of_stdin_is_its_end(exp: Exp) -> None:
    done = exp("mcp")

    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.slow
def test_whatever_is_sent_it_goes_on_and_writes_nothing_but_answers(runs: Runs) -> None:
    runs.add("base")
    with serving(sys.executable, "-c", NOISY) as server:
        told = server.hello()
        assert told["serverInfo"]["name"] == "git-exp"
        for line in (b"no json", b"{}", b"[1]", b"\xff\xfe", b"[" * 100_000, b"x" * 10_000_000,
                     b'{"jsonrpc":"2.0","method":"nothing"}'):  # fmt: skip
            server.send(line)
        assert server.ask("nothing/such", {})["error"]["code"] == -32601
        assert server.ask("tools/call", {"name": 7})["error"]["code"] == -32602
        large = server.call("show", run="x" * 10_000_000)
        assert large["isError"]
        assert len(json.dumps(large)) < 500
        assert server.call("note", run="@", text="a")["error"]["code"] == -32602
        found = server.call("log")["structuredContent"]
        assert [one["name"] for one in found["runs"]] == ["base"]
        out, err = server.end()

    assert (out, server.process.returncode) == (b"", 0)
    assert err.splitlines()[-3:] == ["noise", "more noise", "child"]
    assert "Traceback" not in err


BROKEN = """
import asyncio, os, signal, sys
from git_exp.agent import server
from git_exp.cli import ending

class Broken:
    def create_initialization_options(self):
        pass

    async def run(self, *streams):
        if sys.argv[1] == "interrupted":
            asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGINT)
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                pass
        raise ExceptionGroup("a task group", [OSError("a stream that is gone")])

server.made = lambda desk, write: Broken()
sys.exit(ending.code(["mcp"]))
"""


@pytest.mark.slow
def test_what_an_interrupt_leaves_broken_is_no_fault(runs: Runs) -> None:
    """The tasks of a server may each fail on their way out, as the streams go."""

    def ended(how: str) -> tuple[int, str]:
        words = (sys.executable, "-c", BROKEN, how)
        with subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as server:
            err = server.communicate(timeout=PATIENCE)[1].decode()
        return server.returncode, err

    assert ended("interrupted") == (130, "")
    code, err = ended("alone")
    assert (code, err.partition(": unhandled")[0]) == (5, "fatal: internal error: ExceptionGroup")


@pytest.mark.slow
def test_an_interrupt_ends_it_at_once(runs: Runs) -> None:
    with serving(sys.executable, "-m", "git_exp", "mcp") as server:
        server.hello()
        began = time.monotonic()
        server.process.send_signal(signal.SIGINT)
        # Its stdin stays open meanwhile.
        server.process.wait(timeout=PATIENCE)
        out, err = server.process.communicate()

    assert time.monotonic() - began < PATIENCE / 4
    assert (out, err, server.process.returncode) == (b"", b"", 130)


@pytest.mark.slow
def test_with_write_it_adds_to_records(runs: Runs, exp: Exp) -> None:
    runs.add("base")
    with serving(sys.executable, "-m", "git_exp", "mcp", "--write") as server:
        server.hello()
        assert server.call("tag", run="base", tags=["good"])["structuredContent"]["added"]
        server.end()

    assert exp("log", "--format=%n %t").stdout == "base good\n"


@pytest.mark.slow
def test_no_tool_goes_to_the_network(origin: Path, other: Path, runs: Runs, exp: Exp) -> None:
    run_id = runs.add("base", "x = 2\n")
    exp("push")
    exp("pull", cwd=other)
    with serving("git", "exp", "mcp", cwd=other) as server:
        server.hello()
        refused = server.call("diff", run="base")
        shown = server.call("show", run="base")["structuredContent"]
        server.end()

    assert refused["isError"]
    assert refused["content"][0]["text"].startswith("the code of run 11111111 is not here")
    assert (shown["id"], shown["changes"]) == (run_id, None)


def test_without_the_package_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['mcp'] = None; sys.argv = ['git-exp', 'mcp'];"
        "from git_exp.__main__ import main; sys.exit(main())"
    )

    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, input="")

    assert (done.stdout, done.returncode) == ("", 2)
    assert done.stderr == "error: serving agents needs mcp\nhint: pip install 'git-exp[mcp]'\n"


def test_outside_of_a_repository_it_does_not_start(exp: Exp, tmp_path: Path) -> None:
    done = exp("mcp", code=5, cwd=tmp_path)

    assert done.stdout == ""
    assert done.stderr.startswith("fatal: not a git repository")


def test_no_other_command_imports_it() -> None:
    code = (
        "import sys; sys.argv = ['git-exp', 'log'];"
        "from git_exp.__main__ import main; main(); print({'mcp', 'pydantic'} & set(sys.modules))"
    )

    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True)

    assert done.stdout == "set()\n"


def test_its_page_names_what_it_takes(ask: Ask) -> None:
    assert "--write" in ask("mcp", "-h").out
