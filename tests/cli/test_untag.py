"""git exp untag: tags that a run loses."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Ask, Git_, Runs

pytestmark = pytest.mark.usefixtures("repo")


def test_a_run_loses_its_tags(runs: Runs, ask: Ask) -> None:
    runs.add("base", tags=["a", "b", "c"])

    assert ask("untag", "@", "a", "c", "a") == ("", "")

    assert ask("log", "--format", "%t").out == "b\n"


def test_a_tag_that_was_taken_can_be_given_again(runs: Runs, ask: Ask) -> None:
    runs.add("base")

    for word in ("tag", "untag", "tag"):
        ask(word, "base", "good")

    assert ask("log", "--format", "%t").out == "good\n"


def test_a_tag_that_is_not_there_is_named_and_none_is_taken(
    runs: Runs, ask: Ask, git: Git_
) -> None:
    runs.add("base", tags=["a", "b"])
    runs.add("bare")
    before = git("rev-parse", "refs/notes/exp")

    assert ask("untag", "base", "a", "zz", code=3) == (
        "", "fatal: run 'base' has no tag 'zz'\nhint: its tags: a, b\n",
    )  # fmt: skip
    assert ask("untag", "bare", "a", code=3).err.endswith("hint: it has no tags\n")
    assert git("rev-parse", "refs/notes/exp") == before
