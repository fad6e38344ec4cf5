"""git_exp.tui.runs: the table, its filter, its order, and what it follows."""

from __future__ import annotations

from pathlib import Path

import pytest

from git_exp import Experiment
from git_exp.tui.runs import Runs as RunsScreen
from tests.cli.conftest import Git_, Runs
from tests.conftest import Clock
from tests.families import few
from tests.tui.conftest import Play, Shown

HOSTILE = "\x1b[2J[red]x[/red]\u202e"


@pytest.fixture
def three(repo: Path, runs: Runs) -> Runs:
    runs.add("base", params={"lr": 0.1}, metrics={"acc": [0.1, 0.5]})
    runs.add("wide", "lr = 2\n", params={"lr": 0.2}, metrics={"acc": [0.2, 0.9]}, tags=["good"])
    runs.add("slow", params={"lr": 0.05}, metrics={"acc": [0.3, 0.7]}, status="failed")
    return runs


def test_the_runs_stand_in_a_table_and_the_first_in_tabs(three: Runs, play: Play) -> None:
    async def script(shown: Shown) -> None:
        assert shown.names == ["slow", "wide", "base"]
        assert shown.selected == "slow"
        assert "ID           AGE" in shown.text
        assert "run 33333333-0000-4000-8000-000000000000" in shown.text
        assert "3 runs" in shown.text
        shown.snapshot("overview")

    play(script)


@pytest.mark.parametrize(
    ("keys", "selected"),
    few(3, [
        (["j"], "wide"), (["down", "down", "down"], "base"), (["G"], "base"),
        (["G", "k"], "wide"), (["G", "g"], "slow"), (["ctrl+d"], "base"), (["end", "up"], "wide"),
        (["end", "home"], "slow"), (["k"], "slow"), (["pagedown", "pageup"], "slow"),
    ]),
)  # fmt: skip
def test_keys_move_the_selection_and_the_tabs_go_along(
    three: Runs, play: Play, keys: list[str], selected: str
) -> None:
    async def script(shown: Shown) -> None:
        await shown.press(*keys)

        assert shown.selected == selected
        assert f"Name:     {selected}" in shown.text

    play(script)


@pytest.mark.slow
def test_a_filter_is_applied_as_it_is_typed(three: Runs, play: Play) -> None:
    async def script(shown: Shown) -> None:
        await shown.press("slash")
        await shown.type("acc > 0.6")
        assert shown.names == ["slow", "wide"]

        await shown.press("enter")
        assert shown.app.focused is shown.grid
        assert "where acc > 0.6" in shown.text

        await shown.press("escape")
        assert shown.names == ["slow", "wide", "base"]
        assert not shown.app.runs.has_class("-filtering")

    play(script)


@pytest.mark.slow
def test_a_wrong_expression_is_told_and_the_last_good_list_stays(three: Runs, play: Play) -> None:
    async def script(shown: Shown) -> None:
        await shown.press("slash")
        await shown.type("lr > 0.1")
        await shown.type(" and acu > ")
        assert "bad expression: expected a value after '>'" in shown.text
        assert shown.names == ["wide"]
        shown.snapshot("wrong")

        await shown.type("1")
        assert "no field, param or metric is called 'acu': did you mean: acc" in shown.text
        assert shown.names == ["wide"]

        await shown.press("escape")
        assert "no field" not in shown.text
        assert len(shown.names) == 3

    play(script)


def test_a_filter_that_nothing_fits_says_so(three: Runs, play: Play) -> None:
    async def script(shown: Shown) -> None:
        assert shown.names == []
        assert "no run fits" in shown.text
        assert "where acc > 2" in shown.text

        await shown.press("o", "y", "c", "space", "2", "G", "s", "escape")
        assert "0 runs" in shown.text

    play(script, where="acc > 2")


def test_an_empty_repository_says_how_to_begin(play: Play) -> None:
    async def script(shown: Shown) -> None:
        assert "no runs yet: git exp run COMMAND" in shown.text

    play(script)


