"""Profiles of real files: what is counted, what is estimated, and what cannot be read."""

from __future__ import annotations

import gzip
import json
import math
import subprocess
import sys
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_exp import errors
from git_exp.session.profile import DataProfile
from git_exp.session.profiler import DataProfiler
from git_exp.session.profiling import distinct, sample, source, tally

ROWS = [
    {"age": 31, "pay": 1.5, "city": "Rome", "ok": True},
    {"age": 45, "pay": None, "city": "Oslo", "ok": False},
    {"age": 31, "pay": 4.0, "city": "Rome", "ok": True},
]
HEAD = source.HEAD_ROWS


def profile(path: Path, target: str | None = None, task: Any = None) -> DataProfile:
    return DataProfiler(path, target, task).profile()


def csv(folder: Path, text: str | bytes, name: str = "data.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def column(folder: Path, *values: object) -> Path:
    """A CSV of one column `x` beside one that has no gaps."""
    return csv(folder, "x,row\n" + "".join(f"{one},{at}\n" for at, one in enumerate(values)))


def refusal(path: Path, target: str | None = None) -> errors.GitExpError:
    with pytest.raises(errors.GitExpError) as caught:
        profile(path, target)
    return caught.value


# -- Every field ---------------------------------------------------------------------------------


def test_every_field_of_a_small_table_is_exact(tmp_path: Path) -> None:
    path = csv(tmp_path, "age,pay,city,ok\n31,1.5,Rome,True\n45,,Oslo,False\n31,4.0,Rome,True\n")

    found = profile(path, "ok")

    assert msgspec.to_builtins(found) == {
        "n_rows": 3,
        "n_columns": 4,
        "columns": ["age", "pay", "city", "ok"],
        "column_types": {"age": "int64", "pay": "float64", "city": "object", "ok": "bool"},
        "numeric_columns": ["age", "pay"],
        "categorical_columns": ["city", "ok"],
        "target_column": "ok",
        "target_type": "categorical",
        "missing_values": {"age": 0, "pay": 1, "city": 0, "ok": 0},
        "missing_percentages": {"age": 0.0, "pay": 100 / 3, "city": 0.0, "ok": 0.0},
        "numeric_stats": {
            "age": {
                "mean": pytest.approx(107 / 3), "std": pytest.approx(8.0829037686), "min": 31,
                "25%": 31.0, "50%": 31.0, "75%": 38.0, "max": 45, "n_zeros": 0,
                "n_infinite": 0, "n_unique": 2, "approximate": [],
            },
            "pay": {
                "mean": 2.75, "std": pytest.approx(1.7677669529), "min": 1.5, "25%": 2.125,
                "50%": 2.75, "75%": 3.375, "max": 4.0, "n_zeros": 0, "n_infinite": 0,
                "n_unique": 2, "approximate": [],
            },
        },
        "categorical_stats": {
            "city": {
                "n_unique": 2, "most_frequent": "Rome", "most_frequent_count": 2,
                "top_values": {"Rome": 2, "Oslo": 1}, "approximate": [],
            },
            "ok": {
                "n_unique": 2, "most_frequent": "True", "most_frequent_count": 2,
                "top_values": {"True": 2, "False": 1}, "approximate": [],
            },
        },
        "datetime_stats": {},
        "target_stats": {
            "n_classes": 2, "class_counts": {"True": 2, "False": 1}, "other_count": 0,
            "class_balance": {"True": 2 / 3, "False": 1 / 3}, "imbalance_ratio": 2.0,
            "majority_class": "True", "minority_class": "False", "n_missing": 0,
            "approximate": [],
        },
        "notes": [],
    }  # fmt: skip


def test_a_profile_survives_json(tmp_path: Path) -> None:
    found = profile(column(tmp_path, "1.5", "", "inf", "nan"), "x")

    assert msgspec.json.decode(msgspec.json.encode(found), type=DataProfile) == found
    assert json.loads(msgspec.json.encode(found))["missing_values"]["x"] == 2


# -- Forms and encodings -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["a.csv", "a.CSV", "a.tsv", "a.tab", "a.csv.gz", "a.tsv.gz", "a.parquet", "a.pq", "a.jsonl",
     "a.ndjson", "a.jsonl.gz", "a[1]*.csv", "a[1]*.parquet",
     "a[1]*.jsonl", "a[1]*.csv.gz"],
)  # fmt: skip
def test_a_table_has_the_same_profile_in_every_form(tmp_path: Path, name: str) -> None:
    path, frame = tmp_path / name, pl.DataFrame(ROWS)
    bare = name.removesuffix(".gz")
    if bare.endswith(("parquet", "pq")):
        frame.write_parquet(path)
    elif bare.endswith("json") or bare.endswith("jsonl"):
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    else:
        separator = "," if bare.lower().endswith("csv") else "\t"
        path.write_text(frame.write_csv(separator=separator))
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(path.read_bytes(), mtime=0))

    found = profile(path, "city")

    assert found == profile(csv(tmp_path, frame.write_csv(), "plain.csv"), "city")
    assert found.missing_values == {"age": 0, "pay": 1, "city": 0, "ok": 0}


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_a_header_without_commas_is_split_at_what_it_has(tmp_path: Path, separator: str) -> None:
    text = 'a-b-c\n1-"x,y"-2\n'.replace("-", separator)

    found = profile(csv(tmp_path, text))

    assert found.columns == ["a", "b", "c"]
    assert found.categorical_stats["b"]["top_values"] == {"x,y": 1}


