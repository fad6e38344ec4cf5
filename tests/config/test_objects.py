"""Objects: configs as lines and back, the same ones, each once."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import math
import sys
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

import git_exp
from git_exp import Config, Meta, Param, errors, field, records
from git_exp.config import objects
from git_exp.config.objects import Reader, Stored, Writer


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclasses.dataclass(frozen=True)
class Point:
    x: Any
    colour: Colour = Colour.RED


class Box(msgspec.Struct, frozen=True, rename="camel", tag=True):
    low_end: Point | None = None


class Other(msgspec.Struct, frozen=True, tag=True):
    x: int = 0


class Holds(Config):
    value: Param[Any]


class Typed(Config):
    colour: Param[Colour] = Colour.BLUE
    points: Param[list[Point]] = field(default_factory=list)
    box: Param[Box | Other | None] = None
    by_colour: Param[dict[Colour, Point]] = field(default_factory=dict)
    where: Meta[Path | None] = None


class Two(Config):
    a: Param[Config | None] = None
    b: Param[Config | None] = None


class Loose(Config):
    width: Param[int]
    log: Meta[Any] = None


class Bound(Config):
    log: Meta[Any]


LEAVES = some.one_of(
    some.none(), some.booleans(), some.integers(), some.integers(-(2**200), 2**200),
    some.floats(), some.text(some.characters(codec=None)), some.binary(), some.dates(),
    some.datetimes(timezones=some.just(datetime.UTC)), some.times(), some.timedeltas(),
    some.decimals(), some.uuids(), some.sampled_from(Colour), some.just(Path("a b")),
)  # fmt: skip
KEYS = some.text(some.characters(codec=None)) | some.integers() | some.just("$object")
VALUES = some.recursive(
    LEAVES,
    lambda inner: some.one_of(
        some.lists(inner), some.dictionaries(KEYS, inner), some.builds(Holds, value=inner),
        some.builds(Point, x=inner), some.tuples(inner, inner),
        some.sets(some.integers() | some.frozensets(some.integers())),
    ),
    max_leaves=20,
)  # fmt: skip


def written(*configs: Config, writer: Writer | None = None) -> tuple[list[str], list[bytes]]:
    """The ids of configs, and the lines that tell of them, as they are in a file."""
    writer = writer or Writer(None)
    ids, lines = [], []
    for config in configs:
        found, fresh = writer.add(config)
        ids.append(found)
        lines += [records.encode(one) for one in fresh]
    return ids, lines


def reader(lines: Iterable[bytes]) -> Reader:
    found = [objects.stored(json.loads(line)) for line in lines]
    assert None not in found
    return Reader({one.id: one for one in found if one}, loaded)


def loaded(stored: Stored) -> type:
    found: type = getattr(sys.modules[stored.module], stored.name)
    return found


def back(config: Config) -> Any:
    (oid,), lines = written(config)
    return reader(lines).make(oid)


@pytest.mark.slow
@given(VALUES)
def test_what_is_read_has_the_identifier_of_what_was_written(value: Any) -> None:
    config = Holds(value=value)

    assert back(config).config_id() == config.config_id()


@given(some.lists(some.tuples(some.integers(0, 20), some.integers(0, 20)), max_size=20))
def test_what_was_shared_is_shared(pairs: list[tuple[int, int]]) -> None:
    made: list[Config] = [Holds(value=number) for number in range(3)]
    for a, b in pairs:
        made.append(Two(a=made[a % len(made)], b=made[b % len(made)]))

    found = back(made[-1])

    assert found.config_id() == made[-1].config_id()
    _expect_alike(made[-1], found, {})


def test_typed_values_come_back_as_their_types() -> None:
    box = Box(low_end=Point((1, 2.5), Colour.BLUE))
    given = Typed(
        points=[Point(Colour.RED)], box=box, by_colour={Colour.RED: Point(1)}, where=Path("a")
    )

    found = back(given)

    assert (found.colour, found.points, found.box) == (Colour.BLUE, [Point(Colour.RED)], box)
    assert (found.by_colour, found.where) == ({Colour.RED: Point(1)}, Path("a"))
    assert back(Typed(box=Other(x=3))).box == Other(x=3)


@pytest.mark.parametrize(
    "value",
    [
        math.nan, -0.0, 2**64, -(2**53), 10**5000, "\udcff", {"\ud800": "\udcff"}, Path("\udcff"),
        {"$object": 1}, {1: {2: 3}}, {(1, "a"): None}, frozenset([frozenset([1])]), b"\xff",
        {Colour.RED: 1}, decimal.Decimal("sNaN"), uuid.UUID(int=1), Box(low_end=Point([Point(1)])),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_odd_values_come_back(value: Any) -> None:
    found = back(Holds(value=value))

    assert type(found.value) is type(value)
    assert found.config_id() == Holds(value=value).config_id()


def test_an_object_is_written_once_and_what_it_holds_first() -> None:
    shared = Holds(value=1)
    writer = Writer(None)

    ids, lines = written(Two(a=shared, b=Two(a=shared)), writer=writer)
    again, no_lines = written(Two(a=Holds(value=1), b=Two(a=shared)), writer=writer)

    assert [json.loads(line)["class"].partition(":")[2] for line in lines] == [
        "Holds",
        "Two",
        "Two",
    ]
    assert json.loads(lines[-1])["object"] == ids[0]
    assert (again, no_lines) == (ids, [])


def test_a_line_tells_where_below_the_worktree_its_class_is_defined() -> None:
    root = Path(__file__).parents[2]

    _, (fresh,) = Writer(root).add(Holds(value=1))

    assert fresh["file"] == "tests/config/test_objects.py"
    assert objects.defined_in(Holds, None) is None
    assert objects.defined_in(Holds, root / "git_exp") is None
    assert objects.defined_in(msgspec.Struct, Path("/")) is None
    assert objects.defined_in(git_exp.Config, root) == "git_exp/config/build.py"


def test_a_diamond_is_as_many_lines_as_it_has_configs() -> None:
    found = Two()
    for _ in range(60):
        found = Two(a=found, b=found)

    (oid,), lines = written(found)

    assert len(lines) == 61
    assert reader(lines).make(oid).config_id() == found.config_id()


def test_a_meta_that_cannot_be_stored_is_left_out_where_it_has_a_default() -> None:
    assert back(Loose(width=1, log=object())).log is None
    assert back(Loose(width=1, log="kept")).log == "kept"
    with pytest.raises(errors.BadConfig, match=r"^Bound.log: values of type object cannot be st"):
        written(Bound(log=object()))
    with pytest.raises(errors.BadConfig, match=r"^Holds.value: values of type object cannot be"):
        written(Holds(value=object()))


def test_what_is_nested_too_deeply_is_refused() -> None:
    chain = Holds(value=None)
    for _ in range(200):
        chain = Holds(value=chain)

    with pytest.raises(errors.BadConfig, match="nested over 100 levels deep"):
        written(chain)


@pytest.mark.parametrize(
    "line",
    [
        {}, {"object": "a"}, {"object": 1, "class": "a:B", "values": {}},
        {"object": "a", "class": "B", "values": {}}, {"object": "a", "class": "a:B", "values": 3},
        {"object": "a", "class": "a:B", "values": {}, "file": 3}, {"job": "a", "object": "b"},
    ],
    ids=lambda line: "-".join(line),
)  # fmt: skip
def test_other_lines_tell_of_no_object(line: dict[str, Any]) -> None:
    assert objects.stored(line) is None


def test_what_is_not_there_or_holds_itself_is_not_found() -> None:
    own = Stored(
        id="a", module=__name__, name="Holds", file=None, values={"value": {"$object": "a"}}
    )

    for oid in ("a", "b"):
        with pytest.raises(errors.NotFound, match=f"object '{oid}' is not there, or holds itself"):
            Reader({"a": own}, loaded).make(oid)


def test_a_param_that_the_class_of_today_does_not_have_says_nothing() -> None:
    there = Stored(id="a", module=__name__, name="Holds", file=None, values={"value": 1, "old": 2})

    assert repr(Reader({"a": there}, loaded).make("a")) == "Holds(value=1)"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"$enum": {"class": f"{__name__}:Colour", "name": "GREEN"}}, "Colour has no member"),
        ({"$record": {"class": f"{__name__}:Holds", "values": {}}}, "Holds is no enum, Struct or"),
        ({"$enum": {"class": f"{__name__}:Point", "name": "x"}}, "Point is no enum, Struct or"),
        ({"$record": {"class": f"{__name__}:Point", "values": {"y": 1}}}, "Point of today is ano"),
    ],
)
def test_what_is_no_such_thing_any_more_says_so(value: Any, said: str) -> None:
    there = Stored(id="a", module=__name__, name="Holds", file=None, values={"value": value})

    with pytest.raises(errors.BadConfig, match=said):
        Reader({"a": there}, loaded).make("a")


def _expect_alike(one: Any, other: Any, known: dict[int, int]) -> None:
    """The same graph: what is one object here is one there."""
    if id(one) in known:
        assert known[id(one)] == id(other)
        return
    known[id(one)] = id(other)
    if isinstance(one, Two):
        for name in ("a", "b"):
            if getattr(one, name) is not None:
                _expect_alike(getattr(one, name), getattr(other, name), known)
