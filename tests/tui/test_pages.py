"""git_exp.tui.pages and detail: what each tab tells of a run, and of no other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from git_exp import Experiment, errors
from git_exp.run import Run
from git_exp.store import Store
from git_exp.tui import pages
from git_exp.tui.lines import Line, Lines, Span
from tests.cli.conftest import Runs
from tests.conftest import Exp
from tests.tui.conftest import Play, Shown


def test_the_overview_has_all_that_show_has(repo: Path, play: Play) -> None:
    with Experiment("base", params={"lr": 0.1}, tags=["good"], repo=repo) as exp:
        for step in range(8):
            exp.track({"loss": 1.0 / (step + 1)}, step=step)
        exp.note("converges slowly")

    async def script(shown: Shown) -> None:
        page = shown.detail.query_one(Lines).text
        assert "Status:   finished" in page
        assert "Tags:     good" in page
        assert "Params:\n    lr  0.1" in page
        assert "METRIC  FIRST   BEST  AT   LAST" in page
        assert "█" in page
        assert "    converges slowly" in page

    play(script)


def test_a_failure_and_what_is_lacking_stand_in_the_overview(runs: Runs, play: Play) -> None:
    error = {"type": "ValueError", "message": "no", "traceback": "Traceback:\n  line 1\n"}
    from git_exp.records import Error

    runs.add("bad", status="failed", error=Error(**error), git={"capture": "partial"})

    async def script(shown: Shown) -> None:
        page = shown.detail.query_one(Lines).text
        assert "Error:    ValueError: no" in page
        assert "PARTIAL SNAPSHOT" in page
        assert "    Traceback:\n      line 1" in page

    play(script)


def test_metrics_are_drawn(repo: Path, play: Play) -> None:
    with Experiment("base", repo=repo) as exp:
        for step in range(30):
            exp.track({"loss": 1.0 / (step + 1), "bad": float("nan")}, step=step)

    async def script(shown: Shown) -> None:
        await shown.press("2")
        page = shown.detail.query_one(Lines).text
        assert page.startswith("loss\n")
        assert "┤" in page
        assert "bad\n    nothing to draw" in page
        shown.snapshot("metrics")

    # The ids of this run are not fixed: the bar above names it.
    play(lambda shown: _without_id(shown, script))


async def _without_id(shown: Shown, script: object) -> None:
    from git_exp.tui.detail import Bar

    bar = shown.detail.query_one(Bar)
    show = bar.show
    bar.show = lambda tab, title: show(tab, "a run")  # type: ignore[method-assign]
    shown.grid.display = False
    await script(shown)  # type: ignore[operator]


def test_a_series_that_is_not_here_is_told(runs: Runs, play: Play) -> None:
    runs.add("base", metrics={"acc": [0.5]})
    runs.add("none")

    async def script(shown: Shown) -> None:
        await shown.press("2")
        assert "it has no metrics" in shown.text
        await shown.press("j")
        assert "its series is not here, only its summary" in shown.text

    play(script)


def test_without_plotille_it_is_said_what_to_install(
    repo: Path, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Experiment("base", repo=repo) as exp:
        exp.track({"loss": 1.0})
        exp.track({"loss": 2.0})
    monkeypatch.setitem(__import__("sys").modules, "plotille", None)

    async def script(shown: Shown) -> None:
        await shown.press("2")
        assert "hint: pip install 'git-exp[plot]'" in shown.text

    play(script)


def test_code_is_what_differs_from_its_base(runs: Runs, play: Play) -> None:
    runs.add("same")
    runs.add("changed", "lr = 2\n")

    async def script(shown: Shown) -> None:
        await shown.press("3")
        page = shown.detail.query_one(Lines).text
        assert "-print('METRIC acc=0.5')\n+lr = 2" in page
        shown.snapshot("code")
        await shown.press("j")
        assert "its code is that of the commit it started from" in shown.text

    play(script)


def test_code_that_is_not_here_is_not_fetched_by_looking(
    runs: Runs, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.add("away")
    monkeypatch.setattr(Store, "has_code", lambda store, run: False)

    async def script(shown: Shown) -> None:
        await shown.press("3")
        assert "error: the code of run 11111111 is not here" in shown.text
        assert "hint: fetch it" in shown.text

    play(script)


def test_output_has_both_streams_and_lines_as_they_were_last(
    repo: Path, exp: Exp, play: Play
) -> None:
    program = r"printf '10%%\r50%%\r100%%\nta\tb\n\033[31mred\n'; echo oops >&2"
    exp("run", "--", "sh", "-c", program)

    async def script(shown: Shown) -> None:
        await shown.press("4")
        page = shown.detail.query_one(Lines).text
        assert page == "── stdout ──\n100%\nta      b\n^[[31mred\n── stderr ──\noops"

    play(script)


def test_no_output_is_told(runs: Runs, play: Play) -> None:
    runs.add("base")

    async def script(shown: Shown) -> None:
        await shown.press("4")
        assert "nothing was captured" in shown.text

    play(script)


def test_records_stand_a_line_each_and_damage_is_shown(runs: Runs, play: Play) -> None:
    runs.append(runs.add("base"), "{damage\x1b")

    async def script(shown: Shown) -> None:
        await shown.press("5")
        page = shown.detail.query_one(Lines).text
        assert "2026-01-02T03:04:05.000000Z  run_start      {" in page
        assert "  damaged        " in page
        assert "{damage" in page

    play(script)


def test_a_tab_by_a_click_and_by_brackets(runs: Runs, play: Play) -> None:
    runs.add("base")

    async def script(shown: Shown) -> None:
        await shown.pilot.click("Bar", offset=(15, 0))
        await shown.settled()
        assert shown.detail.tab == "Metrics"
        await shown.press("enter", "right_square_bracket", "right_square_bracket")
        assert shown.detail.tab == "Output"
        await shown.press(*["left_square_bracket"] * 4)
        assert shown.detail.tab == "Actions"

    play(script)


def test_what_is_late_for_another_run_is_not_shown(
    runs: Runs, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.add("fast")
    runs.add("slow")
    goes_on = threading.Event()

    def page(store: Store, run: Run, view: pages.View) -> Iterator[Line]:
        if run.name == "slow":
            goes_on.wait(20)
        yield [Span(f"page of {run.name}")]

    monkeypatch.setitem(pages.PAGES, "Code", page)

    async def script(shown: Shown) -> None:
        for key in ("3", "pause", "j"):
            await (shown.pilot.pause(0.2) if key == "pause" else shown.pilot.press(key))
        await shown.sees("6 Actions   11111111 fast")
        assert "page of" not in shown.text
        goes_on.set()
        await shown.sees("page of fast")
        assert "page of slow" not in shown.text

    play(script)


def test_a_page_that_fails_is_one_line_and_the_others_are_shown(
    runs: Runs, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.add("base")

    def page(store: Store, run: Run, view: pages.View) -> Iterator[Line]:
        raise errors.GitExpError("it broke", hint="mend it")
        yield []

    monkeypatch.setitem(pages.PAGES, "Code", page)

    async def script(shown: Shown) -> None:
        await shown.press("3")
        assert "error: it broke" in shown.text
        assert "hint: mend it" in shown.text
        await shown.press("1")
        assert "Name:     base" in shown.text

    play(script)


@pytest.mark.slow
def test_very_long_lines_and_many_of_them_are_scrolled_through(
    runs: Runs, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.add("base")

    def page(store: Store, run: Run, view: pages.View) -> Iterator[Line]:
        yield from ([Span(f"{at} xxx")] for at in range(100_000))
        yield [Span("last " + "x" * 1_000_000)]

    monkeypatch.setitem(pages.PAGES, "Code", page)

    async def script(shown: Shown) -> None:
        await shown.press("3", "enter", "G")
        await shown.sees("last xxx")
        await shown.press("g", "l", "ctrl+d")

    play(script)