@pytest.mark.parametrize(
    ("encoding", "note"),
    [
        ("utf-8", []),
        ("utf-8-sig", []),
        ("utf-16", ["the file is read as utf-16"]),
        ("utf-32", ["the file is read as utf-32"]),
        ("cp1252", ["the file is read as cp1252"]),
        ("latin-1", ["the file is read as cp1252"]),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_text_of_another_encoding_is_read_and_the_notes_say_so(
    tmp_path: Path, encoding: str, note: list[str], name: str
) -> None:
    text = "stadt,größe\nKöln,1\nZürich,2\n".encode(encoding)
    path = csv(tmp_path, gzip.compress(text, mtime=0) if name.endswith("gz") else text, name)

    found = profile(path)

    assert found.columns == ["stadt", "größe"]
    assert found.categorical_stats["stadt"]["top_values"] == {"Köln": 1, "Zürich": 1}
    assert found.notes == note


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_json_lines_of_another_encoding_are_read(tmp_path: Path, encoding: str) -> None:
    path = csv(tmp_path, '{"stadt": "Köln"}\n{"stadt": "Köln"}\n'.encode(encoding), "a.jsonl")

    found = profile(path)

    assert found.categorical_stats["stadt"]["top_values"] == {"Köln": 2}


def test_an_encoding_that_only_shows_far_into_the_file_is_read_again(tmp_path: Path) -> None:
    line = b"abcdefgh,1\n"
    text = b"name,n\n" + line * (source.HEAD_BYTES // len(line) + 1) + "Köln,2\n".encode("cp1252")

    found = profile(csv(tmp_path, text))

    assert found.categorical_stats["name"]["top_values"]["Köln"] == 1
    assert found.notes == ["the file is read as cp1252"]


def test_lines_may_end_as_on_windows_or_on_an_old_mac(tmp_path: Path) -> None:
    windows = profile(csv(tmp_path, "a,b\r\n1,x\r\n2,y\r\n", "w.csv"))
    mac = profile(csv(tmp_path, "a,b\r1,x\r2,y\r", "m.csv"))

    assert windows == mac
    assert mac.categorical_stats["b"]["top_values"] == {"x": 1, "y": 1}
    assert mac.column_types["a"] == "int64"


def test_no_copy_of_the_file_stays_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))

    profile(csv(tmp_path, "a\né\n".encode("utf-16")))
    refusal(csv(tmp_path, "a,b\n1,2,3\n".encode("utf-16"), "ragged.csv"))

    assert list(folder.iterdir()) == []


# -- Edges ---------------------------------------------------------------------------------------


def test_a_header_alone_has_columns_and_no_rows(tmp_path: Path) -> None:
    found = profile(csv(tmp_path, "a,b"), "b")

    assert (found.n_rows, found.columns) == (0, ["a", "b"])
    assert found.missing_percentages == {"a": 0.0, "b": 0.0}
    assert found.categorical_stats["a"]["n_unique"] == 0
    assert found.target_stats["n_classes"] == 0
    assert found.target_stats["imbalance_ratio"] is None


def test_one_row_has_no_deviation_and_is_its_own_quantiles(tmp_path: Path) -> None:
    found = profile(csv(tmp_path, "a,b\n7,x\n"), "a")

    stats = found.numeric_stats["a"]
    assert (stats["mean"], stats["std"]) == (7.0, None)
    assert (stats["min"], stats["25%"], stats["75%"], stats["max"]) == (7, 7.0, 7.0, 7)


def test_a_column_without_values_is_all_missing(tmp_path: Path) -> None:
    found = profile(csv(tmp_path, "a,b,c\n1,,NA\n2,,\n"), "b")

    assert found.missing_values == {"a": 0, "b": 2, "c": 2}
    assert found.missing_percentages["b"] == 100.0
    assert found.column_types["b"] == "object"
    assert found.categorical_stats["c"] == {
        "n_unique": 0, "most_frequent": None, "most_frequent_count": 0, "top_values": {},
        "approximate": [],
    }  # fmt: skip
    assert found.target_stats["n_missing"] == 2
    assert found.target_stats["class_balance"] == {}


def test_a_parquet_column_of_nothing_but_gaps_is_all_missing(tmp_path: Path) -> None:
    frame = pl.DataFrame({"none": [None, None], "nan": [math.nan, None]})
    frame.write_parquet(tmp_path / "a.parquet")

    found = profile(tmp_path / "a.parquet")

    assert found.missing_values == {"none": 2, "nan": 2}
    assert found.column_types == {"none": "object", "nan": "float64"}
    assert found.numeric_stats["nan"]["mean"] is None
    assert found.numeric_stats["nan"]["50%"] is None


def test_a_constant_column_has_no_spread(tmp_path: Path) -> None:
    found = profile(column(tmp_path, *["0.1"] * 1000), "x", "regression")

    stats = found.numeric_stats["x"]
    assert (stats["std"], stats["n_unique"]) == (pytest.approx(0, abs=1e-12), 1)
    assert (stats["min"], stats["50%"], stats["max"]) == (0.1, 0.1, 0.1)
    assert found.target_stats["skewness"] is None


def test_infinities_are_counted_apart_and_nan_is_missing(tmp_path: Path) -> None:
    found = profile(column(tmp_path, "1.5", "inf", "-Infinity", "NaN", "2.5", "0", "1e999"))

    stats = found.numeric_stats["x"]
    assert found.missing_values["x"] == 1
    assert stats["n_infinite"] == 3
    assert (stats["mean"], stats["min"], stats["max"]) == (pytest.approx(4 / 3), 0.0, 2.5)
    assert (stats["50%"], stats["n_zeros"]) == (1.5, 1)


def test_what_is_beyond_the_range_of_floats_is_not_said(tmp_path: Path) -> None:
    found = profile(column(tmp_path, "1e308", "-1e308", "1.5e308"))

    stats = found.numeric_stats["x"]
    assert stats["std"] is None
    assert (stats["min"], stats["max"]) == (-1e308, 1.5e308)


def test_ten_thousand_categories_are_counted_exactly(tmp_path: Path) -> None:
    names = [f"c{at % 10_000}" for at in range(20_000)] + ["c7"]

    found = profile(column(tmp_path, *names), "x")

    assert found.categorical_stats["x"]["n_unique"] == 10_000
    assert found.categorical_stats["x"]["most_frequent"] == "c7"
    assert found.categorical_stats["x"]["most_frequent_count"] == 3
    assert len(found.categorical_stats["x"]["top_values"]) == 10
    assert found.categorical_stats["x"]["approximate"] == []
    assert found.target_stats["n_classes"] == 10_000
    assert len(found.target_stats["class_counts"]) == 100
    assert found.target_stats["other_count"] == 20_001 - 201
    assert found.target_stats["imbalance_ratio"] == 1.5


def test_long_text_is_cut_where_it_is_shown(tmp_path: Path) -> None:
    found = profile(column(tmp_path, "a" * 5000, "b"))

    assert list(found.categorical_stats["x"]["top_values"]) == ["a" * 100, "b"]


def test_numbers_and_text_in_one_column_are_text(tmp_path: Path) -> None:
    found = profile(column(tmp_path, "1", "two", "3"))

    assert found.column_types["x"] == "object"
    assert found.categorical_stats["x"]["n_unique"] == 3


@pytest.mark.parametrize(
    ("first", "last", "kind", "note"),
    [
        ("1", "x", "object", ["begins as whole numbers", "it is read as text"]),
        ("1", "2.5", "float64", ["begins as whole numbers", "it is read as numbers"]),
        ("1", "99999999999999999999", "float64", ["it is read as numbers"]),
        ("1.5", "x", "object", ["begins as numbers"]),
        ("true", "maybe", "object", ["begins as truths"]),
        ("2026-01-02", "soon", "object", ["begins as dates"]),
        ("1", "NA", "int64", []),
        ("1.5", "?", "float64", []),
        ("True", "n/a", "bool", []),
        ("2026-01-02", "NA", "datetime64", []),
        ("", "5", "int64", []),
        ("NA", "x", "object", []),
    ],
)
def test_what_comes_after_the_first_rows_may_change_what_a_column_is(
    tmp_path: Path, first: str, last: str, kind: str, note: list[str]
) -> None:
    found = profile(column(tmp_path, *[first] * (HEAD + 5), last))

    nothing = ("", "NA", "?", "n/a")
    absent = (first in nothing) * (HEAD + 5) + (last in nothing)
    assert found.column_types == {"x": kind, "row": "int64"}
    assert found.n_rows == HEAD + 6
    # Text may mean something by NA: it is a value where one column has other words.
    assert found.missing_values["x"] == (absent if last != "x" else 0)
    assert len(found.notes) == bool(note)
    assert all(part in found.notes[0] for part in note)


@pytest.mark.parametrize("word", ["NA", "N/A", "null", "NaN", "None", "?", '" "'])
def test_words_for_nothing_are_missing_among_numbers(tmp_path: Path, word: str) -> None:
    found = profile(column(tmp_path, "1", word, " 3 "))

    assert found.column_types["x"] == "int64"
    assert found.missing_values["x"] == 1
    assert found.numeric_stats["x"]["mean"] == 2.0


def test_words_for_nothing_are_words_in_text_but_quotes_around_nothing_are_missing(
    tmp_path: Path,
) -> None:
    found = profile(column(tmp_path, "NA", '""', "DE", ""))

    assert found.missing_values["x"] == 2
    assert found.categorical_stats["x"]["top_values"] == {"DE": 1, "NA": 1}


@pytest.mark.parametrize(
    ("first", "last", "kind"),
    [(1, "x", "object"), (1, 2.5, "float64"), (1, "3", "int64"), (True, 1, "object"),
     (None, 4, "int64"), (None, "x", "object"), ("x", 5, "object"), (1, {"a": 2}, "object")],
)  # fmt: skip
def test_json_lines_may_change_what_a_column_is_too(
    tmp_path: Path, first: Any, last: Any, kind: str
) -> None:
    lines = [json.dumps({"x": one, "y": 1}) + "\n" for one in [first] * (HEAD + 5) + [last]]

    found = profile(csv(tmp_path, "".join(lines), "a.jsonl"))

    assert found.column_types == {"x": kind, "y": "int64"}
    assert found.missing_values["x"] == (first is None) * (HEAD + 5)


def test_text_of_json_that_looks_like_a_number_is_text(tmp_path: Path) -> None:
    found = profile(csv(tmp_path, '{"zip": "01234"}\n{"zip": "10115"}\n', "a.jsonl"))

    assert found.column_types == {"zip": "object"}


def test_keys_that_some_objects_lack_are_missing_there(tmp_path: Path) -> None:
    found = profile(csv(tmp_path, '{"a": 1}\n{"b": "x", "c": [1, 2]}\n\n', "a.jsonl"))

    assert found.n_rows == 2
    assert found.missing_values == {"a": 1, "b": 1, "c": 1}
    assert found.column_types["c"] == "object"


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        (["2026-01-02", "2025-12-31"], "2025-12-31", "2026-01-02"),
        (["2026-01-02 03:04:05", "2026-01-02 03:04:05.5"], "2026-01-02T03:04:05",
         "2026-01-02T03:04:05.500000"),
        (["2026-01-02T03:04:05Z", "2026-01-02T03:04:05+02:00"], "2026-01-02T01:04:05+00:00",
         "2026-01-02T03:04:05+00:00"),
    ],
)  # fmt: skip
def test_dates_are_neither_numbers_nor_categories(
    tmp_path: Path, text: list[str], first: str, last: str
) -> None:
    found = profile(column(tmp_path, *text))

    assert found.column_types["x"] == "datetime64"
    assert found.numeric_columns + found.categorical_columns == ["row"]
    assert found.datetime_stats["x"] == {
        "min": first, "max": last, "n_unique": 2, "approximate": [],
    }  # fmt: skip


