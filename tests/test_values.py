"""Values: what can be recorded, how it is read back, and what is refused by its key."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import math
import string
import sys
import types
import uuid
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from git_exp import errors, records, values
from git_exp.journal import Journal, create

T = "2026-01-02T03:04:05.000000Z"


class Colour(enum.Enum):
    RED = "red"
    PAIR = (1, 2)
    NAN = math.nan


class Level(enum.IntEnum):
    LOW = 1


class Flags(enum.Flag):
    A = 1
    B = 2


class Text(str):
    def __str__(self) -> str:
        return "something else"


class Whole(int): ...


class Real(float): ...


@dataclasses.dataclass
class Point:
    x: Any
    y: Any = 0


class Pair(NamedTuple):
    left: int
    right: int


class Shape(msgspec.Struct, tag="shape", rename="camel"):
    side_length: Any
    gap: Any = msgspec.UNSET


class Row(msgspec.Struct, array_like=True, tag="row"):
    first: Any
    second: Any = 2


class Sparse(msgspec.Struct, omit_defaults=True):
    a: Any = 1
    b: list[Any] = []
    c: Any = None


class Scalar:
    """As torch's: no number of Python's, but knows its value."""

    def __init__(self, value: Any, count: int = 1) -> None:
        self._value = value
        self._count = count

    def numel(self) -> int:
        return self._count

    def size(self) -> tuple[int, ...]:
        return (self._count,)

    def tolist(self) -> Any:
        return self._value


class Item:
    """A scalar that has `item` alone."""

    def item(self) -> float:
        return 0.25


class Broken:
    def tolist(self) -> Any:
        raise RuntimeError("cannot copy out of meta tensor")


class Everything:
    """As a mock: whatever it is asked for, it has."""

    def __getattr__(self, name: str) -> Any:
        return lambda: Everything()


class Endless:
    def item(self) -> Any:
        return self


Kept = Callable[..., Any]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    writer = records.Writer(
        t=T, run_id="r", commit="c", owner=True, pid=1, host="h", boot="b", machine="m"
    )
    opened = create(tmp_path / "spool", writer)
    return Journal(opened, start=T, renew=lambda: opened)


@pytest.fixture
def kept(journal: Journal) -> Kept:
    """Track a value, and read back what the journal's last line says it was."""

    def track(value: Any, note: str | None = None, *, step: Any = None) -> Any:
        journal.track(value, note, step=step)
        return last(journal).value

    return track


def last(journal: Journal) -> records.Track:
    event = records.parse(journal.path.read_bytes().splitlines()[-1])
    assert isinstance(event, records.Track), event
    return event


