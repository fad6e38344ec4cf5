"""git_exp.columns: what a run shows below each column that can be asked for."""

from __future__ import annotations

from typing import Any

import pytest

from git_exp import columns, records, table
from git_exp.columns import Wanted
from git_exp.query import fields, predicate
from git_exp.query.fields import Catalogue
from git_exp.records import Git, Host, Summary
from git_exp.run import NoteText, Run

NOW = 1_767_323_045_000_000
KNOWN = Catalogue(
    params=frozenset({"lr", "name", "acc"}),
    metrics=frozenset({"acc", "val/loss"}),
    meta=frozenset({"model.depth"}),
)
FULL = Run(
    id="0123abcd-0000-4000-8000-000000000000", commit="feed" * 10, name="base", status="finished",
    started=records.stamp(NOW - 7_200_000_000), ended=records.stamp(NOW), duration_ms=200_000.0,
    exit_code=0, params={"lr": 0.1, "name": "a\nb"}, tags=["good", "v1"], user="Ada", group="g",
    metrics={"acc": Summary(last=0.123456, min=0.1, max=0.98765, first=0.1, count=3)},
    metadata={"model": {"depth": [1, 2]}}, notes=[NoteText(t="", text="fine")],
    host=Host(name="box"),
    git=Git(commit="feed" * 10, capture="full", base="beef" * 10, branch="main", dirty=True),
)  # fmt: skip
EMPTY = Run(id="", commit="")


def wanted(name: str) -> Wanted:
    return Wanted(name, None if name in columns.ALSO else fields.key(name, KNOWN))


def shown(name: str, run: Run) -> tuple[str, str, bool, str]:
    """The heading, the kind, whether numbers stand there, and the cell of one run."""
    table = columns.shown([run], [wanted(name)], NOW)
    [column], [[cell]] = table.columns, table.rows
    return column.heading, column.kind, column.right, cell


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("id", ("ID", "id", False, "0123abcd")),
        ("age", ("AGE", "age", False, "2 hours ago")),
        ("mark", ("", "mark", False, "*")),
        ("name", ("NAME", "name", False, "base")),
        ("status", ("STATUS", "status", False, "finished")),
        ("commit", ("commit", "commit", False, "feedfeed")),
        ("base", ("base", "base", False, "beefbeef")),
        ("branch", ("branch", "branch", False, "main")),
        ("user", ("user", "user", False, "Ada")),
        ("host", ("host", "host", False, "box")),
        ("group", ("group", "group", False, "g")),
        ("started", ("started", "started", False, "2026-01-02T01:04:05.000000Z")),
        ("ended", ("ended", "ended", False, "2026-01-02T03:04:05.000000Z")),
        ("duration", ("duration", "duration", True, "3 min 20 s")),
        ("exit_code", ("exit_code", "exit_code", True, "0")),
        ("dirty", ("dirty", "dirty", False, "true")),
        ("tag", ("tag", "tag", False, "good, v1")),
        ("note", ("note", "note", False, "fine")),
        ("lr", ("lr", "param", True, "0.1")),
        ("param:name", ("param:name", "param", True, "a\nb")),
        ("metric:acc", ("metric:acc", "metric", True, "0.1235")),
        ("max(metric:acc)", ("max(metric:acc)", "metric", True, "0.9877")),
        ("count(metric:acc)", ("count(metric:acc)", "metric", True, "3")),
        ("depth", ("depth", "param", True, "[1,2]")),
    ],
)
def test_each_kind_of_column(name: str, column: tuple[Any, ...]) -> None:
    assert shown(name, FULL) == column


@pytest.mark.parametrize(
    "name",
    ["id", "age", "name", "commit", "base", "branch", "user", "host", "group", "started", "ended",
     "duration", "exit_code", "tag", "note", "lr", "metric:acc", "min(val/loss)", "depth"],
)  # fmt: skip
def test_what_a_run_does_not_have_is_a_dash(name: str) -> None:
    assert shown(name, EMPTY)[3] == "-"


def test_code_that_is_its_bases_has_no_mark() -> None:
    assert shown("mark", EMPTY)[3] == ""


def test_a_metric_that_is_no_number_is_shown_as_what_it_is() -> None:
    run = Run(id="", commit="", metrics={"acc": Summary(last=float("nan"), max=float("inf"))})

    assert [shown(name, run)[3] for name in ("metric:acc", "max(metric:acc)")] == ["nan", "inf"]


def test_columns_stand_in_the_order_asked_for_with_a_row_a_run() -> None:
    names = ["lr", "id", "name", "lr"]

    table = columns.shown([FULL, EMPTY], [wanted(name) for name in names], NOW)

    assert [column.heading for column in table.columns] == ["lr", "ID", "NAME", "lr"]
    assert table.rows == [["0.1", "0123abcd", "base", "0.1"], ["-", "-", "-", "-"]]


def test_the_usual_columns_are_those_of_the_overview() -> None:
    other = Run(
        id="1" * 32, commit="", params={"lr": 0.2, "acc": 1}, metrics={"acc": Summary(last=0.5)}
    )
    runs = [FULL, other]

    usual = columns.usual(runs)

    assert [one.heading for one in columns.headed(usual)] == [
        one.heading for one in table.overview(runs, NOW).columns
    ]
    assert columns.shown(runs, usual, NOW).rows == table.overview(runs, NOW).rows


def test_any_usual_column_can_be_sorted_by() -> None:
    keys = [columns.sort_key(one) for one in columns.usual([FULL])]

    assert [key.name for key in keys] == ["id", "dirty", "started", "name", "status", "acc"]
    for key in keys:
        assert sorted([EMPTY, FULL], key=predicate.order(key, descending=False))