def test_any_column_sorts_and_again_the_other_way(three: Runs, play: Play) -> None:
    async def script(shown: Shown) -> None:
        await shown.press("s", "end", "enter")
        assert shown.names == ["wide", "slow", "base"]
        assert "acc▼" in shown.text

        await shown.press("r")
        assert shown.names == ["base", "slow", "wide"]
        assert "acc▲" in shown.text

        await shown.press("less_than_sign")
        assert "by lr ▲" in shown.text
        assert shown.names == ["slow", "base", "wide"]

        await shown.press("greater_than_sign", "greater_than_sign")
        assert "▲" not in shown.text
        assert shown.names == ["slow", "wide", "base"]

    play(script)


def test_escape_leaves_the_choice_of_a_column_and_the_order_as_it_was(
    three: Runs, play: Play
) -> None:
    async def script(shown: Shown) -> None:
        await shown.press("s", "j", "j", "escape")

        assert shown.names == ["slow", "wide", "base"]

    play(script)


def test_a_click_on_a_heading_sorts_and_one_on_a_row_selects(three: Runs, play: Play) -> None:
    async def script(shown: Shown) -> None:
        heading = shown.text.splitlines()[0].index("lr")
        await shown.pilot.click(shown.grid, offset=(heading, 0))
        await shown.settled()
        assert shown.names == ["slow", "base", "wide"]

        await shown.pilot.click(shown.grid, offset=(4, 3))
        await shown.settled()
        assert shown.selected == "wide"

    play(script)


def test_the_selected_run_stays_selected_when_the_order_changes(three: Runs, play: Play) -> None:
    async def script(shown: Shown) -> None:
        await shown.press("j", "s", "end", "enter")

        assert shown.selected == "wide"
        assert shown.grid.at == 0

    play(script)


@pytest.mark.slow
def test_marked_runs_are_compared(three: Runs, play: Play) -> None:
    async def script(shown: Shown) -> None:
        await shown.press("space", "space")
        assert "2 marked" in shown.text

        await shown.press("c")
        await shown.sees("changed files")
        assert "33333333 slow   22222222 wide" in shown.text
        shown.snapshot("compared")

        await shown.press("b", "a")
        await shown.sees("all params (a), best metrics (b)")
        await shown.press("escape")
        assert shown.app.screen is shown.app.runs
        await shown.press("escape")
        assert "marked" not in shown.text

    play(script)


def test_a_mark_and_the_selected_run_are_two_and_one_alone_is_too_few(
    three: Runs, play: Play
) -> None:
    async def script(shown: Shown) -> None:
        await shown.press("c")
        assert "mark two runs or more with space" in shown.text

        await shown.press("space", "c")
        await shown.sees("33333333 slow   22222222 wide")

    play(script)


@pytest.mark.slow
def test_what_a_filter_hides_stays_marked(three: Runs, play: Play) -> None:
    async def script(shown: Shown) -> None:
        await shown.press("space", "slash")
        await shown.type("name = wide")
        await shown.press("enter", "space", "c")

        await shown.sees("33333333 slow   22222222 wide")

    play(script)


@pytest.mark.slow
def test_a_run_is_followed_from_its_start_to_its_end(
    three: Runs, play: Play, repo: Path, clock: Clock
) -> None:
    async def script(shown: Shown) -> None:
        clock.move(60)
        await shown.press("j")
        with Experiment("live", params={"lr": 0.3}, repo=repo) as exp:
            await shown.sees("running")
            assert shown.names == ["live", "slow", "wide", "base"]
            assert shown.selected == "wide"
            exp.track({"acc": 0.123})
            await shown.sees("0.123")
        await shown.until(lambda: "running" not in shown.text)

        assert shown.grid.rows.runs[0].status == "finished"
        assert shown.selected == "wide"

    play(script)


@pytest.mark.slow
def test_a_live_run_keeps_its_tab_and_where_one_has_scrolled(play: Play, repo: Path) -> None:
    async def script(shown: Shown) -> None:
        with Experiment("live", repo=repo) as exp:
            for word in range(40):
                exp.note(f"word {word}")
            await shown.sees("live")
            await shown.press("5", "enter", "g", "j", "j")
            top = shown.text.splitlines()[-8]
            exp.note("one more")
            await shown.until(lambda: len(shown.detail.query_one("#page").text.splitlines()) > 42)  # type: ignore[attr-defined]
            assert shown.text.splitlines()[-8] == top

    play(script)


