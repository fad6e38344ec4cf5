"""What the terminal UI costs: until it is seen, and while one scrolls."""

from __future__ import annotations

import asyncio
import os
import sys
import time

import pytest
from textual.app import App, ComposeResult
from textual.widgets import Static

from git_exp.index.search import Indexed, Selection
from git_exp.tui.app import Browser
from git_exp.tui.grid import Grid
from tests.perf.conftest import Big
from tests.perf.measure import Row, interleaved, ratio
from tests.perf.test_find import log, script
from tests.pseudo_terminal import Screen

EMPTY = """
from textual.app import App
from textual.widgets import Static
class Empty(App):
    def compose(self):
        yield Static("nothing at all")
Empty().run()
"""
KEYS = 100
# A key that is held repeats thirty times a second.
_HELD = 1 / 30


class Empty(App[None]):
    """An application that does nothing with a key but to draw a screen full of text again."""

    def compose(self) -> ComposeResult:
        yield Static("x" * 120 * 40, markup=False)

    def on_key(self) -> None:
        self.query_one(Static).refresh()


def test_the_first_paint_is_as_fast_as_an_empty_applications(
    big: Big, rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = big("repo", 10_000, wide=True)
    newest = log(repo, "-n", "1", "--format", "%h")[0]
    monkeypatch.chdir(repo)

    took = interleaved(
        15,
        floor=lambda: painted((sys.executable, "-c", EMPTY), "nothing at all"),
        ours=lambda: painted((script(), "tui"), newest),
    )

    what = "git-exp tui, the whole process until its runs are seen, 10,000 runs"
    rows.append(ratio(what, took["floor"], took["ours"], at_most=1.5))


def test_ten_thousand_runs_scroll_without_a_stutter(big: Big, rows: list[Row]) -> None:
    repo = big("repo", 10_000, wide=True)
    store = Indexed.open(repo, os.environ)

    floor = asyncio.run(scrolled(Empty()))
    browser = Browser(store, store.select(Selection(limit=100)))
    ours = asyncio.run(scrolled(browser))

    rows.append(
        Row(
            what=f"the longest pause of the tui's screen in {KEYS} keys, 10,000 runs",
            floor=f"{floor * 1000:.0f} ms",
            ours=f"{ours * 1000:.0f} ms",
            goal="at most 50 ms",
            met=ours <= 0.050,
        )
    )


def painted(words: tuple[str, ...], pattern: str) -> float:
    """Seconds from the start of a program until something is on its screen."""
    begun = time.perf_counter()
    with Screen(words, COLUMNS="120", LINES="40") as screen:
        screen.until(pattern)
        return time.perf_counter() - begun


async def scrolled(app: App[None]) -> float:
    """The longest time for which nothing else could be drawn, while a key is held."""
    async with app.run_test(size=(120, 40)) as pilot:
        if isinstance(app, Browser):
            while len(app.runs.query_one(Grid).rows.runs) < 10_000 or app.runs.pending:
                await pilot.pause(0.05)
        await pilot.pause(0.5)
        late: list[float] = []
        watch = asyncio.create_task(watched(late))
        for at in range(KEYS):
            app.simulate_key("j" if at % 4 else "pagedown")
            await asyncio.sleep(_HELD)
        watch.cancel()
    return max(late)


async def watched(late: list[float]) -> None:
    """How late it is each time, who wants to be called in a millisecond."""
    while True:
        begun = time.perf_counter()
        await asyncio.sleep(0.001)
        late.append(time.perf_counter() - begun - 0.001)
