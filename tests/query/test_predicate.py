"""git_exp.query.predicate: which runs fit, field by field and sign by sign, and their order."""

from __future__ import annotations

import math
from typing import Any

import pytest

from git_exp.query import fields, predicate, shapes
from git_exp.records import Git, Host, Summary
from git_exp.run import NoteText, Run
from tests.query import filled
from tests.query.filled import asked

FULL = Run(
    id="0123abcd-0000-4000-8000-000000000000",
    commit="feed" * 10,
    name="base line",
    status="finished",
    started="2026-01-02T03:04:05.500000Z",
    ended="2026-01-02T04:34:05.500000Z",
    duration_ms=5_400_000.0,
    exit_code=0,
    params={"lr": 0.1, "seed": "0.1", "my key": True, "x-y": None, "and": [1, "a"], "acc": 2**2000,
            "optimizer.lr": -3},
    metrics={"acc": filled.summary(0.1, 0.9, 0.5), "loss": filled.summary(math.nan),
             "val/acc": Summary(last=2**2000)},
    metadata={"model": {"depth": 12, "name": "ResNet"}, "seed": "a\0b"},
    tags=["good", "v1"],
    notes=[NoteText(t="", text="looks fine"), NoteText(t="", text="second\nlook")],
    group="sweep",
    parent_run="abcdef01-0000-4000-8000-000000000000",
    user="Ada",
    host=Host(name="box"),
    git=Git(
        commit="feed" * 10, capture="full", base="beef" * 10, branch="feature/x", dirty=True,
    ),
)  # fmt: skip
EMPTY = Run(id="f" * 8 + FULL.id[8:], commit="0" * 40)


def fits(text: str, run: Run) -> bool:
    return predicate.predicate(asked(text))(run)