def test_types_that_only_parquet_has_find_their_names(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "tiny": pl.Series([1, 2], dtype=pl.UInt8),
            "money": pl.Series(["1.25", "2.25"]).cast(pl.Decimal(10, 2)),
            "cat": pl.Series(["a", "a"], dtype=pl.Categorical),
            "when": pl.Series(["2026-01-02", None]).str.to_date(),
            "list": [[1], None],
            "raw": [b"x", b"y"],
        }
    )
    frame.write_parquet(tmp_path / "a.parquet")

    found = profile(tmp_path / "a.parquet", "list")

    assert found.column_types == {
        "tiny": "int64", "money": "float64", "cat": "object", "when": "datetime64",
        "list": "object", "raw": "object",
    }  # fmt: skip
    assert found.numeric_stats["money"]["mean"] == 1.75
    assert found.categorical_columns == ["cat"]
    assert found.missing_values["list"] == 1
    assert found.notes == [
        "column 'list' is nested or binary: only its missing values are counted",
        "column 'raw' is nested or binary: only its missing values are counted",
        "target 'list' is neither numbers nor text",
    ]


def test_columns_without_a_name_or_with_that_of_another_get_one(tmp_path: Path) -> None:
    found = profile(csv(tmp_path, "a,a,,a,\n1,2,3,4,5\n"), "a.2")

    assert found.columns == ["a", "a.1", "Unnamed: 2", "a.2", "Unnamed: 4"]
    assert [found.numeric_stats[one]["min"] for one in found.columns] == [1, 2, 3, 4, 5]
    assert found.notes[0] == "column 2 has the name of another: it is called 'a.1'"
    assert found.notes[1] == "column 3 has no name: it is called 'Unnamed: 2'"


