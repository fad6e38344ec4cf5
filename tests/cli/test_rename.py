"""git exp rename: another name for a run."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Ask, Git_, Runs

pytestmark = pytest.mark.usefixtures("repo")


def test_a_run_is_found_by_its_new_name_and_no_more_by_the_old(runs: Runs, ask: Ask) -> None:
    runs.add("base")

    assert ask("rename", "base", "first try") == ("", "")

    assert ask("log", "first try", "--format", "%h").out == "11111111\n"
    assert ask("log", "base", code=3).err.startswith("fatal: no run 'base'\n")


def test_the_name_that_a_run_has_is_not_written_again(runs: Runs, ask: Ask, git: Git_) -> None:
    runs.add("base")
    before = git("rev-parse", "refs/notes/exp")

    ask("rename", "@", "base")

    assert git("rev-parse", "refs/notes/exp") == before


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", "@1", "@{best:acc}", "x" * 201])
def test_a_name_that_cannot_be_is_refused_and_nothing_is_written(
    name: str, runs: Runs, ask: Ask, git: Git_
) -> None:
    runs.add("base")
    before = git("rev-parse", "refs/notes/exp")

    said = ask("rename", "base", name, code=2)

    assert said.err.startswith("error: a run's name ")
    assert git("rev-parse", "refs/notes/exp") == before


def test_a_name_like_an_option_is_refused_in_both_its_spellings(runs: Runs, ask: Ask) -> None:
    runs.add("base")

    assert ask("rename", "base", "-x", code=2).err.startswith("error: ")
    assert ask("rename", "base", "--", "-x", code=2).err.startswith("error: a run's name ")
