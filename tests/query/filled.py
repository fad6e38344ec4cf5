"""Runs made up at random, and an index in memory that holds them."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from git_exp import metrics, records
from git_exp.index import database, rows, schema
from git_exp.query import fields, predicate, sql
from git_exp.query.fields import Catalogue, Condition, Key
from git_exp.records import Git, Host, Summary
from git_exp.run import NoteText, Run

KNOWN = Catalogue(
    params=frozenset({"lr", "optimizer.lr", "my key", "seed", "acc", "and", "x-y"}),
    metrics=frozenset({"acc", "val/acc", "loss", "m.n"}),
    meta=frozenset({"model.depth", "model.name", "seed", "a b"}),
)
START = 1_767_323_045_000_000
DAY = 86_400_000_000
WORDS = ("", "a", "b", "main", "feature/x", "0.1", "1", "true", "null", "NaN", "é", "😀", "a\nb",
         "a\0b", "\0", "Infinity", "bad tag", "%", "_", "abcd", "ABCD")  # fmt: skip
NUMBERS = (0, -0.0, 1, 0.1, 1.0, -1, 1e-9, 2**53, 2**53 + 1, 2**70, 2**2000, -(2**2000), 0.01,
           math.inf, -math.inf, math.nan)  # fmt: skip

words = st.sampled_from(WORDS) | st.text(st.characters(codec="utf-8"), max_size=5)
numbers = st.sampled_from(NUMBERS) | st.floats() | st.integers(-3, 3)
leaves = words | numbers | st.booleans() | st.none()
values = leaves | st.lists(leaves, max_size=2) | st.dictionaries(words, leaves, max_size=2)
summaries = st.builds(
    Summary,
    last=numbers | st.just("no number"),
    min=numbers | st.none(),
    max=numbers | st.none(),
    first=numbers | st.none(),
    count=st.integers(0, 5),
)
stamps = st.integers(-2, 2).flatmap(
    lambda days: st.integers(-2, 2).map(lambda some: records.stamp(START + days * DAY + some))
)
gits = st.builds(
    Git,
    commit=st.just("c" * 40),
    capture=st.just("full"),
    base=st.sampled_from(("abcd" * 10, "abce" * 10, "abcd", "ABCD" * 10, "", "a\0b")) | st.none(),
    branch=words | st.none(),
    dirty=st.booleans() | st.none(),
)
metadata = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "model": st.fixed_dictionaries({}, optional={"depth": leaves, "name": leaves}),
        "seed": leaves,
        "a b": leaves,
    },
)


@st.composite
def runs(draw: st.DrawFn, most: int = 6) -> list[Run]:
    """A few runs, each with an id and a commit of its own."""
    drawn = draw(st.lists(described(), max_size=most))
    for at, run in enumerate(drawn):
        run.id = f"abcd{at % 2}{at:03d}-0000-4000-8000-000000000000"
        run.commit = f"{'ab' if at % 3 else 'cd'}cd{at:036d}"
    return drawn


def described() -> st.SearchStrategy[Run]:
    return st.builds(
        Run,
        id=st.just(""),
        commit=st.just(""),
        name=words,
        status=st.sampled_from(("finished", "failed", "running")),
        started=stamps | st.just(""),
        ended=stamps | st.none(),
        duration_ms=st.sampled_from((0.0, 500.0, 60_000.0, 5_400_000.0)) | st.none(),
        exit_code=st.integers(-2, 2) | st.none(),
        params=st.dictionaries(st.sampled_from(sorted(KNOWN.params)), values, max_size=5),
        metrics=st.dictionaries(st.sampled_from(sorted(KNOWN.metrics)), summaries, max_size=4),
        metadata=metadata,
        tags=st.lists(words, max_size=3, unique=True),
        notes=st.lists(st.builds(NoteText, t=st.just("t"), text=words), max_size=2),
        group=words | st.none(),
        parent_run=st.sampled_from(("abcd0001-0000-4000-8000-000000000000", "abcd")) | st.none(),
        user=words | st.none(),
        host=st.builds(Host, name=words) | st.none(),
        git=gits | st.none(),
    )


def a_run(at: int = 0, **given: Any) -> Run:
    """A run with an id and a commit made of a number; metrics may be bare numbers."""
    summed = {
        path: value if isinstance(value, Summary) else summary(value)
        for path, value in given.pop("metrics", {}).items()
    }
    made = {"id": f"{at:08d}-0000-4000-8000-000000000000", "commit": f"{at:040d}"}
    return Run(**{**made, "metrics": summed, **given})


def summary(*tracked: float) -> Summary:
    """What is kept of the values of one metric."""
    kept = metrics.Fold()
    for step, value in enumerate(tracked):
        kept.add(records.Track(t=records.stamp(START), step=step, value={"m": value}))
    return kept.summaries["m"]


def index(found: Sequence[Run]) -> sqlite3.Connection:
    """An index in memory with these runs, as the real one writes them."""
    connection = database._connected(":memory:")
    connection.executescript(schema.TABLES)
    notes = [rows.Noted(commit=run.commit, lines=b"", run=run) for run in found]
    rows.Writer(connection).write(notes)
    return connection


def selected(connection: sqlite3.Connection, condition: Condition) -> list[str]:
    """The ids of the runs that fit by SQL; each is asked for its truth, which is never NULL."""
    clause = sql.where(condition)
    asked = f"SELECT r.run_id, ({clause.text}) FROM run r ORDER BY r.id"  # noqa: S608
    told = connection.execute(asked, clause.values).fetchall()
    assert {truth for _, truth in told} <= {0, 1}
    return [run_id for run_id, truth in told if truth]


def fitting(found: Sequence[Run], condition: Condition) -> list[str]:
    """The ids of the runs that fit by the predicate."""
    fits = predicate.predicate(condition)
    return [run.id for run in found if fits(run)]


def sorted_by_sql(connection: sqlite3.Connection, key: Key, *, descending: bool) -> list[str]:
    clause = sql.order(key, descending=descending)
    asked = f"SELECT run_id FROM run r ORDER BY {clause.text}, r.run_id"  # noqa: S608
    return [run_id for (run_id,) in connection.execute(asked, clause.values)]


def sorted_by_predicate(found: Sequence[Run], key: Key, *, descending: bool) -> list[str]:
    by_id = sorted(found, key=lambda run: run.id)
    return [run.id for run in sorted(by_id, key=predicate.order(key, descending=descending))]


def asked(text: str, known: Catalogue = KNOWN) -> Condition:
    """An expression understood; a date in words is that of the first run, to the second."""
    return fields.expression(text, known, when)


def when(text: str) -> tuple[int, int] | None:
    return (START, START + 1_000_000) if text in ("then", "2 weeks ago") else None
