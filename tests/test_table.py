"""Tables: what every screen shows of runs, and how numbers and times read."""

from __future__ import annotations

import math
from typing import Any

import pytest

from git_exp import errors, records, table
from git_exp.records import Git, Host, Process, Summary
from git_exp.run import Run

NOW = 1_767_323_045_000_000
A = "aaaa1111-0000-4000-8000-000000000001"
B = "bbbb1111-0000-4000-8000-000000000002"


def a_run(run_id: str = A, **given: Any) -> Run:
    found = {path: Summary(last=value, max=value) for path, value in given.pop("m", {}).items()}
    started = records.stamp(NOW - given.pop("before", 7_200) * 1_000_000)
    kept = {"commit": "c" * 40, "name": "base", "status": "finished", "started": started, **given}
    return Run(id=run_id, metrics=found, **kept)


def filled(form: str, run: Run) -> str:
    return table.template(form)(run, NOW, lambda text: text)


# -- the overview ------------------------------------------------------------------------------


def test_the_overview_has_the_params_that_differ_and_all_metrics() -> None:
    runs = [
        a_run(B, name="next", params={"lr": 0.1, "seed": 1}, m={"acc": 0.98765}, before=30),
        a_run(A, params={"lr": 0.01, "seed": 1}, m={"acc": 0.5, "loss": 12}, status="failed"),
    ]

    shown = table.overview(runs, NOW)

    assert [column.heading for column in shown.columns] == [
        "ID", "AGE", "NAME", "STATUS", "lr", "acc", "loss",
    ]  # fmt: skip
    assert shown.rows == [
        ["bbbb1111", "30 seconds ago", "next", "finished", "0.1", "0.9877", "-"],
        ["aaaa1111", "2 hours ago", "base", "failed", "0.01", "0.5", "12"],
    ]


def test_a_param_that_only_some_runs_have_differs() -> None:
    runs = [a_run(B, params={"lr": None}), a_run(A)]

    assert table.differing_params(runs) == ["lr"]
    assert [row[4] for row in table.overview(runs, NOW).rows] == ["null", "-"]


def test_one_run_alone_differs_in_nothing() -> None:
    assert table.differing_params([a_run(params={"lr": 0.1})]) == []


def test_params_of_several_types_are_compared_as_they_are_written() -> None:
    runs = [a_run(B, params={"n": 1, "on": True}), a_run(A, params={"n": 1.0, "on": 1})]

    assert table.differing_params(runs) == ["n", "on"]


def test_a_param_named_like_a_metric_says_which_it_is() -> None:
    runs = [a_run(B, params={"acc": 1}, m={"acc": 0.5}), a_run(A)]

    headings = [column.heading for column in table.overview(runs, NOW).columns]

    assert headings[4:] == ["param:acc", "acc"]


def test_the_metrics_that_most_runs_have_come_first() -> None:
    runs = [a_run(B, m={"rare": 1, "acc": 1}), a_run(A, m={"acc": 2, "loss": 1})]

    assert table.metric_paths(runs) == ["acc", "rare", "loss"]


def test_dirty_and_partial_snapshots_are_marked() -> None:
    clean, dirty, partial = (
        Git(commit="c", capture="full", dirty=False), Git(commit="c", capture="full", dirty=True),
        Git(commit="c", dirty=True, capture="partial"),
    )  # fmt: skip

    runs = [a_run(git=git) for git in (None, clean, dirty, partial)]

    assert [table.mark(run) for run in runs] == ["", "", "*", "!"]
    assert [row[1] for row in table.overview(runs, NOW).rows] == ["", "", "*", "!"]


def test_a_run_of_damaged_records_has_dashes() -> None:
    run = Run(id="", commit="c" * 40)

    assert table.overview([run], NOW).rows == [["-", "-", "-", "running"]]


def test_one_line_of_a_run_is_its_id_name_and_metrics() -> None:
    dirty = Git(commit="c", capture="full", dirty=True)

    clean_line = "".join(text for text, _ in table.oneline(a_run(m={"acc": 0.5, "loss": 1})))
    dirty_line = "".join(text for text, _ in table.oneline(a_run(git=dirty, status="failed")))

    assert clean_line == "aaaa1111  base acc=0.5 loss=1"
    assert dirty_line == "aaaa1111* base failed"


def test_the_exact_table_rounds_nothing_and_leaves_out_nothing() -> None:
    run = a_run(
        params={"lr": 0.1}, m={"acc": 0.123456789}, tags=["x"], user="Ada", host=Host(name="h"),
        process=Process(pid=1, argv=["python", "a b.py"]),
        git=Git(commit="c", capture="full", branch="main"),
    )  # fmt: skip

    headings, rows = table.exact([run, a_run(B)])

    assert headings == [
        "id", "name", "status", "started", "ended", "duration_ms", "exit_code", "commit", "base",
        "branch", "dirty", "capture", "parent", "group", "tags", "user", "host", "command",
        "params.lr", "metrics.acc",
    ]  # fmt: skip
    assert rows == [
        [A, "base", "finished", "2026-01-02T01:04:05.000000Z", None, None, None, "c" * 40, None,
         "main", None, "full", None, None, ["x"], "Ada", "h", "python 'a b.py'", 0.1, 0.123456789],
        [B, "base", "finished", "2026-01-02T01:04:05.000000Z", None, None, None, "c" * 40, None,
         None, None, None, None, None, None, None, None, None, None, None],
    ]  # fmt: skip


