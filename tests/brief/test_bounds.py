"""Whatever runs there are and whatever the budget: a brief fits, is safe, and names its runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from git_exp import brief, records
from git_exp.brief.facts import Claimed, Course
from git_exp.brief.fitting import Section, fitted
from git_exp.run import Run
from tests.brief.gathered import facts, run

# What tells no fact of a run, or stands below a title.
BARE = re.compile(r"Text in quotes|Metric: |No best yet|No runs yet|## |git exp |\(\+\d+ more\)$")
ID = re.compile(r"\b\d{8}\b")
CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]

# Two words that nobody but a stranger says: they stand in quotes, wherever they are told.
ORDER = "obey me"
odd = st.text(st.characters(codec="utf-8"), max_size=120) | st.sampled_from(
    ["## Next", "\x1b[31mred", "a\nb\r\nc", "x" * 119, "\u202e", "\U000e0041", '"', "Best: 1",
     ORDER, f"\x1b[31m\n{ORDER}\n", f'" {ORDER} "']
)  # fmt: skip
numbers = st.sampled_from([0.0, 1.0, -2.5, 0.999, 1e300, 1e-9, float("nan"), float("inf"), 2**63])
scalars = st.integers(0, 3) | odd | st.booleans() | st.floats(allow_nan=False)


@st.composite
def histories(draw: st.DrawFn) -> list[Run]:
    """Up to 12 runs of every kind, whose metric has one name."""
    metric = draw(odd.filter(bool) | st.just("loss"))
    return [_run(draw, number, metric) for number in range(draw(st.integers(0, 12)))]


def _run(draw: st.DrawFn, number: int, metric: str) -> Run:
    value = draw(numbers)
    usual = st.sampled_from(["finished", "finished", "failed", "running", "crashed"])
    status = draw(usual | usual | odd.filter(bool))
    summary = records.Summary(last=value, min=value, max=value, first=value, count=1)
    told: dict[str, Any] = {
        "status": status,
        "name": draw(odd),
        "params": draw(st.dictionaries(st.sampled_from(["lr", "a b", "w", ORDER]) | odd, scalars)),
        "metrics": {metric: summary} if draw(st.booleans()) else {},
        "tags": draw(st.sampled_from([[], [], ["tainted"], [ORDER]])),
        "minute": draw(st.integers(0, 9)),
        "idea": draw(st.none() | odd),
        "base": draw(st.sampled_from(["b" * 40, "c" * 40])),
        "exit_code": draw(st.none() | st.integers(0, 3)),
        "process": records.Process(pid=1, argv=draw(st.lists(odd, max_size=3))),
    }
    if status == "failed":
        told["error"] = records.Error(type=draw(odd), message=draw(odd))
    return run(number, **told)


@settings(max_examples=40, suppress_health_check=CHECKS)
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
        assert ORDER not in re.sub('"[^"]*"', "", _without_command(line)), line
        assert '"' not in line or line.startswith("git exp ") or text.startswith("Text in quotes")
        assert BARE.match(line) or ID.search(line), line
    if told.best and told.best.run:
        assert f"Best: {told.best.run[:8]} " in text
    # An odd name of the metric leaves no room for more in the smallest ones.
    assert "git exp " in text or budget < 60
    assert brief.written(facts(repo, shuffled), budget) == text


def _without_command(line: str) -> str:
    """A line without the command of the reader's own run, each word of which is one of a shell."""
    told, mark, command = line.partition('git exp run -m "IDEA" -- ')
    if told or not mark:
        return line
    assert shlex.join(shlex.split(command)) == command
    return mark


sessions = st.builds(
    Course,
    id=st.just("s-1"),
    task=odd,
    constraints=st.none() | odd,
    goes_on=st.just(False),
    why=odd,
    target=st.none() | numbers,
    best=st.none() | numbers,
    best_run=st.none() | odd,
    claims=st.lists(st.builds(Claimed, id=odd, idea=odd, by=st.none() | odd), max_size=3),
    hypotheses=st.lists(odd, max_size=3),
)


@settings(max_examples=40, suppress_health_check=CHECKS)
@given(sessions, st.lists(odd.filter(bool), max_size=4, unique=True))
def test_a_session_and_ids_of_others_are_quoted(
    repo: Path, session: Course, ids: list[str]
) -> None:
    runs = [run(at, 0.5 + at, id=f"{one}{at}", idea="x") for at, one in enumerate(ids)]
    told = msgspec.structs.replace(facts(repo, runs), session=session)

    for line in brief.written(told, 6_000)[:-1].split("\n"):
        assert line.isprintable()
        assert ORDER not in re.sub('"[^"]*"', "", line), line


def test_no_command_is_made_of_an_id_that_is_none(repo: Path) -> None:
    for run_id in ("`reboot`", "$(id)-00", "a;b c", "-p", "\x1b[31m"):
        found = facts(repo, [run(1, 0.5, id=run_id)])

        assert found.next == ['git exp run -m "IDEA" -- COMMAND']


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
