"""Tables for other tools: types that are the same each time, and numbers that are not changed."""

from __future__ import annotations

import io
import json
import math
import subprocess
import sys
import tracemalloc
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from pyarrow import parquet

from git_exp import frames, records, table
from git_exp.points import Point
from git_exp.records import Summary
from git_exp.run import Run

START = 1_767_323_045_000_000
T = records.stamp(START)


def a_run(sign: str = "1", **given: Any) -> Run:
    metrics = {path: Summary(last=value) for path, value in given.pop("metrics", {}).items()}
    usual: dict[str, Any] = {"status": "finished", "started": T, "metrics": metrics, **given}
    return Run(id=f"{sign * 8}-0000-4000-8000-000000000000", commit=sign * 40, **usual)


def params(*values: Any) -> Any:
    """The column of a param that has these values in as many runs."""
    runs = [a_run(str(at), params={"p": value}) for at, value in enumerate(values)]
    return frames.to_arrow(runs).column("params.p")


def tracked(points: Iterable[Point]) -> frames.Tracked:
    return lambda run: points


def a_point(value: Any, step: Any = None, **given: Any) -> Point:
    usual: dict[str, Any] = {"metric": "loss", "rank": 0, **given}
    return Point(value=value, t=T, elapsed_ms=2.5, step=step, **usual)


def written(kind: str, runs: list[Run], series: frames.Tracked | None = None) -> bytes:
    file = io.BytesIO()
    frames.write(file, kind, runs, series=series)
    return file.getvalue()


RUNS = [
    a_run("2", name="wide", params={"lr": 0.1, "opt": "adam"}, metrics={"acc": 0.9},
          tags=["a", "b"], ended=records.stamp(START + 1), duration_ms=1.5, exit_code=0),
    a_run("1", params={"lr": 1, "layers": [2, 3]}, metrics={"acc": 1, "loss": math.nan}),
]  # fmt: skip


# -- Arrow and pandas --------------------------------------------------------------------------


def test_a_run_is_a_row_with_the_columns_of_log() -> None:
    found = frames.to_arrow(RUNS)

    headings, _ = table.exact(RUNS)
    assert found.column_names == headings
    assert found.column("id").to_pylist() == [run.id for run in RUNS]
    assert found.column("tags").to_pylist() == [["a", "b"], None]
    assert found.column("params.lr").to_pylist() == [0.1, 1.0]
    assert found.column("params.opt").to_pylist() == ["adam", None]
    assert found.column("params.layers").to_pylist() == [None, "[2,3]"]
    assert found.column("exit_code").to_pylist() == [0, None]
    assert found.column("started").to_pylist()[0].isoformat() == "2026-01-02T03:04:05+00:00"
    assert found.column("ended").to_pylist()[1] is None


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([True, False], "bool", [True, False]),
        ([1, 2**62], "int64", [1, 2**62]),
        ([1, 0.5], "double", [1.0, 0.5]),
        ([0.5, "Infinity"], "double", [0.5, math.inf]),
        ([1, "adam"], "string", ["1", "adam"]),
        ([1, True], "string", ["1", "true"]),
        ([None, None], "string", [None, None]),
        ([1, None], "int64", [1, None]),
        ([2**70], "string", [str(2**70)]),
        ([2**53 + 1, 0.5], "string", [str(2**53 + 1), "0.5"]),
        ([2**2000, 0.5], "string", [str(2**2000), "0.5"]),
        ([{"a": 1}, "x\ud800"], "string", ['{"a":1}', '"x\\355\\240\\200"']),
    ],
)
def test_a_param_has_the_type_that_holds_all_its_values_and_changes_none(
    values: list[Any], kind: str, expected: list[Any]
) -> None:
    column = params(*values)

    assert str(column.type) == kind
    assert column.to_pylist() == expected


def test_a_param_that_is_not_a_number_reads_back_as_such() -> None:
    assert math.isnan(params("NaN", 1.5).to_pylist()[0])


def test_a_metric_is_a_float_whatever_these_runs_have() -> None:
    values = [1, 0.5, 2**53 + 1, 2**2000, "NaN", "-Infinity"]
    runs = [a_run(str(at), metrics={"m": value}) for at, value in enumerate(values)]

    column = frames.to_arrow(runs).column("metrics.m")

    assert str(column.type) == "double"
    assert column.to_pylist()[:4] == [1.0, 0.5, float(2**53), math.inf]
    assert math.isnan(column.to_pylist()[4])
    assert column.to_pylist()[5] == -math.inf


def test_no_runs_are_a_table_without_rows_and_with_the_same_types() -> None:
    none, some = frames.to_arrow([]), frames.to_arrow([a_run()])

    assert none.num_rows == 0
    assert none.schema == some.schema


def test_a_time_that_is_none_and_a_code_that_is_too_large_are_left_out() -> None:
    found = frames.to_arrow([a_run(started="soon", exit_code=2**70)])

    assert found.column("started").to_pylist() == [None]
    assert found.column("exit_code").to_pylist() == [None]


def test_points_are_rows_in_the_long_format() -> None:
    found = frames.to_arrow(
        [a_run()], tracked([a_point(1, 3), a_point(math.inf, "x", metric="acc", rank=2)])
    )

    assert found.column_names == list(frames.SERIES)
    assert found.column("value").to_pylist() == [1.0, math.inf]
    assert found.column("step").to_pylist() == [3.0, None]
    assert found.column("metric").to_pylist() == ["loss", "acc"]
    assert found.column("rank").to_pylist() == [0, 2]
    assert found.column("t").to_pylist()[0].isoformat() == "2026-01-02T03:04:05+00:00"


