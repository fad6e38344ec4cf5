"""git_exp.index.packed: a run that is read back is the fold of its lines, whatever they say."""

from __future__ import annotations

import math
import zlib
from typing import Any

import msgspec
import pytest
from hypothesis import given

from git_exp import records
from git_exp.index import schema
from git_exp.index.packed import packed, unpacked
from git_exp.records import Event, Join, RunEnd, RunStart, Summary
from git_exp.run import Run, fold
from tests.query import filled

NOW = 1_767_323_045_000_000


def at(second: float) -> str:
    return records.stamp(NOW + int(second * 1_000_000))


def begun(**fields: Any) -> RunStart:
    return RunStart(t=at(0), v=1, run_id="1b4e28ba-2fa1-41d2-883f-0016d3cca427", **fields)


def folded(*told: Event | bytes) -> Run:
    lines = [one if isinstance(one, bytes) else records.line(one)[:-1] for one in told]
    return fold(lines, commit="c" * 40, now=NOW)


def ended(**metrics: Summary) -> RunEnd:
    return RunEnd(t=at(9), status="failed", exit_code=1, duration_ms=9_000, metrics=metrics)


ODD = {
    "nothing": folded(),
    "no start": folded(ended(loss=Summary(last=1))),
    "damaged lines": folded(begun(name="a"), b"{", b"\xff\xfe", b'{"t":"soon","event":"note"}'),
    "special numbers": folded(
        begun(params={"lr": math.inf}),
        ended(loss=Summary(last=math.nan, min=-0.0, max=math.inf, first=-math.inf, count=3)),
    ),
    "unknown events and keys": folded(
        begun(),
        b'{"t":"%b","event":"later","x":1}' % at(1).encode(),
        b'{"t":"%b","event":"note","text":"n","later":{"x":[1]}}' % at(2).encode(),
    ),
    "processes that join and disagree": folded(
        begun(name="a", params={"lr": 0.1}, metadata={"m": {"deep": [1, None]}}),
        Join(t=at(1), rank=1, params={"lr": 0.2}, tags=["t"], process=records.Process(pid=7)),
        Join(t=at(2), rank=2, metadata={"m": {"deeper": {}}, "hparams": {"x": {"y": 1}}}),
    ),
    "lines from the future": folded(
        begun(name="a"), records.Rename(t=at(2 * 86_400), name="b"), ended()
    ),
    "every event there is": folded(
        begun(git=records.Git(commit="d" * 40, capture="partial", submodules=[
            records.Submodule(path="s", dirty=True)])),
        records.Env(t=at(1), gpus=["g"], packages="0" * 64),
        records.Progress(t=at(1), metrics={"loss": Summary(last=1, count=1)}),
        records.Note(t=at(2), text="words"), records.Tag(t=at(2), tags=["a", "b"]),
        records.Untag(t=at(3), tags=["a"]), records.Rename(t=at(3), name="new"),
        records.Artifact(t=at(4), path="p", size=1, stored=True),
        records.Action(t=at(4), id="i", cls="C"),
        records.ActionResult(t=at(5), id="i", answers={"q": [True]}, outcome={"x": None}),
        records.Link(t=at(5), commit="e" * 40), records.Deleted(t=at(6), by="me"), ended(),
    ),
    "text of all kinds": folded(begun(name="a\0b", params={"é": "😀\n", "": "\x1b"})),
    "integers at the edge": folded(begun(params={"most": 2**64 - 1, "least": -(2**63)})),
}  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
def test_a_run_that_is_read_back_is_the_same(odd: str) -> None:
    data = packed(ODD[odd])

    assert data is not None
    # NaN is not equal to itself, but reads the same.
    assert repr(unpacked(data)) == repr(ODD[odd])


@given(filled.described())
def test_any_run_is_read_back_the_same_or_not_at_all(run: Run) -> None:
    data = packed(run)

    assert data is None or repr(unpacked(data)) == repr(run)


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 2**2000])
def test_a_run_with_a_very_large_integer_is_folded_again(number: int) -> None:
    assert packed(folded(begun(params={"n": number}))) is None
    assert packed(folded(begun(metadata={"deep": [{"n": number}]}))) is None
    assert unpacked(None) is None


def test_metadata_nested_without_end_stops_nothing() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]

    assert packed(Run(id="i", commit="c", metadata=deep)) is None


@pytest.mark.parametrize("data", [b"", b"\xc0", b"\x80", b"\xff" * 100, b"no run"])
def test_bytes_that_are_no_run_are_none(data: bytes) -> None:
    assert unpacked(data) is None


def test_another_shape_of_a_run_is_another_version_of_the_index() -> None:
    kinds = msgspec.json.schema(Run)["$defs"]
    shape = sorted((name, list(kind["properties"])) for name, kind in kinds.items())

    # Where this fails, an index that is there already would be read as what it is not any more:
    # raise `schema.VERSION`, then put both numbers here.
    assert (schema.VERSION, zlib.crc32(repr(shape).encode())) == (4, 1148969410)
