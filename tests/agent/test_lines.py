"""Lines of a descriptor: whole however they come, and an end whenever it is asked for."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator

import pytest

from git_exp.agent import lines
from git_exp.agent.lines import Lines


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    os.close(ends[0])


def read(fd: int) -> list[str]:
    async def every() -> list[str]:
        return [line async for line in Lines(fd)]

    return asyncio.run(every())


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        ([b"a\nb\n"], ["a\n", "b\n"]),
        ([b"a", b"b\nc", b"\n\nd"], ["ab\n", "c\n", "\n", "d"]),
        ([], []),
        ([b"\xff\n"], ["\ufffd\n"]),
        ([b"x" * 300_000, b"\ny"], ["x" * 300_000 + "\n", "y"]),
    ],
)
def test_lines_come_whole(parts: list[bytes], found: list[str], pipe: tuple[int, int]) -> None:
    def feed() -> None:
        for part in parts:
            view = memoryview(part)
            while view:
                view = view[os.write(pipe[1], view) :]
        os.close(pipe[1])

    feeder = threading.Thread(target=feed)
    feeder.start()

    assert read(pipe[0]) == found
    feeder.join()


def test_a_line_that_is_far_too_long_is_passed_over(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LONGEST", 1_000)
    monkeypatch.setattr(lines, "_BLOCK", 64)
    os.write(pipe[1], b"x" * 5_000 + b"\nnext\n")
    os.close(pipe[1])

    passed, after = read(pipe[0])

    assert len(passed) < 1_100
    assert after == "next\n"


def test_it_ends_when_it_is_told_to_though_nothing_comes(pipe: tuple[int, int]) -> None:
    async def waiting() -> list[str]:
        source = Lines(pipe[0])
        asyncio.get_running_loop().call_later(0.05, source.stop)
        return [line async for line in source]

    assert asyncio.run(waiting()) == []
    os.close(pipe[1])