def test_a_name_that_is_made_up_is_not_that_of_another_column(tmp_path: Path) -> None:
    found = profile(csv(tmp_path, "a,a,a.1,\n1,2,3,4\n"))

    assert len(set(found.columns)) == found.n_columns == 4
    assert [found.numeric_stats[one]["min"] for one in found.columns] == [1, 2, 3, 4]


def test_names_of_columns_may_be_any_text(tmp_path: Path) -> None:
    names = ["count", "row", "value", "c0", "^a.*$", "*", "x.mean"]

    found = profile(csv(tmp_path, f"{','.join(names)}\n{','.join('1234567')}\n"), "*")

    assert found.columns == names
    assert [found.numeric_stats[one]["min"] for one in names] == [1, 2, 3, 4, 5, 6, 7]


# -- Targets -------------------------------------------------------------------------------------


class Task(Enum):
    CLASSIFICATION = "classification"
    REGRESSION = "regression"


@pytest.mark.parametrize(
    ("values", "task", "kind"),
    [
        (["a", "b", "c"], None, "categorical"),
        (["true", "false"], None, "categorical"),
        ([0, 1], None, "categorical"),
        ([0, 1, 2] * 5, None, "categorical"),
        (["0.0", "1.0", ""] * 5, None, "categorical"),
        ([1, 2, 3], None, "numeric"),
        (list(range(21)) * 5, None, "numeric"),
        (["0.5", "1.5"] * 5, None, "numeric"),
        ([0, 1] * 5, "regression", "numeric"),
        ([0, 1] * 5, Task.REGRESSION, "numeric"),
        (["0.5", "1.5"] * 5, Task.CLASSIFICATION, "categorical"),
    ],
)
def test_the_type_of_a_target_is_told_by_its_values_unless_the_task_is_given(
    tmp_path: Path, values: list[Any], task: Any, kind: str
) -> None:
    found = profile(column(tmp_path, *values), "x", task)

    assert found.target_type == kind
    assert ("class_counts" in found.target_stats) == (kind == "categorical")
    assert ("skewness" in found.target_stats) == (kind == "numeric")


