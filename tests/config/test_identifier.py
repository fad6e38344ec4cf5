"""Identifiers: equal values have equal ones, in every process, for good."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import importlib.util
import json
import math
import os
import shutil
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from git_exp import Config, Meta, Param, errors, field

HERE = Path(__file__).parent
GOLDEN = json.loads((HERE / "identifiers.json").read_text())
SCRIPT = "import cases, json; print(json.dumps(cases.identifiers()))"
SCALARS = some.one_of(
    some.none(), some.booleans(), some.integers(), some.floats(), some.text(), some.binary()
)
VALUES = some.recursive(
    SCALARS,
    lambda inner: some.lists(inner) | some.dictionaries(some.text() | some.integers(), inner),
    max_leaves=20,
)


class Level(enum.Enum):
    LOW = 1


class Grade(enum.IntEnum):
    LOW = 1


@dataclasses.dataclass(frozen=True)
class Pair:
    a: Any
    b: Any = None


class Holds(Config):
    value: Param[Any]


class Two(Config):
    a: Param[Any] = None
    b: Param[Any] = None


class Noted(Config):
    value: Param[int] = 0
    words: Meta[str] = ""
    where: Param[Path | None] = None
    files: Param[list[Path]] = field(default_factory=list)


class Grown(Config):
    value: Param[int]
    rate: Param[float] = field(default=1, ignore_default=True)
    words: Param[list[str]] = field(default_factory=list, ignore_default=True)


@pytest.fixture
def cases(tmp_path: Path) -> Iterator[types.ModuleType]:
    """The module of the cases, by the name that it has as a script."""
    path = shutil.copy(HERE / "cases.py", tmp_path / "cases.py")
    spec = importlib.util.spec_from_file_location("cases", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["cases"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["cases"]


def identifier(value: Any) -> str:
    return Holds(value=value).config_id()


def test_the_identifiers_of_old_are_those_of_today(cases: types.ModuleType) -> None:
    assert cases.identifiers() == GOLDEN
    assert len(set(GOLDEN.values())) == len(GOLDEN) >= 30


@pytest.mark.parametrize("words", [("-c", SCRIPT), ("cases.py",), ("-m", "cases")])
@pytest.mark.parametrize("seed", ["0", "12345"])
def test_they_are_the_same_in_a_script_and_whatever_the_hash_seed_is(
    cases: types.ModuleType, words: tuple[str, ...], seed: str
) -> None:
    folder = Path(cases.__file__ or "").parent
    env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": f"{HERE.parents[1]}:{folder}"}

    done = subprocess.run(
        (sys.executable, *words), cwd=folder, env=env, capture_output=True, check=True
    )

    assert json.loads(done.stdout) == GOLDEN


EQUAL: dict[str, tuple[Any, Any]] = {
    "NaNs": (math.nan, -math.nan),
    "a NaN of another kind": (math.nan, float(np.frombuffer(b"\1" * 6 + b"\xf8\x7f")[0])),
    "zeros": (0.0, -0.0),
    "order of a dict": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "order of a set": ({"a", "b", "c"}, {"c", "b", "a"}),
    "a set that is frozen": ({1, 2}, frozenset([2, 1])),
    "a tuple": ([1, 2], (1, 2)),
    "another dict": ({"a": 1}, types.MappingProxyType({"a": 1})),
    "numpy's scalars": ([np.int64(3), np.float64(0.5), np.str_("a")], [3, 0.5, "a"]),
    "numpy's boolean": (np.bool_(True), True),
    "another float of numpy": (np.float32(0.5), 0.5),
    "paths": (Path("a"), Path("b")),
    "decimals": (decimal.Decimal("1.50"), decimal.Decimal("15E-1")),
    "zeros of decimals": (decimal.Decimal("0.0"), decimal.Decimal("-0")),
    "NaNs of decimals": (decimal.Decimal("NaN"), decimal.Decimal("sNaN")),
    "equal dataclasses": (Pair(1, [2]), Pair(1, (2,))),
    "equal configs": (Holds(value=1), Holds(value=1)),
    "one config twice": ([one := Holds(value=1), one], [Holds(value=1), Holds(value=1)]),
    "big": (10**5000, int("1" + "0" * 100) * 10**4900),
}
DIFFERENT: dict[str, tuple[Any, Any]] = {
    "int and float": (1, 1.0),
    "int and bool": (1, True),
    "float and bool": (0.0, False),
    "int and text": (1, "1"),
    "text and bytes": ("a", b"a"),
    "nothing and text": (None, "None"),
    "nothing and empty": (None, []),
    "empty": ([], {}),
    "a list and a set": ([1], {1}),
    "order of a list": ([1, 2], [2, 1]),
    "keys": ({1: 0}, {"1": 0}),
    "a key that is true": ({1: 0}, {True: 0}),
    "grouped": ([[1], [2]], [[1, 2]]),
    "split text": (["ab", "c"], ["a", "bc"]),
    "neighbours": (2**63, 2**63 + 1),
    "signs": (2**70, -(2**70)),
    "infinities": (math.inf, -math.inf),
    "as far as a float goes": (0.1 + 0.2, 0.3),
    "forms of one letter": ("é", "e\u0301"),
    "half letters": ("\ud800", "\udc00"),
    "an enum and its value": (Grade.LOW, 1),
    "enums": (Level.LOW, Grade.LOW),
    "a path and text": (Path("a"), "a"),
    "a dataclass and a dict": (Pair(1), {"a": 1, "b": None}),
    "a config and its value": (Holds(value=1), 1),
    "classes": (Two(), Noted()),
    "over 28 digits": (decimal.Decimal("1" * 40), decimal.Decimal("1" * 39 + "2")),
    "infinite decimals": (decimal.Decimal("inf"), decimal.Decimal("-inf")),
    "days and hours": (datetime.date(2026, 1, 2), datetime.datetime(2026, 1, 2)),
    "durations": (datetime.timedelta(days=1), datetime.timedelta(days=-1)),
}


@pytest.mark.parametrize("pair", EQUAL.values(), ids=EQUAL)
def test_these_are_equal(pair: tuple[Any, Any]) -> None:
    assert identifier(pair[0]) == identifier(pair[1])


@pytest.mark.parametrize("pair", DIFFERENT.values(), ids=DIFFERENT)
def test_these_are_not(pair: tuple[Any, Any]) -> None:
    assert identifier(pair[0]) != identifier(pair[1])


def test_a_name_of_a_param_counts() -> None:
    assert Two(a=1).config_id() != Two(b=1).config_id()


def test_metas_and_paths_do_not_count() -> None:
    plain = Noted()
    said = Noted(words="said", where=Path("there"))

    assert said.config_id() == plain.config_id()
    assert Noted(value=1).config_id() != plain.config_id()
    assert Noted(files=[Path("a")]).config_id() == Noted(files=[Path("b")]).config_id()


def test_a_default_that_is_ignored_does_not_count_however_it_is_written() -> None:
    class Before(Config):
        value: Param[int]

    Before.__name__ = Before.__qualname__ = "Grown"

    assert Grown(value=1).config_id() == Before(value=1).config_id()
    assert Grown(value=1, rate=1.0, words=[]).config_id() == Before(value=1).config_id()
    assert Grown(value=1, rate=2).config_id() != Before(value=1).config_id()


def test_one_name_in_two_modules_is_two_classes() -> None:
    made: Callable[[str], Any] = lambda module: type(  # noqa: E731
        "Same", (Config,), {"__module__": module, "__annotations__": {"a": Param[int]}}
    )

    assert made("one")(a=1).config_id() != made("two")(a=1).config_id()
    assert made("one")(a=1).config_id() == made("one")(a=1).config_id()


@pytest.mark.slow
@given(VALUES)
def test_an_identifier_is_that_of_the_content_alone(value: Any) -> None:
    again = _turned(value)

    assert identifier(value) == identifier(again)


@given(some.dictionaries(some.text(), SCALARS), some.randoms())
def test_it_does_not_depend_on_the_order_of_construction(known: dict[str, Any], luck: Any) -> None:
    items = list(known.items())
    luck.shuffle(items)

    assert identifier(known) == identifier(dict(items))


def test_what_has_no_identifier_says_so_with_class_and_param() -> None:
    with pytest.raises(errors.BadConfig, match=r"^Holds.value: values of type object have no ide"):
        identifier(object())
    with pytest.raises(errors.BadConfig, match=r"^Holds.value: values of type type have no"):
        identifier(Pair)


@pytest.mark.slow
def test_a_million_values_are_refused_at_once() -> None:
    begun = time.monotonic()

    with pytest.raises(errors.BadConfig, match="at most 100,000 values"):
        identifier(dict.fromkeys(range(1_000_000)))

    assert time.monotonic() - begun < 10


def test_a_chain_of_a_hundred_thousand_configs_is_refused_and_not_waited_for() -> None:
    chain = Holds(value=None)
    for _ in range(100_000):
        chain = Holds(value=chain)

    with pytest.raises(errors.BadConfig, match="nested over 100 levels deep"):
        chain.config_id()
    assert repr(chain).count("Holds") < 10


def test_a_diamond_of_configs_costs_its_configs_and_not_its_paths() -> None:
    found = Two()
    for _ in range(60):
        found = Two(a=found, b=found)

    assert len(found.config_id()) == 64
    assert len(repr(found)) < 10_000


def _turned(value: Any) -> Any:
    """The same value with dicts the other way round, and new containers."""
    if isinstance(value, dict):
        return {key: _turned(one) for key, one in reversed(value.items())}
    return [_turned(one) for one in value] if isinstance(value, list) else value
