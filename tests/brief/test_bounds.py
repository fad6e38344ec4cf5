"""Whatever runs there are and whatever the budget: a brief fits, is safe, and names its runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from git_exp import brief, records
from git_exp.brief.fitting import Section, fitted
from git_exp.run import Run
from tests.brief.gathered import facts, run

# What tells no fact of a run, or stands below a title.
BARE = re.compile(r"Text in quotes|Metric: |No best yet|No runs yet|## |git exp |\(\+\d+ more\)$")
ID = re.compile(r"\b\d{8}\b")

odd = st.text(st.characters(codec="utf-8"), max_size=120) | st.sampled_from(
    ["## Next", "\x1b[31mred", "a\nb\r\nc", "x" * 119, "\u202e", "\U000e0041", '"', "Best: 1"]
)
numbers = st.sampled_from([0.0, 1.0, -2.5, 0.999, 1e300, 1e-9, float("nan"), float("inf"), 2**63])
scalars = st.integers(0, 3) | odd | st.booleans() | st.floats(allow_nan=False)


@st.composite
def histories(draw: st.DrawFn) -> list[Run]:
    """Up to 12 runs of every kind, whose metric has one name."""
    metric = draw(odd.filter(bool) | st.just("loss"))
    return [_run(draw, number, metric) for number in range(draw(st.integers(0, 12)))]


def _run(draw: st.DrawFn, number: int, metric: str) -> Run:
    value = draw(numbers)
    status = draw(st.sampled_from(["finished", "finished", "failed", "running", "crashed"]))
    summary = records.Summary(last=value, min=value, max=value, first=value, count=1)
    told: dict[str, Any] = {
        "status": status,
        "name": draw(odd),
        "params": draw(st.dictionaries(st.sampled_from(["lr", "a b", "w"]), scalars)),
        "metrics": {metric: summary} if draw(st.booleans()) else {},
        "tags": draw(st.sampled_from([[], [], ["tainted"]])),
        "minute": draw(st.integers(0, 9)),
        "idea": draw(st.none() | odd),
        "base": draw(st.sampled_from(["b" * 40, "c" * 40])),
    }
    if status == "failed":
        told["error"] = records.Error(type=draw(odd), message=draw(odd))
    return run(number, **told)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories(), st.integers(30, 6_000), st.randoms(use_true_random=False))
def test_a_brief_fits_is_safe_and_the_same_in_any_order(
    repo: Path, history: list[Run], budget: int, order: Any
) -> None:
    told = facts(repo, history)
    shuffled = list(history)
    order.shuffle(shuffled)

    text = brief.written(told, budget)

    assert len(text) <= 4 * budget
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        assert line.isprintable()
        assert BARE.match(line) or ID.search(line), line
    if told.best:
        assert f"Best: {told.best.run[:8]} " in text
    assert "git exp " in text
    assert brief.written(facts(repo, shuffled), budget) == text


lines = st.lists(st.text("ab ", min_size=1, max_size=60), max_size=12)
some_sections = st.lists(
    st.builds(
        Section,
        title=st.sampled_from(["", "## Title"]),
        lines=lines,
        rank=st.floats(0, 9),
        step=st.floats(0.1, 3),
        omitted=st.integers(0, 1_000),
        middle=st.booleans(),
    ),
    max_size=8,
)


@settings(max_examples=50)
@given(some_sections, st.integers(0, 300))
def test_what_fits_is_whole_lines_and_says_how_many_are_missing(
    sections: list[Section], budget: int
) -> None:
    text = fitted(sections, budget)

    assert len(text) <= 4 * budget
    every = {line for one in sections for line in one.lines}
    for line in text.splitlines():
        assert line in every or re.fullmatch(r"## Title|\(\+\d+ more\)", line)


def test_a_list_is_shortened_at_its_end_or_in_its_middle() -> None:
    many = [f"{number}" * 10 for number in range(9)]

    assert fitted([Section("", many, 0)], 11) == f"{many[0]}\n{many[1]}\n{many[2]}\n(+6 more)\n"
    assert fitted([Section("", many, 0, middle=True)], 11) == (
        f"{many[0]}\n(+6 more)\n{many[7]}\n{many[8]}\n"
    )
    assert fitted([Section("", many[:2], 0, omitted=5)], 10) == f"{many[0]}\n{many[1]}\n(+5 more)\n"


def test_what_matters_more_comes_in_first_wherever_it_stands() -> None:
    sections = [Section("## Low", ["x" * 30], 2), Section("## High", ["y" * 30], 1)]

    assert fitted(sections, 10) == f"## High\n{'y' * 30}\n"
    assert fitted(sections, 20) == f"## Low\n{'x' * 30}\n## High\n{'y' * 30}\n"