def test_classes_have_counts_a_balance_and_a_ratio(tmp_path: Path) -> None:
    found = profile(column(tmp_path, *[0] * 6, *[1] * 3, "", 2), "x")

    assert found.target_stats == {
        "n_classes": 3, "class_counts": {"0": 6, "1": 3, "2": 1}, "other_count": 0,
        "class_balance": {"0": 0.6, "1": 0.3, "2": 0.1}, "imbalance_ratio": 6.0,
        "majority_class": "0", "minority_class": "2", "n_missing": 1, "approximate": [],
    }  # fmt: skip


def test_a_numeric_target_has_its_skewness(tmp_path: Path) -> None:
    found = profile(column(tmp_path, 1, 2, 3, 10), "x")

    assert found.target_type == "numeric"
    # As pandas.Series([1, 2, 3, 10]).skew() says.
    assert found.target_stats["skewness"] == pytest.approx(1.7636326148)
    assert found.target_stats["mean"] == 4.0


def test_text_is_no_numeric_target_and_the_notes_say_so(tmp_path: Path) -> None:
    found = profile(column(tmp_path, "a", "b"), "x", "regression")

    assert found.target_type == "numeric"
    assert found.target_stats == {"n_missing": 0, "approximate": []}
    assert found.notes == ["target 'x' is to be numeric and is no column of numbers"]