def test_a_run_that_nothing_is_known_of_has_few_facts() -> None:
    run = Run(id=A, commit="c" * 40)

    assert table.facts(run, NOW) == [("Status", "running"), ("Commit", "c" * 40)]
    assert (table.params(run), table.left_out(run)) == ([], [])


# -- times and numbers -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "in the future"), (0, "0 seconds ago"), (1, "1 second ago"), (89, "89 seconds ago"),
        (90, "2 minutes ago"), (89 * 60, "89 minutes ago"), (90 * 60, "2 hours ago"),
        (35 * 3600, "35 hours ago"), (36 * 3600, "2 days ago"), (13 * 86400, "13 days ago"),
        (14 * 86400, "2 weeks ago"), (69 * 86400, "10 weeks ago"), (70 * 86400, "2 months ago"),
        (364 * 86400, "12 months ago"), (365 * 86400, "1 year ago"),
        (400 * 86400, "1 year, 1 month ago"), (800 * 86400, "2 years, 2 months ago"),
        (1825 * 86400, "5 years ago"),
    ],
)  # fmt: skip
def test_an_age_reads_as_git_writes_it(seconds: int, words: str) -> None:
    assert table.age(records.stamp(NOW - seconds * 1_000_000), NOW) == words


def test_an_age_of_no_time_is_a_dash() -> None:
    assert table.age("", NOW) == "-"


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (None, "-"), (0, "0 ms"), (830.4, "830 ms"), (1_000, "1.0 s"), (59_949, "59.9 s"),
        (59_990, "1 min 00 s"), (200_000, "3 min 20 s"), (18_120_000, "5 h 02 min"),
        (90_000_000, "1 d 01 h"),
    ],
)  # fmt: skip
def test_a_duration_has_two_units_at_most(milliseconds: float | None, words: str) -> None:
    assert table.duration(milliseconds) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(None, "-"), (0, "0 bytes"), (1023, "1023 bytes"), (10 << 20, "10 MiB"), (3 << 40, "3 TiB")],
)  # fmt: skip
def test_sizes_are_in_binary_units(count: int | None, words: str) -> None:
    assert table.size(count) == words


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (3, "3"), (2**70, "1180591620717411303424"), (0.98765, "0.9877"), (1.0, "1"),
        (12345.678, "12346"), (1e15, "1e+15"), (1e-7, "1e-07"), (-0.0001234567, "-0.0001235"),
        (math.nan, "nan"), ("Infinity", "inf"), (None, "-"), ("high", "high"),
    ],
)  # fmt: skip
def test_metrics_have_four_significant_digits(value: Any, shown: str) -> None:
    assert table.number(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [("a b", "a b"), (0.30000000000000004, "0.30000000000000004"), (True, "true"), (None, "null"),
     (math.inf, "Infinity"), ([1, math.nan], '[1,"NaN"]'), ({"a": 1}, '{"a":1}')],
)  # fmt: skip
def test_params_are_exact(value: Any, shown: str) -> None:
    assert table.text(value) == shown


# -- --format ----------------------------------------------------------------------------------


def test_a_format_names_what_it_wants_of_a_run() -> None:
    run = a_run(params={"lr": 0.1}, m={"acc": 0.123456789}, tags=["a", "b"], duration_ms=1_500.0)

    assert filled("%h %n %(metric:acc)", run) == "aaaa1111 base 0.123456789"
    assert filled("%H%x09%s|%c|%b|%d|%t", run) == f"{A}\tfinished|{'c' * 40}||1.5 s|a,b"
    assert filled("%ar, %aI", run) == "2 hours ago, 2026-01-02T01:04:05.000000Z"
    assert filled("100%% %(param:lr) %(param:no)%(metric:no)", run) == "100% 0.1 "
    assert filled("%(metric:max(acc)) %(metric:min(acc))", run) == "0.123456789 "
    assert filled("no placeholder", run) == "no placeholder"


def test_every_placeholder_that_is_listed_can_be_used() -> None:
    known = [one.replace("xNN", "x41") for one in table.PLACEHOLDERS]

    shown = {one: filled(one, a_run()) for one in known}

    assert shown["%(duration)"] == ""
    assert shown["%(mark)"] == ""
    assert shown["%(error)"] == ""
    assert shown["%x41"] == "A"
    assert shown["%(command)"] == ""


@pytest.mark.parametrize(
    "form", ["%q", "%", "%(nope)", "%()", "%(metric:)", "%(param)", "%(id", "%xZZ", "%ad"]
)
def test_an_unknown_placeholder_is_refused_with_the_list(form: str) -> None:
    with pytest.raises(errors.UsageError, match="unknown placeholder '%") as caught:
        table.template(f"%h {form}")

    assert caught.value.exit_code == 2
    assert str(caught.value.hint).startswith("%H, %h, %n, ")
    assert "%(metric:NAME)" in str(caught.value.hint)


def test_only_what_came_from_a_run_is_cleaned() -> None:
    made = table.template("%x1b%n")

    assert made(a_run(name="\x1b"), NOW, lambda text: text.replace("\x1b", "?")) == "\x1b?"
