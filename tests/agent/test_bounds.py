"""Answers kept small: always within 64 KiB, true to their schema, and honest about cuts."""

from __future__ import annotations

import json
import sys

import pytest

from git_exp import records
from git_exp.agent import answers, bounds
from git_exp.run import NoteText, Run
from tests.agent.conftest import Agent
from tests.cli.conftest import Runs


def row(**given: object) -> answers.Row:
    return answers.row(Run(id="a", commit="c", **given))  # type: ignore[arg-type]


def test_what_is_small_is_whole() -> None:
    plain, text = bounds.fitted(answers.Runs(runs=[row(name="n", params={"x": "y"})], more=False))

    assert not plain["truncated"]
    assert json.loads(text)["runs"][0]["params"] == {"x": "y"}


@pytest.mark.parametrize(
    "rows",
    [
        [row(name="n" * 10_000_000)],
        [row(name="ä" * 5_000, params={f"p{n}": "\x1b" * 5_000 for n in range(40)})],
        [row(params={f"p{n}" * 50: n for n in range(300)})] * 8,
        [row(tags=["t" * 300] * 600)] * 8,
        [row(params={f"p{n}": "\U0001f600" * 3_000 for n in range(15)})],
        [row(params={"x": 10**4_000}, metrics={"m": records.Summary(last=10**4_000)})] * 20,
    ],
)  # fmt: skip
def test_what_is_large_is_cut_until_it_fits(rows: list[answers.Row]) -> None:
    plain, text = bounds.fitted(answers.Runs(runs=rows, more=False))

    assert plain["truncated"]
    assert len(text.encode()) <= bounds.LARGEST
    assert plain["runs"][0]["id"] == "a"
    assert json.loads(text) == plain


def test_rows_stay_as_long_as_their_texts_can_give_way() -> None:
    many = [row(params={f"p{n}": "x" * 100 for n in range(60)}) for _ in range(30)]

    plain, _ = bounds.fitted(answers.Runs(runs=many, more=False))

    assert len(plain["runs"]) == 30


def test_control_characters_are_made_visible_in_texts_and_keys() -> None:
    said = answers.Runs(runs=[row(name="\x1b[31m\u202ered", params={"a\x07": "b\r"})], more=False)

    plain, text = bounds.fitted(said)

    assert plain["runs"][0]["name"] == "^[[31m\\u202ered"
    assert plain["runs"][0]["params"] == {"a^G": "b^M"}
    assert "\\u001b" not in text


def test_an_immense_integer_becomes_a_float() -> None:
    said = answers.Runs(runs=[row(params={"a": 2**64, "b": -(10**4_000), "c": 2**62})], more=False)

    params = bounds.fitted(said)[0]["runs"][0]["params"]

    assert params == {"a": 2.0**64, "b": -sys.float_info.max, "c": 2**62}


def test_a_run_of_anybodys_making_is_true_to_the_schema(runs: Runs, agent: Agent) -> None:
    """The client checks each answer against the schema that it was given."""
    runs.add(
        "\x1b]0;title\x07", params={"nested": {"a": [1, {"b": None}]}, "nan": "NaN", "t": True},
        metrics={"acc": [0.5]}, exit_code=10**30,
    )  # fmt: skip
    run_id = runs.add("odd")
    runs.append(run_id, '{"t":"2026-01-02T09:00:00.000000Z","event":"progress","metrics":'
                '{"m":{"last":{"a":1},"min":"NaN"},"n":{"last":"Infinity"}}}')  # fmt: skip
    runs.append(run_id, '{"t":"2026-01-02T09:00:00.000000Z","event":"note","text":"x"')

    for run in ("11111111", "22222222"):
        agent.ask("show", run=run)
    agent.ask("log")
    agent.ask("diff", run="11111111", other="22222222")


def test_a_note_of_megabytes_is_cut(runs: Runs, agent: Agent) -> None:
    run_id = runs.add("base")
    note = records.Note(t="2026-01-02T09:00:00.000000Z", text="x" * 3_000_000)
    runs.append(run_id, records.line(note).decode())

    found = agent.ask("show")

    assert found["truncated"]
    assert len(found["notes"][0]["text"]) < 5_000


def test_the_smallest_limits_fit_whatever_a_run_holds() -> None:
    text = "\U0001f600" * 1_000
    notes = [NoteText(t=text, text=text)] * 1_000
    run = Run(
        id=text, commit=text, name=text, tags=[text] * 1_000, notes=notes, status=text,
        params={f"{n}{text}": text for n in range(1_000)}, links=[text] * 1_000,
        metrics={f"{n}{text}": records.Summary(last=n) for n in range(1_000)},
    )  # fmt: skip

    bounds.fitted(answers.shown(run, None))
