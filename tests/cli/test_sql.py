"""git exp sql: the views, and what a query may not do."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from pathlib import Path

import pytest

from git_exp import Experiment
from git_exp.index import schema
from tests.cli.conftest import Ask, Runs

RUN = "11111111-0000-4000-8000-000000000000"
pytestmark = pytest.mark.usefixtures("repo")


@pytest.fixture
def two(runs: Runs) -> Runs:
    runs.add("base", params={"lr": 0.1, "opt": "adam"}, metrics={"acc": [0.1, 0.5]})
    runs.add("next", "x = 2\n", params={"lr": 0.01}, metrics={"acc": [0.9]}, tags=["good"])
    return runs


def test_a_query_answers_with_a_table(two: Runs, ask: Ask) -> None:
    query = "SELECT name, status, duration, dirty FROM runs ORDER BY started"

    assert ask("sql", query).out == (
        "name  status    duration  dirty\n"
        "base  finished      90.0      0\n"
        "next  finished      90.0      1\n"
    )  # fmt: skip


def test_params_metrics_and_tags_join_by_the_run(two: Runs, ask: Ask) -> None:
    query = (
        "SELECT r.name, p.value AS lr, m.last, m.min, m.count, t.tag FROM runs r"
        " JOIN params p ON p.run = r.id AND p.key = 'lr'"
        " JOIN metrics m ON m.run = r.id AND m.key = 'acc'"
        " LEFT JOIN tags t ON t.run = r.id ORDER BY m.last"
    )

    told = json.loads(ask("sql", query, "--json").out)

    assert told == {
        "schema": "git-exp/sql/1",
        "columns": ["name", "lr", "last", "min", "count", "tag"],
        "rows": [["base", 0.1, 0.5, 0.1, 2, None], ["next", 0.01, 0.9, 0.9, 1, "good"]],
    }


def test_events_are_the_records_as_json(two: Runs, ask: Ask) -> None:
    two.append("1" * 8 + "-0000-4000-8000-000000000000", "damaged")
    query = "SELECT event, json_extract(record, '$.exit_code') AS code, t FROM events WHERE run = "

    said = ask("sql", f"{query}'{'1' * 8}-0000-4000-8000-000000000000'", "--csv").out

    assert list(csv.reader(io.StringIO(said))) == [
        ["event", "code", "t"],
        ["run_start", "", "2026-01-02T03:04:05.000000Z"],
        ["run_end", "", "2026-01-02T03:05:35.000000Z"],
    ]


def test_a_running_run_is_there_with_what_it_has_tracked(repo: Path, ask: Ask) -> None:
    with Experiment("sealed", repo=repo) as done:
        done.track({"loss": 2.0})
    exp = Experiment("live", params={"lr": 1}, tags=["now"], repo=repo)
    exp.checkpoint()
    exp.track({"loss": 0.5})
    exp.note("said")

    rows = ask("sql", "SELECT name, status FROM runs ORDER BY name", "--jsonl").out
    metrics = ask("sql", "SELECT last FROM metrics ORDER BY last", "--jsonl").out
    more = (
        "SELECT (SELECT group_concat(text) FROM notes), (SELECT tag FROM tags), value FROM params"
    )

    assert rows == '{"name":"live","status":"running"}\n{"name":"sealed","status":"finished"}\n'
    assert metrics == '{"last":0.5}\n{"last":2.0}\n'
    assert json.loads(ask("sql", more, "--json").out)["rows"] == [["said", "now", 1.0]]
    exp.finish()
    assert json.loads(ask("sql", more, "--json").out)["rows"] == [["said", "now", 1.0]]


@pytest.mark.slow
@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM runs",
        "DROP TABLE main.run",
        "DELETE FROM main.run",
        "CREATE TABLE x (y)",
        "CREATE TEMP TABLE x (y)",
        "ATTACH 'other.db' AS other",
        "PRAGMA user_version = 7",
        "PRAGMA journal_mode",
        "SELECT lines FROM main.record",
        "SELECT * FROM main.run",
        "SELECT * FROM sqlite_schema",
        "WITH runs AS (SELECT * FROM main.record) SELECT hex(lines) FROM runs",
        "WITH runs AS (SELECT * FROM sqlite_schema) SELECT * FROM runs",
        "WITH view_runs AS (SELECT * FROM main.run) SELECT * FROM view_runs",
        "SELECT 1 FROM runs WHERE name LIKE printf('%.*c', 40000, 'a')",
        "SELECT load_extension('x')",
        "VACUUM INTO 'copy.db'",
        "BEGIN",
        "COMMIT",
        "SELECT 1; SELECT 2",
        "",
        "/* nothing */",
        "SELECT nothing FROM runs",
        "SELEC 1",
        "SELECT writefile('x', 'y')",
        "SELECT 1 WHERE ?",
        "SELECT '\0'",
    ],
)
def test_what_is_no_reading_of_the_views_is_refused(
    two: Runs, ask: Ask, repo: Path, query: str
) -> None:
    ask("log")
    before = sorted(path.name for path in repo.iterdir())

    said = ask("sql", query, code=2)

    assert said.out == ""
    assert said.err.startswith("error: bad SQL: ")
    assert len(said.err.splitlines()) == 2
    assert sorted(path.name for path in repo.iterdir()) == before
    assert ask("log", "--format", "%n").out == "next\nbase\n"


def test_a_query_without_end_is_stopped(two: Runs, ask: Ask) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"

    said = ask("sql", "--timeout", "0.2", endless, code=5)

    assert said.err == (
        "fatal: the query was stopped after 0.2 s\nhint: give it longer: --timeout SECONDS\n"
    )


def test_a_value_without_end_is_refused(two: Runs, ask: Ask) -> None:
    assert "too big" in ask("sql", "SELECT zeroblob(1000000000)", code=2).err


@pytest.mark.slow
def test_an_answer_that_nobody_could_read_is_refused_but_written_as_it_comes(
    two: Runs, ask: Ask
) -> None:
    large = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20)"
        " SELECT printf('%.*c', 9000000, 'x') AS x FROM n"
    )

    said = ask("sql", large, code=2)

    assert said.err == (
        "error: the answer has more than 64 MiB\nhint: --csv and --jsonl write it as it comes\n"
    )
    assert len(ask("sql", large, "--csv").out) == 20 * 9_000_001 + 2


def test_a_damaged_index_is_made_anew(two: Runs, ask: Ask, repo: Path) -> None:
    ask("log")
    place = repo / ".git/exp/index.db"
    size = place.stat().st_size
    with place.open("r+b") as file:
        file.seek(4_096)
        file.write(b"\xff" * (size - 4_096))

    assert ask("sql", "SELECT name FROM runs ORDER BY name", "--csv").out == "name\nbase\nnext\n"


def test_a_line_of_others_that_is_no_utf_8_is_an_event_all_the_same(
    two: Runs, ask: Ask, repo: Path
) -> None:
    line = b'{"t":"2026-01-02T03:04:06.000000Z","event":"strange","x":"\xff"}\n'
    (repo / "line").write_bytes(line)
    words = ("git", "notes", "--ref=exp", "append", "-F", "line", f"refs/runs/{RUN}")
    subprocess.run(words, check=True, capture_output=True)

    said = ask("sql", "SELECT event FROM events WHERE event = 'strange'", "--csv").out

    assert said == "event\nstrange\n"


def test_bytes_are_refused_with_a_way_out(two: Runs, ask: Ask) -> None:
    said = ask("sql", "SELECT x'00ff'", code=2)

    assert said.err == "error: the answer holds bytes\nhint: use hex(...) in the query\n"


def test_text_of_runs_reaches_no_terminal_as_it_is(runs: Runs, ask: Ask) -> None:
    runs.add("a\x1b[31mb")

    assert "a^[[31mb" in ask("sql", "SELECT name FROM runs").out


def test_every_view_is_on_the_manual_page_with_its_columns(two: Runs, ask: Ask) -> None:
    page = (Path(schema.__file__).parents[2] / "man/git-exp-sql.1").read_text()

    for view in schema.VIEWS:
        every = f"SELECT * FROM {view}"  # noqa: S608 - a name of ours
        columns = json.loads(ask("sql", every, "--json").out)["columns"]
        told = page.partition(f"\n\\fB{view}\\fR: ")[2].partition("\n.IP")[0]
        assert [column for column in columns if f"\\fB{column}\\fR" not in told] == []


def test_an_empty_repository_answers_with_no_rows(ask: Ask) -> None:
    assert json.loads(ask("sql", "SELECT id FROM runs", "--json").out)["rows"] == []


@pytest.mark.usefixtures("repo")
def test_a_wrong_pattern_is_said_to_be_one(runs: Runs, ask: Ask) -> None:
    runs.add("base")

    assert ask("sql", "SELECT 1 FROM runs WHERE name REGEXP '('", code=2).err == (
        "error: bad SQL: a pattern of regexp is wrong\n"
        "hint: regexp 'loss_[0-9]+': the syntax is RE2's\n"
    )
