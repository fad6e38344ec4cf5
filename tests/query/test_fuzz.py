"""Any text at all is a condition or an error of ours: no traceback, no hanging, no crash."""

from __future__ import annotations

import time
from contextlib import closing
from unicodedata import east_asian_width

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_exp import errors
from git_exp.query import fields, grammar, patterns
from tests.query import filled
from tests.query.test_agreement import expressions

RUNS = [
    filled.a_run(0, params={"lr": 0.1}, tags=["a"], metrics={"acc": 0.5}),
    filled.a_run(1, params={"my key": "a\0b"}, name="x", metadata={"model": {"depth": [1]}}),
]
PIECES = (
    "(", ")", "not", "and", "or", "in", "exists", "=", "!=", "~", "!~", "<", ">=", ",", "'", '"',
    "\\", "max(", "count(", "acc", "lr", "param:", 'param:"', "metric:acc", "meta:", "started",
    "tag", "dirty", "1", "1e999", "10m", "5GiB", "2026-01-02", "nan", "!", ":", "-", "\0", "\n",
    "\ud800", "é", "then",
)  # fmt: skip
soup = st.lists(st.sampled_from(PIECES), max_size=25).map(" ".join)
solid = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
anything = st.text(max_size=60) | st.text(st.characters(), max_size=60)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """An expression that was right, with a few characters changed."""
    text = draw(expressions)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 4)))
        text = text[:start] + draw(st.sampled_from(PIECES) | st.just("")) + text[end:]
    return text


def survive(text: str) -> None:
    """It is understood, and both ways of asking agree; or it is refused with a place."""
    try:
        condition = filled.asked(text)
    except errors.GitExpError as error:
        refused = error
    else:
        with closing(filled.index(RUNS)) as connection:
            assert filled.selected(connection, condition) == filled.fitting(RUNS, condition)
        return
    assert refused.exit_code in (2, 3)
    assert "\n" not in refused.message or "\n" in text
    if isinstance(refused, errors.BadExpression) and text.strip():
        expression, caret = str(refused.hint).split("\n")
        assert expression.isprintable()
        assert caret.lstrip(" ") == "^"
        assert len(caret) <= 1 + sum(
            2 if east_asian_width(one) in "WF" else 1 for one in expression
        )


def survive_as_a_key(text: str) -> None:
    try:
        key = fields.sort_key(text, filled.KNOWN)
    except errors.GitExpError:
        return
    with closing(filled.index(RUNS)) as connection:
        by_sql = filled.sorted_by_sql(connection, key, descending=True)
    assert by_sql == filled.sorted_by_predicate(RUNS, key, descending=True)


@pytest.mark.slow
@settings(max_examples=400)
@given(anything | soup | solid | mutated())
def test_any_text_is_a_condition_or_an_error_with_a_place(text: str) -> None:
    survive(text)


@settings(max_examples=60)
@given(anything | solid)
def test_any_text_is_a_key_or_an_error(text: str) -> None:
    survive_as_a_key(text)


@pytest.mark.slow
@settings(max_examples=10_000)
@given(anything | soup | solid | mutated())
def test_any_text_is_a_condition_or_an_error_however_often(text: str) -> None:
    survive(text)


@pytest.mark.slow
@settings(max_examples=5_000)
@given(anything | soup | solid)
def test_any_text_is_a_key_or_an_error_however_often(text: str) -> None:
    survive_as_a_key(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000,
        "(" * 4_990 + "a" + ")" * 4_990,
        "not " * 2_500,
        "max(" * 2_500,
        "max(" * 2_499 + "a",
        "exists " * 1_400,
        "a in (" * 1_600,
        "a in (" + "1," * 4_990,
        "a" * 1_000_000,
        '"' * 9_999,
        "'" + "\\'" * 4_999,
        "param:'" * 1_400,
        "tag ~ '" + "(" * 990 + "'",
        "tag ~ '" + "(a*)*" * 190 + "'",
        "tag ~ '" + "(" * 300 + "a" + "){0,9}" * 100 + "'",
        "name = \0",
        "\0",
        "name = '\0'",
        "tag ~ '\0'",
        "name = \ud800",
        "\udcff = 1",
        "lr = " + "9" * 9_990,
        "started > '" + "9" * 9_900 + "'",
        "started > '2026-01-02T00:00:00." + "9" * 99 + "'",
        "started > 2026-01-02T00:00:00+23:59",
        "duration > " + "1h" * 4_000,
        "metric:acc > 1e" + "9" * 5_000,
        "lr = " + "1" * 300 + "h",
        " " * 9_000 + "x",
        "\u2028 \u3000 dirty",
        "\x1c\x1d\x1e\x1f dirty \x85",
        ",", ")", "!", "!!", "~", "==", "=", ":", "-", "--", "param:", "max", "max(", "in", "and",
    ],
    ids=lambda text: text[:12].encode("ascii", "backslashreplace").decode(),
)  # fmt: skip
def test_what_is_meant_to_break_it_does_not(text: str) -> None:
    survive(text)
    survive_as_a_key(text)


def test_no_pattern_hangs() -> None:
    text = "a" * 50_000 + "!"
    started = time.process_time()

    for pattern in (r"(a+)+$", r"(a|aa)+$", r"(.*)*x", r"(a*)*b", "(a?){400}a{400}", r"(\w+\s?)*$"):
        assert not patterns.wrong(pattern)
        patterns.matches(pattern, text)

    # Backtracking would take longer than the age of the universe.
    assert time.process_time() - started < 60


def test_every_prefix_of_an_expression_is_read_or_refused() -> None:
    text = "not (param:lr in (1, 'x') or max(metric:acc) >= 1e3) and started > \"then\" or dirty"

    for end in range(len(text) + 1):
        survive(text[:end])
        survive(text[end:])


def test_an_error_points_into_the_expression() -> None:
    with pytest.raises(errors.BadExpression) as caught:
        grammar.parse("name = \x1b[31m'x")

    assert caught.value.hint == "name = ?[31m'x\n            ^"