def test_pandas_has_what_arrow_has() -> None:
    frame = frames.to_pandas(RUNS)

    assert list(frame.columns) == frames.to_arrow(RUNS).column_names
    assert frame.loc[frame["params.lr"] < 0.5, "name"].tolist() == ["wide"]
    assert frames.to_pandas([a_run()], tracked([a_point(1, 3)]))["value"].tolist() == [1.0]


# -- files -------------------------------------------------------------------------------------


def test_parquet_reads_back_as_the_table() -> None:
    found, table = parquet.read_table(io.BytesIO(written("parquet", RUNS))), frames.to_arrow(RUNS)

    assert found.schema == table.schema
    # A NaN equals nothing, but it is written like itself.
    assert str(found.to_pylist()) == str(table.to_pylist())


def test_points_in_parquet_are_in_row_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "GROUP", 2)
    points = [a_point(at, at) for at in range(5)]

    data = io.BytesIO(written("parquet", [a_run()], tracked(points)))

    assert parquet.ParquetFile(data).num_row_groups == 3
    assert parquet.read_table(data).column("value").to_pylist() == [0, 1, 2, 3, 4]


def test_no_points_are_a_file_with_its_columns() -> None:
    found = parquet.read_table(io.BytesIO(written("parquet", [], tracked([]))))

    assert (found.column_names, found.num_rows) == (list(frames.SERIES), 0)
    assert written("csv", [], tracked([])) == b"run_id,t,elapsed_ms,step,metric,value,rank\n"
    assert written("jsonl", [], tracked([])) == b""


def test_csv_is_exact() -> None:
    runs = [a_run(name='a "b",\nc', params={"big": 2**70, "x": 1 / 3, "n": None, "on": True},
                  metrics={"m": math.nan})]  # fmt: skip

    assert (
        written("csv", runs).decode()
        == """\
id,name,status,started,ended,duration_ms,exit_code,commit,base,branch,dirty,capture,parent,group,\
tags,user,host,command,params.big,params.x,params.n,params.on,metrics.m
11111111-0000-4000-8000-000000000000,"a ""b"",
c",finished,2026-01-02T03:04:05.000000Z,,,,1111111111111111111111111111111111111111,,,,,,,,,,,\
1180591620717411303424,0.3333333333333333,,True,NaN
"""
    )


def test_points_in_csv_and_json_lines_are_exact() -> None:
    series = tracked([a_point(2**70, 3), a_point(math.nan)])
    run_id = a_run().id

    assert written("csv", [a_run()], series).decode().splitlines()[1:] == [
        f"{run_id},{T},2.5,3,loss,{2**70},0", f"{run_id},{T},2.5,,loss,NaN,0",
    ]  # fmt: skip
    assert [json.loads(line) for line in written("jsonl", [a_run()], series).splitlines()] == [
        {"run_id": run_id, "t": T, "elapsed_ms": 2.5, "step": 3, "metric": "loss", "value": 2**70,
         "rank": 0},
        {"run_id": run_id, "t": T, "elapsed_ms": 2.5, "step": None, "metric": "loss",
         "value": "NaN", "rank": 0},
    ]  # fmt: skip


def test_a_line_of_json_is_a_whole_run() -> None:
    first, second = map(json.loads, written("jsonl", RUNS).splitlines())

    assert (first["id"], first["params"], first["tags"]) == (RUNS[0].id, RUNS[0].params, ["a", "b"])
    assert second["metrics"]["loss"]["last"] == "NaN"


@pytest.mark.slow
@pytest.mark.parametrize("kind", frames.KINDS)
def test_what_writing_points_needs_does_not_grow_with_them(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "GROUP", 500)

    def points(count: int) -> Iterator[Point]:
        return (a_point(at, at) for at in range(count))

    def peak(count: int) -> int:
        with open("/dev/null", "wb") as file:
            tracemalloc.start()
            rows = frames.write(file, kind, [a_run()], series=tracked(points(count)))
            found = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert rows == count
        return found

    peak(1_000)
    assert peak(20_000) < 1.5 * peak(2_000)


@pytest.mark.parametrize(
    ("library", "call"),
    [
        ("pyarrow", "frames.to_arrow([])"),
        ("pyarrow", "frames.to_pandas([])"),
        ("pandas", "frames.to_pandas([])"),
        ("pyarrow", "frames.write(io.BytesIO(), 'parquet', [])"),
        ("pyarrow", "frames.write(io.BytesIO(), 'parquet', [], series=lambda run: [])"),
    ],
)
def test_without_its_library_the_error_names_the_extra(library: str, call: str) -> None:
    code = f"""if True:
        import importlib.abc, io, sys
        class Blocker(importlib.abc.MetaPathFinder):
            def find_spec(self, name, path, target=None):
                if name == "{library}":
                    raise ModuleNotFoundError(name)
        sys.meta_path.insert(0, Blocker())
        from git_exp import errors, frames
        try:
            {call}
        except errors.UsageError as error:
            print(error, "|", error.hint)
    """

    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True)

    assert (done.stdout, done.stderr) == (
        f"tables of this kind need {library} | pip install 'git-exp[data]'\n", "",
    )  # fmt: skip


def test_csv_and_json_lines_need_no_library() -> None:
    code = """if True:
        import io, sys
        sys.modules["pyarrow"] = sys.modules["pandas"] = None
        from git_exp import frames
        for kind in ("csv", "jsonl"):
            print(frames.write(io.BytesIO(), kind, []))
    """

    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True)

    assert (done.stdout, done.stderr) == ("0\n0\n", "")
