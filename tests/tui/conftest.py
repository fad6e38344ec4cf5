"""For tests of the terminal UI: the application without a terminal, its keys, and what it shows."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from git_exp.index.search import Indexed, Selection
from git_exp.tui.app import Browser
from git_exp.tui.detail import Detail
from git_exp.tui.grid import Grid
from tests.cli.conftest import Git_, Runs
from tests.conftest import Clock

SNAPSHOTS = Path(__file__).parent / "snapshots"
PATIENCE = 30.0


class Shown:
    """A running application: keys go in, text comes out."""

    def __init__(self, app: Browser, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot

    async def press(self, *keys: str) -> None:
        """Press keys, and wait until all that they asked for is shown."""
        for key in keys:
            await self.pilot.press(key)
        await self.settled()

    async def type(self, text: str) -> None:
        """Type text, then wait."""
        names = {" ": "space", "<": "less_than_sign", ">": "greater_than_sign"}
        await self.press(*(names.get(sign, sign) for sign in text))

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        await self.until(lambda: not self.app.runs.pending)
        await self.pilot.pause()

    async def until(self, true: Callable[[], object]) -> None:
        """Wait for something, but not for ever."""
        end = time.monotonic() + PATIENCE
        await self.pilot.pause()
        while not true():
            assert time.monotonic() < end, f"it never came:\n{self.text}"
            await self.pilot.pause(0.01)

    async def sees(self, words: str) -> None:
        """Wait until some words are on the screen."""
        await self.until(lambda: words in self.text)

    @property
    def text(self) -> str:
        """What the screen shows, without colours."""
        strips = self.app.screen._compositor.render_strips(self.app.size)
        return "\n".join(strip.text.rstrip() for strip in strips)

    @property
    def grid(self) -> Grid:
        return self.app.runs.query_one(Grid)

    @property
    def detail(self) -> Detail:
        return self.app.runs.query_one(Detail)

    @property
    def names(self) -> list[str]:
        """The names of the runs in the table."""
        return [run.name for run in self.grid.rows.runs]

    @property
    def selected(self) -> str:
        run = self.grid.run
        return run.name if run else ""

    def snapshot(self, name: str) -> None:
        """The screen is as a picture of it that was looked at; delete the file to make it anew."""
        drawn = re.sub(r"terminal-\d+", "terminal", self.app.export_screenshot())
        kept = SNAPSHOTS / f"{name}.svg"
        if not kept.exists():
            kept.write_text(drawn)
            pytest.fail(f"{kept} is new: look at it, and commit it")
        assert drawn == kept.read_text(), f"not as in {kept}:\n{self.text}"


Script = Callable[[Shown], Awaitable[None]]
Play = Callable[..., Browser]


@pytest.fixture
def runs(git: Git_) -> Runs:
    return Runs(git)


@pytest.fixture
def play(repo: Path, clock: Clock) -> Play:
    """Play a script in the application, two hours after the first run."""
    clock.move(7_200)

    def played(script: Script, *, size: tuple[int, int] = (100, 30), where: str = "") -> Browser:
        store = Indexed.open(repo, os.environ)
        asked = where or None
        app = Browser(store, store.select(Selection(where=asked, limit=100)), asked)

        async def main() -> None:
            async with app.run_test(size=size) as pilot:
                shown = Shown(app, pilot)
                await shown.settled()
                await script(shown)

        asyncio.run(main())
        store.close()
        return app

    return played
