"""git_exp.query.sql: values are only ever bound, and no expression is too much for SQLite."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing

import pytest

from git_exp.query import fields, grammar, sql
from git_exp.run import Run
from tests.query import filled
from tests.query.filled import asked

HOSTILE = """'); DROP TABLE run; -- "`?1"""


def hostile() -> str:
    return grammar.quoted(HOSTILE)


RUNS = [
    filled.a_run(at, params={"lr": at}, tags=["even"] if at % 2 == 0 else []) for at in range(4)
]


def found(text: str, runs: list[Run] = RUNS) -> list[str]:
    with closing(filled.index(runs)) as connection:
        return filled.selected(connection, asked(text))


@pytest.mark.parametrize(
    "text",
    [
        "name = {}", "name != {}", "name < {}", "name ~ 'DROP'", "name in ({}, 'DROP')",
        "tag = {}", "note not in ({})", "param:{} = {}", "param:lr = {}", "metric:{} > 7777",
        "max(metric:{}) > 7777", "meta:{} exists", "id = abcd7777", "commit = {}",
        "started = 2026-07-07", "duration > 7777", "param:lr > 7777", "exit_code in (7777, 7778)",
        "user ~ DROP or not (branch ~ DROP and group !~ DROP)",
    ],
)  # fmt: skip
def test_no_value_and_no_key_stands_in_the_sql(text: str) -> None:
    known = fields.Catalogue(
        params=frozenset({"lr", HOSTILE}), metrics=frozenset({HOSTILE}), meta=frozenset({HOSTILE})
    )
    condition = fields.expression(text.replace("{}", hostile()), known, filled.when)

    clause = sql.where(condition)

    assert "DROP" not in clause.text
    assert "7777" not in clause.text
    assert "2026" not in clause.text
    assert clause.text.count("?") == len(clause.values)
    with closing(filled.index(RUNS)) as connection:
        filled.selected(connection, condition)


@pytest.mark.parametrize("name", ["param:{}", "metric:{}", "max(metric:{})", "meta:{}"])
def test_no_key_stands_in_an_order(name: str) -> None:
    known = fields.Catalogue(
        params=frozenset({HOSTILE}), metrics=frozenset({HOSTILE}), meta=frozenset({HOSTILE})
    )
    key = fields.sort_key(name.replace("{}", hostile()), known)

    clause = sql.order(key, descending=True)

    assert "DROP" not in clause.text
    assert clause.text.count("?") == len(clause.values)
    with closing(filled.index(RUNS)) as connection:
        assert len(filled.sorted_by_sql(connection, key, descending=True)) == len(RUNS)


@pytest.mark.parametrize("kind", sorted({*fields.BUILT_IN.values()}))
def test_only_the_columns_of_the_index_are_named(kind: str) -> None:
    for name in [name for name, one in fields.BUILT_IN.items() if one == kind]:
        clause = sql.where(fields.Has(key=fields.key(name, filled.KNOWN)))

        assert re.fullmatch(r"[\w.\"', ()]+", clause.text)


def test_not_of_a_comparison_is_its_contrary() -> None:
    first, *others = [run.id for run in RUNS]

    assert found("not param:lr > 0") == [first]
    assert found("not not param:lr > 0") == others
    assert found("not (param:lr > 0 or tag = even)") == []
    assert found("not (param:lr > 0 and tag = even)") == [RUNS[0].id, RUNS[1].id, RUNS[3].id]
    assert found("not (tag = even and not param:lr = 2)") == [RUNS[1].id, RUNS[2].id, RUNS[3].id]


def alternating(inner: str) -> str:
    """As deep as may be, each `and` inside an `or`."""
    signs = "and", "or"
    for depth in range(grammar.DEEPEST - 12):
        inner = f"(param:lr = 1 {signs[depth % 2]} {inner})"
    return inner


def full(depth: int) -> str:
    """A binary tree with a comparison at each of its leaves."""
    if depth == 0:
        return "dirty"
    inner = full(depth - 1)
    return f"({inner} {('and', 'or')[depth % 2]} {inner})"


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "not " * (grammar.DEEPEST - 1) + "param:lr = 1",
        "not (" * (grammar.DEEPEST // 2 - 1) + "param:lr = 1" + ")" * (grammar.DEEPEST // 2 - 1),
        alternating("param:lr = 1"),
        alternating("param:lr in (1, 2) and tag != x or name ~ a"),
        alternating(full(9)),
        "not " + alternating(f"not {full(9)}"),
        full(9),
        " or ".join(["dirty"] * 1_100),
        " and ".join(["dirty"] * 990),
        " or ".join(["(dirty and tag != a)"] * 400),
        " and ".join(["(dirty or tag != a)"] * 400),
        f"param:lr in ({','.join('1' * 4_900)})",
        f"tag not in ({','.join('a' * 4_900)})",
        alternating(f"id not in ({','.join(['abcd'] * 1_500)})"),
        alternating(f"param:lr not in ({','.join('1' * 4_000)})"),
        alternating("(metric:acc exists or " * 9 + "started > 2026-01-01" + ")" * 9),
    ],
    ids=range(16),
)
def test_what_is_large_and_deep_is_not_too_much_for_sqlite(text: str) -> None:
    assert len(text) <= grammar.LONGEST
    condition = asked(text)

    with closing(filled.index(RUNS)) as connection:
        by_sql = filled.selected(connection, condition)
        clause = sql.where(condition)
        # As the index asks it: beside other conditions.
        asking = f"SELECT r.id FROM run r WHERE (({clause.text})) AND r.commit_id NOT IN (?)"  # noqa: S608
        connection.execute(asking, (*clause.values, "x")).fetchall()

    assert by_sql == filled.fitting(RUNS, condition)


def test_parentheses_are_no_more_than_needed() -> None:
    def text(expression: str) -> str:
        return sql.where(asked(expression)).text.replace(one, "dirty")

    one = sql.where(asked("dirty")).text

    assert text("dirty and dirty") == "dirty AND dirty"
    assert text("dirty or dirty and dirty") == "dirty AND dirty OR dirty"
    assert text("dirty and (dirty or dirty)") == "(dirty OR dirty) AND dirty"
    assert text("not (dirty or not dirty)") == "NOT dirty AND dirty"
    assert text("not not (((dirty)))") == "dirty"
    assert text("dirty or (dirty or dirty)") == "dirty OR dirty OR dirty"


@pytest.mark.parametrize("how", [str.upper, str.lower])
def test_a_pattern_is_sought_in_every_text_of_a_run(how: Callable[[str], str]) -> None:
    runs = [filled.a_run(0, tags=["x", "abc"]), filled.a_run(1, tags=["b"]), filled.a_run(2)]

    assert found(f"tag ~ '(?i){how('b')}'", runs) == [runs[0].id, runs[1].id]
    assert found(f"tag !~ '(?i){how('b')}'", runs) == [runs[2].id]