def test_many_numbers_are_hardly_classes_and_the_notes_say_so(tmp_path: Path) -> None:
    table = column(tmp_path, *(f"{at}.5" for at in range(40)))

    assert profile(table, "x", "classification").notes == [
        "target 'x' is to be classes and has 40 different numbers"
    ]
    few = column(tmp_path, *("0", "1", "2") * 5)
    assert profile(few, "x", "classification").notes == []


def test_a_table_without_rows_says_so(tmp_path: Path) -> None:
    assert "it has no rows" in profile(csv(tmp_path, "a,b\n"), "b", "classification").notes


def test_a_target_that_is_not_there_is_said_with_what_there_is(tmp_path: Path) -> None:
    error = refusal(csv(tmp_path, "a,b\n1,2\n"), "price")

    assert isinstance(error, errors.NotFound)
    assert (str(error), error.hint) == ("no column 'price'", "there are a, b")


def test_a_task_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.UsageError, match="bad task type 'guess'"):
        DataProfiler(tmp_path, task_type="guess")


# -- What is no table ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.xlsx", b"PK", "cannot tell what kind of table"),
        ("a.parquet.gz", b"x", "cannot tell what kind of table"),
        ("a", b"x", "cannot tell what kind of table"),
        ("a.csv", b"", "it is empty"),
        ("a.csv", b"\n\n", "there is nothing in it"),
        ("a.csv.gz", gzip.compress(b"", mtime=0), "it is empty"),
        ("a.csv", "a,b\n1,2\n".encode("utf-16-le"), "it has NUL bytes"),
        ("a.csv", b"a,b\n1,2,3\n", "a line has more fields than the header"),
        ("a.csv.gz", b"no gzip", "Not a gzipped file"),
        ("a.csv.gz", gzip.compress(b"a\n" + b"12345\n" * 9, mtime=0)[:-9], "end"),
        ("a.parquet", b"", "it is empty"),
        ("a.parquet", b"PAR1 and no more of it", "parquet"),
        ("a.jsonl", b'{"a": 1}\nhello\n', ""),
        ("a.jsonl", b'{"a": 1}\n{"a":\n', ""),
        ("a.jsonl", b"[1, 2]\n", ""),
        ("a.jsonl", b"{}\n", "without columns"),
    ],
)
def test_what_is_no_table_or_damaged_is_one_clear_error(
    tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    error = refusal(csv(tmp_path, data, name))

    assert isinstance(error, errors.UsageError)
    assert message in str(error)
    assert len(str(error).replace(str(tmp_path), "")) < 250
    assert "\n" not in str(error)


def test_a_parquet_file_that_is_cut_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"a": list(range(5000))}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-100])

    assert isinstance(refusal(path), errors.UsageError)


