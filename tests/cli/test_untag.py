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


def test_sessions_where_a_run_stays_a_failure_are_told(runs: Runs, ask: Ask) -> None:
    run_id = runs.add("base", metrics={"ms": [1.0]}, tags=["a"])
    late = runs.add("late", metrics={"ms": [1.0]})
    for name in ("two", "one", "none"):
        ask("session", "start", "--goal", "g", "--metric", "ms", "--direction", "minimize",
            "--id", name)  # fmt: skip
    for name in ("two", "one"):
        ask("session", "record", "-s", name, "--run", run_id)
    ask("tag", "late", "tainted")
    ask("session", "record", "-s", "none", "--run", late)
    ask("session", "retract", "-s", "two", "base", "-m", "the clock stood still")
    ask("tag", "base", "tainted")

    said = ask("untag", "base", "tainted", "a")

    assert said == (
        "", "run 11111111 stays a failure of sessions one, two: run it again there\n",
    )  # fmt: skip
    assert ask("untag", "late", "tainted").err == (
        "run 22222222 stays a failure of session none: run it again there\n"
    )


def test_nothing_is_told_where_no_session_has_the_run(runs: Runs, ask: Ask) -> None:
    runs.add("base", tags=["a"])
    ask("session", "start", "--goal", "g", "--id", "loop")
    ask("session", "record", "--run", "base")
    runs.add("next", tags=["tainted"])

    assert ask("untag", "next", "tainted") == ("", "")
    assert ask("untag", "base", "a") == ("", "")
