"""SQL and the predicate agree: on whether a run fits an expression, and on the order of runs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from itertools import cycle, pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from git_exp import records
from git_exp.query import fields, grammar
from git_exp.records import Git, Host, Summary
from git_exp.run import NoteText, Run
from tests.query import filled

ORDER = ("=", "!=", "<", "<=", ">", ">=")
MATCHED = (*ORDER, "~", "!~")


def in_quotes(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return texts.map(grammar.quoted)


WORDS = ("main", "finished", "0.1", "true", "null", "NaN", "feature/x", "A", "ab", "10m")
NUMBERS = (
    "0", "-0", "1", "-1", "0.1", "1e-9", "inf", "-inf", "+1.", ".5", "1h30m", "500ms", "1KiB",
    str(2**53), str(2**70), str(2**2000), "1e999",
)  # fmt: skip
HEXES = ("abcd", "ABCD", "abcd0", "abcd0002", "cdcd", "abce", "abc", "zz", '"a\0b"', '""')
TIMES = (
    "2026-01-02", "2026-01-02T03:04", "2026-01-02T03:04:05", "2026-01-02T03:04:05.000001",
    "2026-01-03T00:00+05:00", "'2 weeks ago'", "then", "1969-12-31",
)  # fmt: skip
FLAGS = ("true", "no", "YES", "False")
texts = in_quotes(filled.words) | st.sampled_from(WORDS)
numbers = st.sampled_from(NUMBERS) | st.integers(-3, 3).map(str)
hexes, times, flags = map(st.sampled_from, (HEXES, TIMES, FLAGS))
PATTERNS = ("", "a", "^a", "b$", ".", "(?i)A", "0[.]1", "^$", "\\x00", "a.b", "(?s)a.b")
patterns = in_quotes(st.sampled_from(PATTERNS))
MIXED = (
    "optimizer.lr", "param:lr", 'param:"my key"', "param:acc", "x-y", "'my key'", "depth",
    "meta:seed", "model.name", "meta:'a b'", 'param:"and"',
)  # fmt: skip
MEASURES = ("metric:acc", "val/acc", "loss", "m.n", "n", "'loss'", 'metric:"acc"')
AGGREGATES = ("last", "max", "MIN", "first", "count")
mixed = st.sampled_from(MIXED)
AGGREGATED = (*MEASURES, *(f"{one}({metric})" for one in AGGREGATES for metric in MEASURES))
measures = st.sampled_from(AGGREGATED)
# Times at which a comparison with a date turns; and what only nests or has no number and text.
EDGES = ("2026-01-01T23:59:59", "2026-01-02T00:00:00", "2026-01-02T03:04:00", "2026-01-02T03:05:00",
         "2026-01-02T03:04:06", "2026-01-03T00:00:00", "1970-01-01T00:00:00")  # fmt: skip
ODD = (True, False, None, [1, "a"], {"a": None})
built_in = {
    kind: st.sampled_from([name for name, one in fields.BUILT_IN.items() if one == kind])
    for kind in sorted({*fields.BUILT_IN.values()})
}


def compared(
    names: st.SearchStrategy[str], signs: tuple[str, ...], values: st.SearchStrategy[str]
) -> st.SearchStrategy[str]:
    one = st.tuples(names, st.sampled_from(signs), values).map(" ".join)
    listed = st.lists(values, min_size=1, max_size=3).map(lambda found: f"({', '.join(found)})")
    return one | st.tuples(names, st.sampled_from(("in", "not in", "NOT In")), listed).map(" ".join)


def matched(names: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(names, st.sampled_from(("~", "!~")), patterns).map(" ".join)


textual = built_in["text"] | built_in["hex"] | built_in["several"] | mixed
every_name = st.one_of(mixed, measures, *built_in.values())
comparisons = st.one_of(
    compared(built_in["text"] | built_in["several"], ORDER, texts),
    compared(built_in["hex"], ORDER, hexes | texts),
    compared(built_in["time"], ORDER, times),
    compared(built_in["number"] | built_in["duration"] | measures, ORDER, numbers),
    compared(built_in["flag"], ORDER, flags),
    compared(mixed, ORDER, texts | numbers),
    matched(textual),
    every_name.map("exists {}".format) | every_name.map("{} exists".format),
    st.just("dirty"),
)
expressions = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        inner.map("not ({})".format),
        st.lists(inner, min_size=2, max_size=4).map(lambda all_of: f"({' and '.join(all_of)})"),
        st.lists(inner, min_size=2, max_size=4).map(lambda any_of: f"({' or '.join(any_of)})"),
    ),
    max_leaves=8,
)
sort_keys = st.one_of(
    mixed, measures, *(one for kind, one in built_in.items() if kind != "several")
)


def agree(runs: list[Run], texts: list[str]) -> None:
    with closing(filled.index(runs)) as connection:
        for text in texts:
            condition = filled.asked(text)

            assert filled.selected(connection, condition) == filled.fitting(runs, condition), text


def agree_in_order(runs: list[Run], names: list[str]) -> None:
    with closing(filled.index(runs)) as connection:
        for name in names:
            key = fields.sort_key(name, filled.KNOWN)
            for descending in (False, True):
                by_sql = filled.sorted_by_sql(connection, key, descending=descending)
                by_predicate = filled.sorted_by_predicate(runs, key, descending=descending)

                assert by_sql == by_predicate, f"{name}, descending: {descending}"


def pool() -> list[Run]:
    """Runs in which each field has had each of its values."""
    stamps = ["", *(records.stamp(filled.START + at) for at in (0, -1, 1, filled.DAY, -filled.DAY))]
    stamps += [records.stamp(records.micros(f"{t}.000000Z")) for t in EDGES]
    sides: dict[str, Sequence[Any]] = {
        "name": filled.WORDS, "status": ("finished", "failed"), "started": stamps,
        "ended": (None, *stamps[1:]), "duration_ms": (None, 0.0, 500.0, 5_400_000.0, 1_000.0),
        "exit_code": (None, -1, 0, 1, 2), "user": (None, *filled.WORDS),
        "group": (None, *filled.WORDS),
        "params": [{"lr": one, "my key": one} for one in (*filled.NUMBERS, *filled.WORDS, *ODD)],
        "metadata": [{"model": {"depth": one}} for one in (*filled.NUMBERS, *filled.WORDS, *ODD)],
        "metrics": [{}, *({"acc": Summary(last=one, min=two, max=one, first=two, count=at)}
                    for at, (one, two) in enumerate(pairwise(filled.NUMBERS)))],
        "tags": [[], *([one] for one in filled.WORDS), ["a", "b"], ["", "main"]],
        "notes": [[], *([NoteText(t="", text=one)] for one in filled.WORDS)],
        "host": [None, *(Host(name=one) for one in filled.WORDS)],
        "git": [None, *(Git(commit="", capture="full", base=base, branch=branch, dirty=dirty)
                for base, branch, dirty in zip(
                    cycle((None, "abcd" * 10, "abce" * 10, "abcd", "ABCD" * 10, "", "a\0b")),
                    filled.WORDS, cycle((True, False, None)), strict=False))],
    }  # fmt: skip
    longest = max(map(len, sides.values()))
    return [
        Run(
            id=f"abcd{at:04d}-0000-4000-8000-000000000000",
            commit=f"{'ab' if at % 3 else 'cd'}cd{at:036d}",
            **{name: values[at % len(values)] for name, values in sides.items()},
        )
        for at in range(longest)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*built_in, "mixed", "metric"])
def test_sql_and_the_predicate_agree_on_every_field_with_every_sign_and_value(kind: str) -> None:
    names = [name for name, one in fields.BUILT_IN.items() if one == kind]
    names += {"mixed": MIXED, "metric": AGGREGATED}.get(kind, ())
    words = [*WORDS, *map(grammar.quoted, filled.WORDS)]
    given = {"hex": (*HEXES, *words), "time": TIMES, "flag": FLAGS, "mixed": (*NUMBERS, *words),
             **dict.fromkeys(("number", "duration", "metric"), NUMBERS)}  # fmt: skip
    values = given.get(kind, words)
    said = [f"{sign} {value}" for sign in ORDER for value in values]
    said += [
        f"{sign} ({', '.join(pair)})" for sign in ("in", "not in") for pair in pairwise(values)
    ]
    if kind in ("text", "hex", "several", "mixed"):
        said += [f"{sign} {grammar.quoted(one)}" for sign in ("~", "!~") for one in PATTERNS]

    agree(pool(), [f"{name} {one}" for name in names for one in (*said, "exists")])


@pytest.mark.parametrize("name", [*fields.BUILT_IN, *MIXED, *AGGREGATED])
def test_sql_and_the_predicate_agree_on_every_order(name: str) -> None:
    if fields.BUILT_IN.get(name) != "several":
        agree_in_order(pool(), [name])


@settings(max_examples=90)
@given(filled.runs(), st.lists(expressions, min_size=6, max_size=6))
@example([filled.a_run(params={"lr": "a\0b"}), filled.a_run(1, params={"lr": 2**2000})],
         ['param:lr ~ "a.b"', "param:lr = inf", "param:lr > 1e308", 'param:lr < "b"'])  # fmt: skip
@example([filled.a_run(tags=["a\0b"]), filled.a_run(1)], ["tag != a", "tag !~ a", "exists tag"])
def test_sql_finds_the_runs_that_the_predicate_finds(runs: list[Run], texts: list[str]) -> None:
    agree(runs, texts)


@pytest.mark.slow
@settings(max_examples=50)
@given(filled.runs(), st.lists(sort_keys, min_size=6, max_size=6))
def test_sql_has_the_order_of_the_predicate(runs: list[Run], names: list[str]) -> None:
    agree_in_order(runs, names)


@pytest.mark.slow
@settings(max_examples=1_500)
@given(filled.runs(most=12), st.lists(expressions, min_size=10, max_size=10))
def test_sql_finds_the_runs_that_the_predicate_finds_however_often(
    runs: list[Run], texts: list[str]
) -> None:
    agree(runs, texts)


@pytest.mark.slow
@settings(max_examples=700)
@given(filled.runs(most=12), st.lists(sort_keys, min_size=10, max_size=10))
def test_sql_has_the_order_of_the_predicate_however_often(
    runs: list[Run], names: list[str]
) -> None:
    agree_in_order(runs, names)