def test_a_line_of_json_that_is_cut_far_into_the_file_is_one_clear_error(tmp_path: Path) -> None:
    path = csv(tmp_path, '{"a": 1}\n' * 200_000 + '{"a', "a.jsonl")

    assert isinstance(refusal(path), errors.UsageError)


def test_a_quote_that_never_ends_shows_little_of_the_file(tmp_path: Path) -> None:
    error = refusal(csv(tmp_path, 'a,b\n"' + "secret," * 10_000))

    assert len(str(error).replace(str(tmp_path), "")) < 250


def test_a_path_to_no_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()

    assert isinstance(refusal(tmp_path / "none.csv"), errors.NotFound)
    assert "it is a folder" in str(refusal(tmp_path / "folder.csv"))


# -- Large tables --------------------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that a small table reaches."""
    monkeypatch.setattr(sample, "ROWS", 1 << 12)
    monkeypatch.setattr(distinct, "COUNTED", 300)


@pytest.mark.usefixtures("small")
def test_quantiles_of_a_large_table_are_of_a_sample_and_say_so(tmp_path: Path) -> None:
    numbers = np.random.default_rng(1).exponential(size=100_000)

    found = profile(column(tmp_path, *numbers))

    stats = found.numeric_stats["x"]
    assert stats["approximate"] == ["25%", "50%", "75%", "n_unique"]
    for name, part in (("25%", 0.25), ("50%", 0.5), ("75%", 0.75)):
        assert (numbers <= stats[name]).mean() == pytest.approx(part, abs=0.03)
    assert stats["n_unique"] == pytest.approx(100_000, rel=0.1)
    assert stats["mean"] == pytest.approx(numbers.mean(), rel=1e-12)
    assert stats["std"] == pytest.approx(numbers.std(ddof=1), rel=1e-12)


@pytest.mark.usefixtures("small")
def test_of_too_many_texts_the_counts_are_a_samples_and_say_so(tmp_path: Path) -> None:
    texts = [f"one{at}" if at % 4 else "often" for at in range(100_000)]

    found = profile(column(tmp_path, *texts), "x")

    stats = found.categorical_stats["x"]
    assert stats["n_unique"] == pytest.approx(75_001, rel=0.1)
    assert list(stats["top_values"]) == ["often"]
    assert stats["most_frequent_count"] == pytest.approx(25_000, rel=0.1)
    assert stats["approximate"] == [
        "n_unique", "most_frequent", "most_frequent_count", "top_values",
    ]  # fmt: skip
    assert found.target_stats["imbalance_ratio"] is None
    assert found.target_stats["n_missing"] == 0
    assert "n_classes" in found.target_stats["approximate"]


@pytest.mark.usefixtures("small")
def test_a_small_table_of_many_texts_is_counted_in_its_sample_exactly(tmp_path: Path) -> None:
    found = profile(column(tmp_path, *[f"one{at}" for at in range(1000)], "one7"))

    stats = found.categorical_stats["x"]
    assert (stats["n_unique"], stats["most_frequent"]) == (1000, "one7")
    assert (stats["most_frequent_count"], stats["approximate"]) == (2, [])


def test_how_a_table_is_cut_into_batches_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = column(tmp_path, *[f"text{at % 7}" for at in range(500)])
    whole = profile(path, "row")
    heights: list[int] = []
    add = tally.Tally.add

    def noted(self: tally.Tally, batch: pl.DataFrame) -> None:
        heights.append(batch.height)
        add(self, batch)

    monkeypatch.setattr(tally.Tally, "add", noted)
    monkeypatch.setattr("git_exp.session.profiling.kinds.BATCH_BYTES", 100)

    found = profile(path, "row")

    # Rows are of ten bytes or so.
    assert max(heights) <= 11
    assert found.categorical_stats == whole.categorical_stats
    mean = whole.numeric_stats["row"]["mean"]
    assert found.numeric_stats["row"]["mean"] == pytest.approx(mean, rel=1e-12)
    skewness = whole.target_stats["skewness"]
    assert found.target_stats["skewness"] == pytest.approx(skewness, abs=1e-9)


