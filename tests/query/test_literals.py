"""git_exp.query.literals: what a value says: numbers, durations, sizes, dates, patterns, ids."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import pytest

from git_exp import records
from git_exp.query import literals, patterns
from git_exp.query.grammar import Literal
from git_exp.query.literals import Number, Pattern, Span, Text


def read(text: str, kind: str, sign: str = "=", *, quoted: bool = False) -> literals.Value:
    literal = Literal(text=text, at=0, quoted=quoted)
    return literals.value(literal, kind, sign, when=lambda _: None)


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A local time zone: call `setenv("TZ", …)` and `time.tzset()`."""
    yield monkeypatch
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0), ("1", 1), ("-1", -1), ("+1", 1), ("1.5", 1.5), (".5", 0.5), ("1.", 1),
        ("1e-3", 0.001), ("-2.5E+3", -2500), ("1" * 400, math.inf), ("1e999", math.inf),
        ("-1e999", -math.inf), ("inf", math.inf), ("-inf", -math.inf), ("+Infinity", math.inf),
        ("007", 7),
    ],
)  # fmt: skip
def test_numbers(text: str, number: float) -> None:
    assert read(text, "number") == Number(value=number, text=text)
    assert read(text, "mixed") == Number(value=number, text=text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1us", 1e-6), ("500ms", 0.5), ("2s", 2), ("10m", 600), ("1h", 3_600), ("2d", 172_800),
        ("1w", 604_800), ("1h30m", 5_400), ("1.5h", 5_400), ("1d1h1m1s1ms", 90_061.001),
        ("0s", 0),
    ],
)  # fmt: skip
def test_durations_are_seconds_and_of_the_field_duration_milliseconds(
    text: str, seconds: float
) -> None:
    assert read(text, "number") == Number(value=seconds, text=text)
    found = read(text, "duration", quoted=True)
    assert isinstance(found, Number)
    assert found.value == pytest.approx(seconds * 1_000)


def test_a_bare_number_beside_a_duration_is_seconds() -> None:
    assert read("90", "duration") == Number(value=90_000, text="90")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("10MiB", 10 << 20), ("5k", 5 << 10), ("5K", 5 << 10), ("1.5M", 3 << 19), ("2G", 2 << 30),
        ("1T", 1 << 40), ("1KiB", 1 << 10), ("1kB", 1_000), ("1KB", 1_000), ("2MB", 2_000_000),
        ("3GB", 3 * 10**9), ("1TB", 10**12), ("1TiB", 1 << 40), ("7B", 7),
    ],
)  # fmt: skip
def test_sizes_are_bytes(text: str, size: float) -> None:
    assert read(text, "number") == Number(value=size, text=text)


@pytest.mark.parametrize(
    "text", ["", "1x", "1 m", "m", "k", "1e", "--1", "0x10", "1_000", "1,5", "-5m", "1kiB",
             "1h 30m", "nan1", "infinite"]
)  # fmt: skip
def test_other_words_are_no_numbers_but_text_where_text_may_be(text: str) -> None:
    with pytest.raises(ValueError, match="expected a number"):
        read(text, "number")
    assert read(text, "mixed") == Text(value=text)
    assert read(text, "text") == Text(value=text)


def test_what_is_quoted_is_text() -> None:
    assert read("1", "mixed", quoted=True) == Text(value="1")
    assert read("1", "text") == Text(value="1")
    with pytest.raises(ValueError, match="expected a number"):
        read("1", "number", quoted=True)


def test_nan_is_no_number_to_compare_with() -> None:
    for text in ("nan", "NaN"):
        with pytest.raises(ValueError, match="nothing equals nan"):
            read(text, "number")
        assert read(text, "mixed") == Text(value=text)


