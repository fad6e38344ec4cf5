"""git exp tag: tags that a run gets."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Ask, Git_, Runs

pytestmark = pytest.mark.usefixtures("repo")


def test_a_run_gets_tags_and_is_found_by_them(runs: Runs, ask: Ask) -> None:
    runs.add("base")
    runs.add("next")

    assert ask("tag", "base", "good", "for paper") == ("", "")

    assert ask("log", "@{tag:for paper}", "--format", "%n %t").out == "base good,for paper\n"


def test_a_tag_that_is_there_is_not_written_again(runs: Runs, ask: Ask, git: Git_) -> None:
    runs.add("base", tags=["good"])
    before = git("rev-parse", "refs/notes/exp")

    ask("tag", "base", "good")

    assert git("rev-parse", "refs/notes/exp") == before


@pytest.mark.parametrize("tag", ["", " ", "two\nlines"])
def test_a_tag_that_is_no_line_of_text_is_refused_and_nothing_is_written(
    tag: str, runs: Runs, ask: Ask, git: Git_
) -> None:
    runs.add("base")
    before = git("rev-parse", "refs/notes/exp")

    said = ask("tag", "base", "good", tag, code=2)

    assert said.err.startswith("error: a tag is one line of text")
    assert len(said.err.splitlines()) == 1
    assert git("rev-parse", "refs/notes/exp") == before


def test_a_tag_and_a_run_are_asked_for(runs: Runs, ask: Ask) -> None:
    runs.add("base")

    assert ask("tag", "base", code=2).err.startswith("error: missing <tag>\n")
    assert ask("tag", "zz", "good", code=3).err.startswith("fatal: no run 'zz'\n")