FITTING = [
    "name = 'base line'", "name != other", "name ~ '^base'", "name !~ '^line'", "name < c",
    "name >= 'base line'", "name in (other, 'base line')", "name not in (other)",
    "status = finished", "status in (failed, finished)",
    "branch = feature/x", "branch ~ /x$", "user = Ada", "user ~ '(?i)ada'", "host = box",
    "group = sweep", "host < boy", "user > A",
    "id = 0123", "id = 0123ABCD", "id = 0123abcd-0000-4000-8000-000000000000", "id != 1234",
    "id in (1234, 0123)", "id not in (1234, 2345)", "id ~ abcd",
    "commit = feed", "commit = FEEDFEED", "base = beef", "base ~ '^beef'",
    "parent = ABCDEF01", "parent exists", "commit > abcd",
    "exit_code = 0", "exit_code < 1", "exit_code in (0, 1)", "exit_code != 1",
    "dirty", "dirty = true", "dirty = YES", "dirty != no", "not dirty = false",
    "duration = 90m", "duration = 1h30m", "duration = 5400", "duration > 1h", "duration <= 5400s",
    "duration >= '1h'", "duration < 2h", "duration != 1h",
    "started = 2026-01-02", "started = 2026-01-02T03:04", "started = 2026-01-02T03:04:05",
    "started != 2026-01-02T03:04:06", "started >= 2026-01-02", "started <= 2026-01-02",
    "started > 2026-01-01", "started < 2026-01-03", "started <= 2026-01-02T03:04",
    "started = '2026-01-02 03:04'", "started in (2025-01-01, 2026-01-02)",
    "started not in (2025-01-01, 2026-01-03)", "ended > 2026-01-02T04:00",
    "tag = good", "tag = v1", "tag != bad", "tag in (bad, v1)", "tag not in (bad, worse)",
    "tag ~ '^v'", "tag !~ '^w'", "tag > u", "exists tag",
    "note ~ fine", "note !~ 'second.look'", "note ~ '(?s)second.look'", "note != fine",
    "note = 'looks fine'",
    "param:lr = 0.1", "param:lr = 0.10", "param:lr < 1", "param:lr >= 1e-1", "param:lr in (1, .1)",
    "param:lr != 0.2", "param:lr != '0.1'", "optimizer.lr < 0", "param:seed = 0.1",
    "param:seed = '0.1'", "param:seed != 0.10", "param:seed ~ '^0'", "param:seed < '1'",
    "param:seed != 0.2", "'my key' = true", "'my key' != false", "x-y = null", "exists x-y",
    "\"and\" = '[1,\"a\"]'", '"and" ~ a', "param:acc = inf", "param:acc > 1e308",
    "param:acc = 1" + "0" * 400,
    "metric:acc = 0.5", "last(metric:acc) = 0.5", "max(metric:acc) = 0.9",
    "min(metric:acc) <= 0.1", "first(metric:acc) = 0.1", "count(metric:acc) = 3",
    "count(loss) = 1", "exists loss", "exists max(loss)", "val/acc = inf",
    "depth = 12", "model.depth > 1e1", "meta:model.name = ResNet", "meta:name ~ '(?i)resnet'",
    "meta:seed != a",
]  # fmt: skip
NOT_FITTING = [
    "name = base", "name != 'base line'", "name < 'base line'", "name ~ '^line'", "name in (a, b)",
    "name not in ('base line', b)", "id = 012", "id != 0123", "commit = eeed", "base not in (beef)",
    "exit_code != 0", "exit_code > 0", "dirty = no", "not dirty", "duration = 90",
    "duration > 90m", "duration < 90m", "started = 2026-01-03", "started > 2026-01-02",
    "started < 2026-01-02", "started < 2026-01-02T03:04:05", "started > 2026-01-02T03:04",
    "started != 2026-01-02", "tag = bad", "tag != good", "tag not in (bad, good)", "tag !~ oo",
    "note !~ second", "note = fine", "param:lr = '0.1'", "param:lr = 0.2", "param:lr != .1",
    "param:lr > a", "param:lr < a", "param:seed < 1", "param:seed > 0", "param:seed = 0.10",
    "'my key' = 1", "'my key' > 0", "x-y = 0", "x-y != null", "param:acc < inf",
    "metric:acc = 0.9", "metric:acc != 0.5", "count(metric:acc) > 3",
    "loss = 0", "loss != 0", "loss < 1", "loss > -inf", "loss in (0, 1)", "loss not in (0, 1)",
    "max(loss) >= -inf", "depth = '12'", "meta:model.name = resnet",
]  # fmt: skip


@pytest.mark.parametrize("text", FITTING)
def test_a_run_fits_and_then_not_the_contrary(text: str) -> None:
    assert fits(text, FULL)
    assert not fits(f"not ({text})", FULL)


@pytest.mark.parametrize("text", NOT_FITTING)
def test_a_run_does_not_fit_and_then_the_contrary(text: str) -> None:
    assert not fits(text, FULL)
    assert fits(f"not ({text})", FULL)


@pytest.mark.parametrize(
    "name",
    ["name", "branch", "base", "parent", "user", "host", "group", "started", "ended", "duration",
     "exit_code", "dirty", "param:lr", "metric:acc", "max(metric:acc)", "meta:model.depth"],
)  # fmt: skip
def test_what_a_run_does_not_have_compares_false_with_everything(name: str) -> None:
    kind = fields.key(name, filled.KNOWN).type
    value = {"time": "then", "flag": "no"}.get(kind, "1")

    for sign in ("=", "!=", "<", "<=", ">", ">="):
        assert not fits(f"{name} {sign} {value}", EMPTY)
        assert fits(f"not {name} {sign} {value}", EMPTY)
    assert not fits(f"{name} not in ({value})", EMPTY)
    assert not fits(f"exists {name}", EMPTY)
    assert fits(f"{name} exists", FULL)


def test_a_run_without_tags_and_notes_has_none_of_them() -> None:
    for name in ("tag", "note"):
        for said in ("!= bad", "not in (a, b)", "!~ '.'"):
            assert fits(f"{name} {said}", EMPTY)
        for said in ("= bad", "in (a, b)", "~ '.*'", "exists"):
            assert not fits(f"{name} {said}", EMPTY)