@pytest.mark.parametrize(
    ("text", "number"), [("true", 1), ("YES", 1), ("False", 0), ("no", 0)]
)  # fmt: skip
def test_flags(text: str, number: float) -> None:
    assert read(text, "flag") == Number(value=number, text=text)


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("abcd", True), ("ABCD", True), ("0" * 40, True),
        ("12345678-0000-4000-8000-000000000000", True),
        ("abc", False), ("0" * 41, False), ("main", False), ("", False),
    ],
)  # fmt: skip
def test_four_hex_digits_or_more_begin_an_id(text: str, begins: bool) -> None:
    assert read(text, "hex") == Text(value=text.lower(), begins=begins)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026-11-01", "2026-11-01T00:00:00", "2026-11-02T00:00:00"),
        ("2024-02-29", "2024-02-29T00:00:00", "2024-03-01T00:00:00"),
        ("2026-11-01T10:30", "2026-11-01T10:30:00", "2026-11-01T10:31:00"),
        ("2026-11-01 10:30", "2026-11-01T10:30:00", "2026-11-01T10:31:00"),
        ("2026-11-01T10:30:05", "2026-11-01T10:30:05", "2026-11-01T10:30:06"),
        ("2026-11-01T10:30Z", "2026-11-01T10:30:00", "2026-11-01T10:31:00"),
        ("2026-11-01T10:30+02:00", "2026-11-01T08:30:00", "2026-11-01T08:31:00"),
        ("2026-11-01T10:30:05-0130", "2026-11-01T12:00:05", "2026-11-01T12:00:06"),
        ("1969-12-31", "1969-12-31T00:00:00", "1970-01-01T00:00:00"),
        ("0999-01-01", "0999-01-01T00:00:00", "0999-01-02T00:00:00"),
    ],
)
def test_a_date_is_as_long_as_it_is_precise(text: str, start: str, end: str) -> None:
    assert read(text, "time") == Span(start=f"{start}.000000Z", end=f"{end}.000000Z")


def test_a_date_may_have_microseconds() -> None:
    assert read("2026-11-01T10:30:05.25Z", "time") == Span(
        start="2026-11-01T10:30:05.250000Z", end="2026-11-01T10:30:05.250001Z"
    )


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-10-24", 24), ("2026-10-25", 25), ("2026-03-29", 23)]
)
def test_a_day_is_the_local_one_with_all_its_hours(
    day: str, hours: int, zone: pytest.MonkeyPatch
) -> None:
    zone.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()

    found = read(day, "time")

    assert isinstance(found, Span)
    length = records.micros(found.end) - records.micros(found.start)
    assert length == hours * 3_600_000_000
    assert found.start[11:] == ("22:00:00.000000Z" if hours != 23 else "23:00:00.000000Z")


def test_a_time_without_a_zone_is_local(zone: pytest.MonkeyPatch) -> None:
    zone.setenv("TZ", "EST5")
    time.tzset()

    assert read("2026-11-01T10:30", "time") == Span(
        start="2026-11-01T15:30:00.000000Z", end="2026-11-01T15:31:00.000000Z"
    )
    assert read("2026-11-01T10:30Z", "time") == Span(
        start="2026-11-01T10:30:00.000000Z", end="2026-11-01T10:31:00.000000Z"
    )


@pytest.mark.parametrize(
    "text", ["2026-02-30", "2026-13-01", "2026-11-01T25:00", "9999-12-31", "0000-01-01",
             "2026-11-01T10:00:00+99:99", "2026-11-01Z", "", "soon", "x" * 1_000]
)  # fmt: skip
def test_what_no_calendar_has_is_no_date(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no date$") as caught:
        read(text, "time")

    assert len(str(caught.value)) < 60


def test_words_are_asked_of_the_caller_alone() -> None:
    heard: list[str] = []

    def when(text: str) -> tuple[int, int]:
        heard.append(text)
        return 0, 1

    for text in ("2 weeks ago", "2026-11-01", "2026-11"):
        literals.value(Literal(text=text, at=0, quoted=True), "time", "<", when=when)

    assert heard == ["2 weeks ago", "2026-11"]


def test_a_caller_that_cannot_read_a_date_says_so_by_an_error_too() -> None:
    def when(text: str) -> tuple[int, int]:
        raise ValueError("embedded null byte")

    with pytest.raises(ValueError, match=r"is no date$"):
        literals.value(Literal(text="a\0", at=0, quoted=True), "time", "<", when=when)


def test_patterns_are_of_text_and_no_longer_than_a_thousand() -> None:
    for kind in ("text", "hex", "several", "mixed"):
        assert read("a+", kind, "~") == Pattern(text="a+")
        assert read("1", kind, "!~") == Pattern(text="1")
    assert read("a" * 1_000, "text", "~") == Pattern(text="a" * 1_000)
    with pytest.raises(ValueError, match=r"^a pattern of more than 1,000 characters$"):
        read("a" * 1_001, "text", "~")
    for kind in ("number", "duration", "flag", "time"):
        with pytest.raises(ValueError, match="only text is matched"):
            read("a", kind, "~")


@pytest.mark.parametrize(
    "text", ["(", "a{2,1}", "[", "(?P<n", "*", "\\", "(((a{99}){99}){99}){99}"]
)
def test_a_bad_pattern_says_what_is_wrong_with_it(
    text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match=r"^bad pattern: [^\n]+$"):
        read(text, "text", "~")

    # RE2 would tell it once more.
    assert capfd.readouterr() == ("", "")


def test_a_pattern_that_is_no_utf_8_is_bad() -> None:
    assert patterns.wrong("\ud800")
    assert not patterns.wrong("é")