@pytest.mark.slow
def test_a_thousand_columns_are_no_trouble(tmp_path: Path) -> None:
    names = [f"c{at}" for at in range(1000)]
    path = csv(tmp_path, f"{','.join(names)}\n{','.join(['1'] * 1000)}\n")

    found = profile(path, "c999")

    assert found.numeric_columns == names
    assert found.target_stats["class_counts"] == {"1": 1}


def test_the_same_file_has_the_same_profile_each_time(tmp_path: Path) -> None:
    path = column(tmp_path, *np.random.default_rng(2).normal(size=150_000))

    first = profile(path)

    assert first.numeric_stats["x"]["approximate"]
    assert profile(path) == first


# -- Against plain Python ------------------------------------------------------------------------

NUMBERS = st.one_of(
    st.none(),
    st.floats(allow_nan=True, allow_infinity=True, min_value=None, width=32),
    st.integers(-1000, 1000).map(float),
)


@pytest.mark.slow
@given(
    numbers=st.lists(NUMBERS, min_size=1, max_size=60),
    texts=st.lists(st.sampled_from(["a", "b", "ç", 'q"uo,te', "NA", "two\nlines", "", "1"])),
    batch=st.integers(1, 20),
)
def test_statistics_are_those_of_numpy_and_of_plain_python(
    tmp_path_factory: pytest.TempPathFactory,
    numbers: list[float | None],
    texts: list[str],
    batch: int,
) -> None:
    words = [texts[at % len(texts)] if texts else "a" for at in range(len(numbers))]
    path = tmp_path_factory.mktemp("random") / "a.csv"
    schema = {"n": pl.Float64, "w": pl.String}
    frame = pl.DataFrame({"n": numbers, "w": words}, schema=schema)
    frame.write_csv(path, quote_style="always", float_scientific=False)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("git_exp.session.profiling.kinds.BATCH_ROWS", batch)
        found = profile(path, "n", "regression")

    given_words = [one for one in words if one]
    present = np.array([one for one in numbers if one is not None and not math.isnan(one)])
    assert found.n_rows == len(numbers)
    assert found.missing_values["n"] == len(numbers) - len(present)
    if len(present):
        _agree(found.numeric_stats["n"], present)
    if any(one not in ("1", "", "NA") for one in words):
        assert found.missing_values["w"] == len(words) - len(given_words)
        counts = {one: given_words.count(one) for one in given_words}
        assert found.categorical_stats["w"]["top_values"] == counts


def _agree(stats: dict[str, Any], present: Any) -> None:
    finite = present[np.isfinite(present)].astype(float)
    assert stats["n_infinite"] == len(present) - len(finite)
    assert stats["n_unique"] == len(np.unique(present))
    assert stats["n_zeros"] == (finite == 0).sum()
    if not len(finite):
        assert stats["mean"] is stats["min"] is stats["50%"] is None
        return
    scale = 1e-9 * float(np.abs(finite).max() or 1)
    assert (stats["min"], stats["max"]) == (finite.min(), finite.max())
    assert stats["mean"] == pytest.approx(finite.mean(), rel=1e-9, abs=scale)
    for name, part in (("25%", 0.25), ("50%", 0.5), ("75%", 0.75)):
        assert stats[name] == pytest.approx(np.quantile(finite, part), rel=1e-9, abs=scale)
    if len(finite) > 1:
        assert stats["std"] == pytest.approx(finite.std(ddof=1), rel=1e-9, abs=scale)


# -- The library ---------------------------------------------------------------------------------


def test_importing_the_session_loads_no_polars() -> None:
    code = "import sys, git_exp.session, git_exp.session.profiler; print('polars' in sys.modules)"

    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True)

    assert (done.stdout, done.stderr) == ("False\n", "")


def test_without_polars_it_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['polars'] = None\n"
        "from git_exp.session.profiler import DataProfiler\n"
        f"DataProfiler({str(csv(tmp_path, 'a'))!r}).profile()"
    )

    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True)

    assert done.stderr.splitlines()[-2:] == [
        "git_exp.errors.UsageError: profiles of data need polars",
        "hint: pip install 'git-exp[data]'",
    ]