def test_text_that_is_missing_matches_no_pattern_and_is_no_mismatch() -> None:
    for name in ("name", "param:lr", "base"):
        assert not fits(f"{name} ~ '.*'", EMPTY)
        assert not fits(f"{name} !~ x", EMPTY)


def test_and_or_and_not() -> None:
    assert fits("dirty and param:lr = 0.1 and not tag = bad", FULL)
    assert fits("tag = bad or dirty", FULL)
    assert not fits("dirty and tag = bad", FULL)
    assert not fits("not (tag = bad or dirty)", FULL)
    assert fits("tag = bad and dirty or status = finished", FULL)
    assert not fits("tag = bad and (dirty or status = finished)", FULL)


def test_text_is_compared_by_code_point() -> None:
    assert fits("name > Z", FULL)
    assert fits("name < é", FULL)
    assert fits("name > '\uffff'", filled.a_run(name="😀"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", "base line"), ("duration", 5_400_000.0), ("tag", ["good", "v1"]), ("dirty", True),
        ("host", "box"), ("base", "beef" * 10), ("exit_code", 0), ("metric:acc", 0.5),
        ("max(metric:acc)", 0.9), ("param:lr", 0.1), ("x-y", None), ("model.depth", 12),
        ("note", ["looks fine", "second\nlook"]),
    ],
)  # fmt: skip
def test_a_field_of_a_run_is_what_was_recorded(name: str, value: Any) -> None:
    assert predicate.value(fields.key(name, filled.KNOWN), FULL) == value


@pytest.mark.parametrize("name", ["branch", "host", "ended", "param:lr", "metric:acc", "depth"])
def test_a_field_that_a_run_has_not_is_none(name: str) -> None:
    assert predicate.value(fields.key(name, filled.KNOWN), EMPTY) is None


def in_order(name: str, runs: list[Run], *, descending: bool) -> list[str]:
    return [
        run.name
        for run in sorted(
            runs, key=predicate.order(fields.key(name, filled.KNOWN), descending=descending)
        )
    ]


def test_numbers_come_before_texts_before_nothing_whichever_way() -> None:
    params: dict[str, Any] = {
        "none": {}, "b": {"lr": "b"}, "two": {"lr": 2}, "nan": {"lr": math.nan},
        "a": {"lr": "a"}, "inf": {"lr": math.inf}, "one": {"lr": 1},
    }  # fmt: skip
    runs = [filled.a_run(name=name, params=one) for name, one in params.items()]

    up = in_order("param:lr", runs, descending=False)
    down = in_order("param:lr", runs, descending=True)

    assert up == ["one", "two", "inf", "a", "b", "none", "nan"]
    assert down == ["inf", "two", "one", "b", "a", "none", "nan"]


def test_a_metric_that_is_nan_comes_last_whichever_way() -> None:
    values = {"nan": math.nan, "one": 1.0, "two": 2.0}
    runs = [filled.a_run(name=name, metrics={"loss": value}) for name, value in values.items()]
    runs.append(filled.a_run(name="none"))

    assert in_order("loss", runs, descending=False) == ["one", "two", "nan", "none"]
    assert in_order("loss", runs, descending=True) == ["two", "one", "nan", "none"]


def test_ties_keep_the_order_that_there_was() -> None:
    runs = [filled.a_run(name=name, group="g") for name in ("b", "c", "a")]

    assert in_order("group", runs, descending=False) == ["b", "c", "a"]
    assert in_order("group", runs, descending=True) == ["b", "c", "a"]


def test_an_order_reads_each_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Any] = []
    real = shapes.meta_leaves

    def counted(metadata: Any) -> dict[str, Any]:
        read.append(metadata)
        return real(metadata)

    monkeypatch.setattr(shapes, "meta_leaves", counted)
    runs = [filled.a_run(at, metadata={"model": {"depth": -at % 7}}) for at in range(50)]

    sorted(runs, key=predicate.order(fields.key("depth", filled.KNOWN), descending=True))

    assert len(read) == 50