@pytest.mark.slow
def test_text_of_others_gives_no_orders_and_is_no_markup(
    runs: Runs, repo: Path, play: Play
) -> None:
    runs.add(HOSTILE, params={"[bold]p\x07": HOSTILE}, metrics={"[link]m\x9b": [1.0, 2.0]},
             tags=[HOSTILE])  # fmt: skip
    runs.add("other", params={"[bold]p\x07": 1})
    shown_as = "^[[2J[red]x[/red]\\u202e"

    async def script(shown: Shown) -> None:
        await shown.press("j")
        assert shown.text.count(shown_as) >= 3
        for tab in "123456":
            await shown.press(tab)
            assert not [sign for sign in shown.text if not sign.isprintable() and sign != "\n"]
        await shown.press("g", "space", "space", "c")
        await shown.sees("changed files")
        assert f"11111111 {shown_as}" in shown.text
        await shown.press("escape", "s", "escape", "o")
        await shown.sees(f"Check out run 11111111 '{shown_as}'?")
        await shown.press("escape", "slash")
        await shown.type("x[/red] [bold]")
        assert "bad expression" in shown.text

    play(script, size=(120, 36))


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 1), (10, 3), (20, 5), (40, 10), (300, 90)])
def test_any_size_of_a_terminal_will_do(three: Runs, play: Play, size: tuple[int, int]) -> None:
    async def script(shown: Shown) -> None:
        await shown.press("j", "enter", "2", "tab", "l", "h", "G")
        await shown.press("question_mark", "escape")
        await shown.pilot.resize_terminal(*size)
        await shown.press(
            "g", "j", "enter", "2", "escape", "slash", "escape", "s", "escape", "plus"
        )
        await shown.pilot.resize_terminal(100, 30)
        await shown.settled()
        assert shown.selected == "wide"

    play(script)


def test_a_low_terminal_shows_one_half_at_a_time(three: Runs, play: Play) -> None:
    async def script(shown: Shown) -> None:
        assert "1 Overview" not in shown.text

        await shown.press("enter")
        assert "AGE" not in shown.text
        assert "Name:     slow" in shown.text
        shown.snapshot("low")

        await shown.press("escape")
        assert "AGE" in shown.text

    play(script, size=(60, 10))


def test_one_half_can_have_the_whole_screen(three: Runs, play: Play) -> None:
    async def script(shown: Shown) -> None:
        await shown.press("plus")
        assert "1 Overview" not in shown.text
        await shown.press("tab")
        assert "AGE" not in shown.text
        await shown.press("plus")
        assert "AGE" in shown.text

    play(script)


def test_all_keys_are_listed(three: Runs, play: Play) -> None:
    async def script(shown: Shown) -> None:
        await shown.press("question_mark")
        await shown.sees("filter by an expression: git-exp-query(7)")
        shown.snapshot("keys")
        await shown.press("escape")
        assert shown.app.screen is shown.app.runs

    play(script)


def test_every_key_on_the_page_of_the_manual_is_one() -> None:
    page = (Path(__file__).parents[2] / "man/src/tui.md").read_text().partition("## Notes")[0]
    signs = {"/": "slash", "?": "question_mark", "<": "less_than_sign", "+": "plus"}

    bound = {key for one in RunsScreen.BINDINGS for key in one.key.split(",")}  # type: ignore[union-attr]

    for sign in ("/", "<", "+", "s", "r", "c", "o", "f", "y"):
        assert f"`{sign}`" in page
        assert signs.get(sign, sign) in bound


def test_q_quits_and_nothing_is_changed(three: Runs, play: Play, git: Git_) -> None:
    before = git("status", "--porcelain"), git("for-each-ref")

    async def script(shown: Shown) -> None:
        await shown.press("y")
        assert "copied 33333333-0000-4000-8000-000000000000" in shown.text
        await shown.pilot.press("q")

    app = play(script)

    assert app.return_code == 0
    assert (git("status", "--porcelain"), git("for-each-ref")) == before
