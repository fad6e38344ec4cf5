"""Records: their canonical bytes, and how any bytes at all are read."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from git_exp import errors, records, values
from git_exp.records import Damaged, Unknown

T = "2026-01-02T03:04:05.000006Z"
LAST = "9999-12-31T23:59:59.999999Z"


def test_a_line_begins_with_its_time_and_its_kind() -> None:
    line = records.line(records.Note(t=T, text="hello"))

    assert line == b'{"t":"2026-01-02T03:04:05.000006Z","event":"note","text":"hello"}\n'


@pytest.mark.parametrize("kind", records.KINDS.values(), ids=records.KINDS)
def test_every_kind_is_read_back_as_it_was_written(kind: type[records.Event]) -> None:
    event = example_of(kind)
    line = records.line(event)

    assert records.parse(line[:-1]) == event
    assert list(json.loads(line))[:2] == ["t", "event"]
    assert records.is_kind(line, records.kind(event).encode())
    assert records.kind(event) == json.loads(line)["event"]


def example_of(kind: type[Any]) -> Any:
    samples: dict[str, Any] = {"metrics": {"loss": records.Summary(last=1.5, min=0, count=2)}}
    known = {
        "t": T, "v": 1, "run_id": "r", "commit": "c", "pid": 3, "host": "h", "boot": "b",
        "machine": "m", "born": "7", "text": "é\n", "tags": ["a", "b"], "name": "n", "path": "p",
        "size": 4, "id": "i", "status": "failed", "value": {"loss": 0.5, "z": None}, "step": 2.5,
        "error": records.Error(type="E", message="m", traceback="t"), **samples,
    }  # fmt: skip
    fields = msgspec.structs.fields(kind)
    if kind is records.RunStart:
        known["host"] = records.Host(name="h", memory=2**40)
    return kind(**{one.name: known.get(one.name, "x") for one in fields if named(one, known)})


def named(field: msgspec.structs.FieldInfo, known: dict[str, Any]) -> bool:
    return field.required or field.name in known


def test_a_default_is_not_written() -> None:
    line = records.line(records.RunEnd(t=T, status="finished"))

    assert json.loads(line) == {"t": T, "event": "run_end", "status": "finished"}


def test_special_numbers_are_written_as_text_wherever_they_stand() -> None:
    summary = records.Summary(last=math.nan, min=-math.inf, max=math.inf, first=1.0, count=3)

    line = records.line(records.RunEnd(t=T, status="failed", metrics={"loss": summary}))

    assert json.loads(line)["metrics"] == {
        "loss": {"last": "NaN", "min": "-Infinity", "max": "Infinity", "first": 1.0, "count": 3}
    }


def test_what_cannot_be_written_is_refused_by_its_field() -> None:
    for event, key in (
        (records.RunStart(t=T, v=1, run_id="r", metadata={"a": {"b": 3j}}), "metadata.a.b"),
        (records.Track(t=T, value={"a": object()}), "a"),
        (records.ActionResult(t=T, id="i", outcome=[object()]), "outcome.0"),
    ):
        with pytest.raises(errors.Unencodable, match=f"cannot record '{key}'"):
            records.line(event)


def test_a_record_of_a_later_format_is_kept_apart() -> None:
    later = f'{{"t":"{T}","event":"teleport","where":"moon"}}'.encode()

    assert records.parse(later) == Unknown(t=T, event="teleport")


def test_unknown_keys_are_passed_over() -> None:
    line = f'{{"t":"{T}","event":"note","text":"x","colour":{{"a":[1]}}}}'.encode()

    assert records.parse(line) == records.Note(t=T, text="x")


def test_a_record_is_known_in_any_order_of_keys_and_with_spaces() -> None:
    line = f'{{ "text": "x", "event": "note", "t": "{T}" }}'.encode()

    assert records.parse(line) == records.Note(t=T, text="x")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"t":"2026-01-02T03:04:05.000006Z"}',
        b'{"event":"note","text":"x"}',
        b'{"t":5,"event":"note","text":"x"}',
        b'{"t":"2026-01-02T03:04:05.000006Z","event":"note"}',
        b'{"t":"2026-01-02T03:04:05.000006Z","event":"note","text":5}',
        b'{"t":"2026-01-02T03:04:05.000006Z","event":"note","text":"\xff"}',
        b'{"t":"2026-01-02T03:04:05.000006Z","event":"note","text":"\\ud800"}',
        b'{"t":"2026-01-02T03:04:05.000006Z","event":"note","text":"x"} {}',
        b'{"t":"2026-01-02T03:04:05.000006Z","event":"no',
        b'{"t":"2026-01-02T03:04:05.000006Z","event":"\xff"}',
        b'{"t":"2026-01-02T03:04:05.000006Z","event":"track","value":1E+400}',
        b'{"t":"2026-01-02T03:04:05.000006Z","event":"track","value":NaN}',
        b"[" * 100_000,
        b'{"t":"2026-01-02T03:04:05.000006Z","event":"track","value":' + b"[" * 100_000,
        b'{"t":"2026-01-02 03:04:05.000006Z","event":"note","text":"x"}',
    ],
    ids=range(19),
)
def test_a_line_that_is_no_record_is_damaged_and_keeps_its_bytes(raw: bytes) -> None:
    found = records.parse(raw)

    assert isinstance(found, Damaged)
    assert found.line == raw
    assert found.why


@pytest.mark.parametrize(
    ("t", "valid"),
    [
        (T, True),
        (LAST, True),
        ("0001-01-01T00:00:00.000000Z", True),
        ("0000-01-01T00:00:00.000000Z", False),
        ("2026-13-02T03:04:05.000006Z", False),
        ("2026-00-02T03:04:05.000006Z", False),
        ("2026-01-32T03:04:05.000006Z", False),
        ("2026-01-02T24:04:05.000006Z", False),
        ("2026-01-02T03:60:05.000006Z", False),
        ("2026-01-02T03:04:05.00006Z", False),
        ("2026-01-02T03:04:05.000006+00:00", False),
        ("2026-01-02t03:04:05.000006z", False),
        ("٢026-01-02T03:04:05.000006Z", False),
        (T + "\n", False),
        ("", False),
    ],
)
def test_a_time_is_utc_with_six_decimals_and_in_the_calendar(t: str, valid: bool) -> None:
    assert records.valid_time(t) is valid
    if valid:
        assert records.stamp(records.micros(t)) == t


def test_no_time_is_after_the_last_that_sorts_as_text() -> None:
    assert records.stamp(records.micros(LAST) + 1) == LAST


def test_a_new_line_is_later_than_the_newest_unless_that_is_over_a_day_ahead() -> None:
    now = records.micros(T)
    hour, day = 3_600_000_000, records.DAY

    assert records.later(now, None) == T
    assert records.later(now, "no time") == T
    assert records.later(now, records.stamp(now - 5)) == T
    assert records.later(now, T) == records.stamp(now + 1)
    assert records.later(now, records.stamp(now + hour)) == records.stamp(now + hour + 1)
    assert records.later(now, records.stamp(now + day)) == records.stamp(now + day + 1)
    assert records.later(now, records.stamp(now + day + 1)) == T
    assert records.later(now, LAST) == T


def test_only_numbers_and_their_three_words_are_metrics() -> None:
    assert records.number(3) == 3
    assert records.number("Infinity") == math.inf
    assert records.number("-Infinity") == -math.inf
    assert math.isnan(records.number("NaN") or 0)
    others: list[Any] = [True, None, "3", "nan", [1], {}]
    for other in others:
        assert records.number(other) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.5", 0.5), ("3", 3), ("true", True), ("null", None), ("abc", "abc"), ('"a"', '"a"'),
     ("[1]", "[1]"), ("{}", "{}"), ("", ""), ("01", "01"), ("a\udcff", '"a\\377"')],
)  # fmt: skip
def test_a_param_given_as_text_is_what_json_has_for_it(text: str, value: Any) -> None:
    assert values.parsed(text) == value


@given(st.binary(max_size=200))
@example(b"x" * 33 + b'","event":"abc')
@example(b"x" * 33 + b'","event":"note"')
def test_any_bytes_are_read_without_an_error(raw: bytes) -> None:
    found = records.parse(raw)

    assert isinstance(found, Damaged | Unknown | records.Event)


@given(st.sampled_from(sorted(records.KINDS)), st.binary(max_size=40), st.integers(0, 300))
def test_any_damage_to_a_record_is_read_without_an_error(kind: str, noise: bytes, at: int) -> None:
    line = records.line(example_of(records.KINDS[kind]))[:-1]

    records.parse(line[: at % len(line)] + noise + line[at % len(line) :])
    records.parse(line[: at % len(line)])


@given(st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999))
def test_any_time_is_read_back_exactly(micros: int) -> None:
    assert records.valid_time(records.stamp(micros))
    assert records.micros(records.stamp(micros)) == micros


@given(st.integers(0, 253_402_300_799_999_999), st.integers(0, 253_402_300_799_999_999))
def test_times_sort_as_text(one: int, other: int) -> None:
    assert (one < other) == (records.stamp(one) < records.stamp(other))
