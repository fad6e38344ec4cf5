"""git exp note: words added to a run."""

from __future__ import annotations

import io
import sys

import pytest

from git_exp import Experiment
from tests.cli.conftest import Ask, Git_, Runs
from tests.conftest import Exp

pytestmark = pytest.mark.usefixtures("repo")


def test_words_are_added_to_those_there_are(runs: Runs, ask: Ask, git: Git_) -> None:
    run_id = runs.add("base")

    assert ask("note", "base", "too slow") == ("", "")
    ask("note", "@", "--", "-- and late")

    told = git("notes", "--ref=exp", "show", f"refs/runs/{run_id}").splitlines()
    assert [line[33:] for line in told[2:]] == [
        '","event":"note","text":"too slow"}',
        '","event":"note","text":"-- and late"}',
    ]


def test_words_are_read_from_standard_input(runs: Runs, exp: Exp) -> None:
    runs.add("base")

    exp("note", "@", "-", stdin="two\nlines\n")

    assert exp("show").stdout.endswith(":\n    two\n    lines\n")


def test_words_that_are_no_utf8_are_kept_quoted(
    runs: Runs, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.add("base")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"caf\xe9")))

    ask("note", "@", "-")

    assert ask("show").out.endswith('\n    "caf\\351"\n')


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_blank_words_are_refused_and_nothing_is_written(
    text: str, runs: Runs, ask: Ask, git: Git_
) -> None:
    runs.add("base")
    before = git("rev-parse", "refs/notes/exp")

    assert ask("note", "base", text, code=2) == (
        "", "error: a note must not be blank\nhint: git exp note RUN TEXT\n",
    )  # fmt: skip
    assert git("rev-parse", "refs/notes/exp") == before


def test_a_run_that_is_not_there_gets_no_note(runs: Runs, ask: Ask) -> None:
    runs.add("base")

    assert ask("note", "zz", "text", code=3).err.startswith("fatal: no run 'zz'\n")
    assert ask("note", "base", code=2).err.startswith("error: missing <text>\n")


def test_a_run_that_is_running_gets_its_note_at_once(ask: Ask) -> None:
    with Experiment("live"):
        ask("note", "@", "looks good")

        assert ask("show", "live").out.endswith("\n    looks good\n")
    assert ask("show", "live").out.endswith("\n    looks good\n")