D = decimal.Decimal
UTC = datetime.UTC
RECORDED = [
    (0.5, 0.5), (7, 7), (True, True), ("text", "text"), (None, None), (-0.0, -0.0),
    (2**70, 2**70), (-(2**70), -(2**70)), (10**4000, 10**4000), (5e-324, 5e-324), (1e308, 1e308),
    (math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity"),
    ({"a": {"b": [math.nan]}}, {"a": {"b": ["NaN"]}}),
    ([1, (2, 3)], [1, [2, 3]]), ({4}, [4]), (frozenset([4]), [4]), (Pair(1, 2), [1, 2]),
    (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    (collections.Counter("aab"), {"a": 2, "b": 1}),
    (types.MappingProxyType({"a": math.nan}), {"a": "NaN"}),
    (np.float64(1.5), 1.5), (np.float32(0.5), 0.5), (np.int64(3), 3), (np.bool_(True), True),
    (np.str_("x"), "x"), (np.float64("nan"), "NaN"), (np.float32("-inf"), "-Infinity"),
    (np.longdouble(1.5), 1.5), (np.datetime64("2026-01-02"), "2026-01-02"), (np.array(2.5), 2.5),
    (np.arange(3), [0, 1, 2]), (np.array([[1.0, math.nan]]), [[1.0, "NaN"]]),
    (np.zeros(1000), [0.0] * 1000),
    (Scalar(0.25), 0.25), (Scalar([1, 2], 2), [1, 2]), (Scalar(math.inf), "Infinity"),
    (Item(), 0.25),
    (Colour.RED, "red"), (Colour.PAIR, [1, 2]), (Colour.NAN, "NaN"), (Level.LOW, 1),
    (Flags.A | Flags.B, 3),
    (Text("x"), "x"), (Whole(3), 3), (Real(0.5), 0.5), (Real("nan"), "NaN"),
    (fractions.Fraction(1, 4), 0.25),
    (D("0.25"), 0.25), (D("NaN"), "NaN"), (D("sNaN"), "NaN"), (D("-Infinity"), "-Infinity"),
    (D("1E+400"), "Infinity"), (D("1E+5"), 100000), (D("1E-400"), 0.0),
    (Path("plots/a.png"), "plots/a.png"), (PurePosixPath("/x"), "/x"),
    (Path("a\udcff"), '"a\\377"'),
    (datetime.datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00Z"),
    (datetime.date(2026, 1, 2), "2026-01-02"), (datetime.timedelta(days=1), "P1D"),
    (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (b"ab\xff", "YWL/"), (bytearray(b"x"), "eA=="),
    (Point(1.5), {"x": 1.5, "y": 0}),
    (Point(math.nan, Point(1)), {"x": "NaN", "y": {"x": 1, "y": 0}}),
    (Shape(2), {"type": "shape", "sideLength": 2}), (Row(1), ["row", 1, 2]),
    (Sparse(), {}), (Sparse(a=True, b=[1]), {"a": True, "b": [1]}),
    ("a\udcffb", '"a\\377b"'), ("tab\t\udc80\"\\", '"tab\\t\\200\\"\\\\"'),
    ("\ud800", '"\\355\\240\\200"'),
    ("a\nb\u2028c", "a\nb\u2028c"), ("null NaN Infinity 1E+400", "null NaN Infinity 1E+400"),
    ({1: "a", 2.5: "b", Colour.RED: "c", Text("t"): "d"},
     {"1": "a", "2.5": "b", "red": "c", "t": "d"}),
    ({True: 1, np.int64(4): 2, datetime.date(2026, 1, 2): 3},
     {"true": 1, "4": 2, "2026-01-02": 3}),
    ({"a\udcff": 1}, {'"a\\377"': 1}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "read"), RECORDED, ids=[type(value).__name__ for value, _ in RECORDED]
)
def test_a_value_is_recorded_as_json_has_it(kept: Kept, value: Any, read: Any) -> None:
    assert same(kept(value), read)
    # Beside what takes the slow path, and with what is not the value's own: the same.
    assert same(kept({"v": value, "none": None}), {"v": read, "none": None})
    assert same(kept(value, "a note"), read)
    assert same(values.plain(value), read)


def same(found: Any, expected: Any) -> bool:
    """Equal, and of one type: 1 is not True, though 100000 may be 1e5."""
    numbers = isinstance(expected, int | float) and not isinstance(expected, bool)
    if numbers and not isinstance(found, bool):
        return bool(found == expected)
    return type(found) is type(expected) and bool(found == expected)


def test_a_struct_is_plain_as_msgspec_writes_it() -> None:
    for value in (Shape(2), Shape(2, 3), Row(1), Sparse(), Sparse(c=0), Sparse(b=[1])):
        assert values.plain(value) == msgspec.to_builtins(value)


def test_the_order_of_keys_is_kept(kept: Kept) -> None:
    wanted = ["z", "a", "m", "b"]

    assert list(kept(dict.fromkeys(wanted, 1))) == wanted
    assert list(kept(dict.fromkeys(wanted, math.nan))) == wanted


def test_a_value_of_ten_megabytes_is_one_line(kept: Kept, journal: Journal) -> None:
    text = "x" * 10_000_000

    assert kept({"text": text}) == {"text": text}
    assert len(journal.path.read_bytes().splitlines()) == 2


def test_values_nest_a_hundred_levels_deep(kept: Kept) -> None:
    value: Any = 0.5
    for _ in range(100):
        value = {"a": [value]}

    assert kept(value) == value
    assert kept({"deep": value, "nan": math.nan})["deep"] == value


def without_end() -> Any:
    value: dict[str, Any] = {}
    value["self"] = value
    return value


def very_deep() -> Any:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    return value


REFUSED = [
    ({"a": {"b": object()}}, "cannot record 'a.b': objects of type object"),
    ({"a": [1, {3j}]}, "cannot record 'a.1.0': objects of type complex"),
    (object(), "cannot record 'value': objects of type object"),
    (np.complex64(3j), "cannot record 'value': objects of type complex64"),
    ({"model": Point}, "cannot record 'model': objects of type type"),
    ({"dtype": np.float32}, "cannot record 'dtype': objects of type type"),
    ({"a": np.zeros(1001)}, "cannot record 'a': an array of more than 1,000 items"),
    ({"a": Scalar([0] * 1001, 1001)}, "cannot record 'a': an array of more than 1,000 items"),
    ({"a": Broken()}, "cannot record 'a': cannot copy out of meta tensor"),
    ({"a": (one for one in [1])}, "cannot record 'a': objects of type generator"),
    ({(1, 2): 3}, "cannot record '(1, 2)': a key of type tuple"),
    ({"a": {None: 3}}, "cannot record 'a.None': a key of type NoneType"),
    ({"a": Point(object())}, "cannot record 'a.x': objects of type object"),
    ({"a": Shape(object())}, "cannot record 'a.sideLength': objects of type object"),
    ({"a": 10**5000}, "cannot record 'a': an integer of more than 4,200 digits"),
    (without_end(), "cannot record 'value': it is nested too deeply, or contains itself"),
    (very_deep(), "cannot record 'value': it is nested too deeply, or contains itself"),
    (Endless(), "cannot record 'value': it is nested too deeply, or contains itself"),
]


@pytest.mark.parametrize(("value", "said"), REFUSED, ids=[pair[1][14:50] for pair in REFUSED])
def test_what_cannot_be_recorded_is_refused_by_its_key(
    kept: Kept, journal: Journal, value: Any, said: str
) -> None:
    before = journal.path.read_bytes()

    for note in (None, "a note"):
        with pytest.raises(TypeError) as caught:
            journal.track(value, note)

        assert isinstance(caught.value, errors.Unencodable)
        assert str(caught.value) == said
    assert journal.path.read_bytes() == before
    assert kept("the run goes on") == "the run goes on"


def test_an_object_that_has_every_attribute_is_refused(journal: Journal) -> None:
    with pytest.raises(TypeError, match="cannot record 'model'"):
        journal.track({"model": Everything()})


def test_a_param_is_one_number_text_or_boolean() -> None:
    assert values.scalar(np.float32(0.5), "lr") == 0.5
    assert values.scalar(math.inf, "lr") == "Infinity"
    for nested in ([1], {"a": 1}, Point(1)):
        with pytest.raises(errors.Unencodable, match=r"'params\.lr': a param is one number"):
            values.scalar(nested, "lr")


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("1b4e28ba-2fa1-41d2-883f-0016d3cca427", True),
        ("1B4E28BA-2FA1-41D2-883F-0016D3CCA427", False),
        ("1b4e28ba-2fa1-41d2-883f-0016d3cca427\n", False),
        ("1b4e28ba2fa141d2883f0016d3cca427", False),
        ("../../x", False),
        ("", False),
    ],
)
def test_a_run_id_is_a_lowercase_hyphenated_uuid(text: str, is_one: bool) -> None:
    assert values.is_run_id(text) is is_one


def test_text_that_is_no_utf_8_is_quoted_as_git_quotes_paths() -> None:
    assert values.quoted("plain é\n") == "plain é\n"
    assert values.quoted("\udce9\n\x07\x7f") == '"\\351\\n\\a\\177"'


numbers = st.one_of(
    st.integers(-(2**200), 2**200), st.floats(allow_nan=False, allow_infinity=False), st.booleans()
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
json_like = st.recursive(
    st.one_of(st.none(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=20,
)


def read_back(value: Any) -> Any:
    event = records.parse(records.line(records.Track(t=T, value=value))[:-1])
    assert isinstance(event, records.Track)
    return event.value


@given(json_like)
@example({"null": "null", "n": None})
@example(["Infinity", "NaN", "E+"])
def test_any_value_of_json_is_read_back_equal(value: Any) -> None:
    assert same(read_back(value), value)
    assert same(read_back(values.plain(value)), value)
    assert list_order(read_back(value)) == list_order(value)


def list_order(value: Any) -> Any:
    if isinstance(value, dict):
        return [(key, list_order(one)) for key, one in value.items()]
    return [list_order(one) for one in value] if isinstance(value, list) else None


@given(st.floats())
def test_any_float_is_read_back_exactly(value: float) -> None:
    read = records.number(read_back(value))

    assert read is not None
    assert read == value or (math.isnan(read) and math.isnan(value))


@given(st.text(st.characters(), max_size=30))
@example("\ud800\udc80")
def test_any_text_at_all_is_one_line_of_utf_8(text: str) -> None:
    line = records.line(records.Track(t=T, value={text: text}))

    assert line.count(b"\n") == 1
    assert isinstance(records.parse(line[:-1]), records.Track)
    if set(text) <= set(string.printable):
        assert read_back(text) == text


@given(st.decimals())
def test_any_decimal_is_a_line_that_can_be_read(value: decimal.Decimal) -> None:
    read = records.number(read_back(value))

    assert read is not None
    if value.is_finite() and sys.float_info.min < abs(value) < sys.float_info.max:
        assert math.isclose(read, value, rel_tol=1e-15)
