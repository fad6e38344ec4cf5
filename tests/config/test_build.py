"""Configs: what is checked when one is built, and that it does not change after."""

from __future__ import annotations

import copy
import dataclasses
import enum
import math
import pickle
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Generic,
    Literal,
    NamedTuple,
    Protocol,
    TypeVar,
)

import msgspec
import numpy as np
import pytest

import git_exp
from git_exp import Action, Config, Meta, Param, Task, errors, field
from git_exp import Param as Shortly
from tests.config import quoted

if TYPE_CHECKING:
    from nowhere import Absent  # type: ignore[import-not-found]

T = TypeVar("T")
# What mypy would refuse is built by it.
ANY: Any = lambda cls, *args, **given: cls(*args, **given)  # noqa: E731
KINDS: list[Any] = [list, dict[str, Any], Any]
Width = Param[int]


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int


class Couple(NamedTuple):
    a: int
    b: str


class Walks(Protocol):
    def walk(self) -> None: ...


class Model(Config):
    width: Param[int]
    rate: Param[float] = 0.5
    note: Meta[str] = ""
    plain: int = 3
    shared: ClassVar[int] = 4
    absent: Absent | None = None


class Wide(Model):
    rate = 2
    depth: Param[int] = 1


class Pairs(Config):
    first: Param[Later]
    more: Param[list[Later]] = field(default_factory=list)
    parent: Param[Pairs | None] = None


class Later(Config):
    pass


class Boxed(Config, Generic[T]):
    held: Param[T]


class Named(Config):
    width: Width
    short: Shortly[int] = 1
    long: git_exp.Param[int] = 2


def build(kind: Any, **given: Any) -> Any:
    """A config of one param `x` with this type."""
    cls: Any = type("X", (Config,), {"__annotations__": {"x": Param[kind]}})  # type: ignore[misc]
    return cls(**given).x


def test_a_config_is_built_by_its_class_or_by_its_c() -> None:
    for made in (Model(width=3), Model.C(width=3)):
        assert (made.width, made.rate, made.note, made.plain) == (3, 0.5, "", 3)
        assert repr(made) == "Model(width=3, rate=0.5, note='')"
        assert type(made) is Model


def test_what_a_page_leaves_out_is_left_out() -> None:
    assert repr(ANY(Wide, ..., width=1)) == "Wide(width=1, rate=2.0, note='', depth=1)"


@pytest.mark.parametrize(
    ("build", "said", "hint"),
    [
        (lambda: ANY(Model, 3), "Model() takes its params by name", None),
        (lambda: ANY(Model), "Model.width: no value is given", None),
        (lambda: ANY(Model, widht=3), "Model has no param 'widht'", "did you mean width?"),
        (lambda: ANY(Model, zzz=3), "Model has no param 'zzz'", "its params: width, rate, note"),
        (
            lambda: ANY(Model, plain=3),
            "Model has no param 'plain'",
            "its params: width, rate, note",
        ),
        (lambda: ANY(Later, a=1), "Later has no param 'a'", "its params: it has none"),
        (lambda: ANY(Model, width="3"), "Model.width: expected int, got str '3'", None),
        (lambda: ANY(Model, width=True), "Model.width: expected int, got bool True", None),
        (lambda: ANY(Model, width=1.0), "Model.width: expected int, got float 1.0", None),
        (lambda: ANY(Model, width=1, note=2), "Model.note: expected str, got int 2", None),
        (lambda: ANY(Pairs, first=3), "Pairs.first: expected Later, got int 3", None),
        (
            lambda: ANY(Pairs, first=Later(), more=[3]),
            "Pairs.more[0]: expected Later, got int",
            None,
        ),
    ],
)
def test_what_does_not_fit_names_class_param_expected_and_got(
    build: Callable[[], object], said: str, hint: str | None
) -> None:
    with pytest.raises(errors.BadConfig) as caught:
        build()

    assert isinstance(caught.value, TypeError)
    assert (str(caught.value), caught.value.hint) == (said, hint)


@pytest.mark.parametrize(
    ("kind", "given", "held"),
    [
        (float, 1, 1.0),
        (int, 2**200, 2**200),
        (int, np.int32(3), 3),
        (bool, np.bool_(True), True),
        (float, np.float32(0.5), 0.5),
        (list[int], [np.int64(3)], [3]),
        (dict[str, list[float]], {"a": (np.float32(0.5),)}, {"a": [0.5]}),
        (tuple[int, str], [1, "a"], (1, "a")),
        (set[int], [1, 2, 2], {1, 2}),
        (Path, "a/b", Path("a/b")),
        (list[Path], ["a", Path("b")], [Path("a"), Path("b")]),
        (int | None, None, None),
        (Colour, Colour.RED, Colour.RED),
        (Colour | int, 3, 3),
        (list[Colour], [Colour.RED], [Colour.RED]),
        (Path | str, "a", "a"),
        (float | int, 1, 1),
        (Literal["a", 1], 1, 1),
        (Annotated[int, msgspec.Meta(ge=0)], 0, 0),
        (Decimal, "0.10", Decimal("0.10")),
        (Point, Point(1), Point(1)),
        (Point, {"x": 1}, Point(1)),
        (Couple, Couple(1, "a"), Couple(1, "a")),
        (bytes, b"a", b"a"),
        (type, int, int),
        (Callable[[int], int], abs, abs),
        (Walks, 3, 3),
        (list[Walks], [3], [3]),
        (Mapping[str, int], {"a": 1}, {"a": 1}),
        (Any, None, None),
        (object, 1j, 1j),
    ],
)
def test_values_are_converted_where_nothing_is_lost(kind: Any, given: Any, held: Any) -> None:
    found = build(kind, x=given)

    assert found == held
    assert type(found) is type(held)


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        (Annotated[int, msgspec.Meta(ge=0)], -1, "expected int >= 0, got int -1"),
        (Literal["a", "b"], "c", "expected one of 'a', 'b', got str 'c'"),
        (Colour, "RED", "expected Colour, got str 'RED'"),
        (Colour | int, "red!", "expected Colour | int, got str 'red!'"),
        (bytes, "YQ==", "expected bytes, got str 'YQ=='"),
        (float, 2**2000, "number out of range, got int"),
        (int, 10.0**300, "expected int, got float 1e+300"),
        (list[int], [1, "a"], "expected int, got str"),
        (Path, 3, "expected Path, got int 3"),
        (dict[str, int], {"a": "x" * 100}, "expected int, got str"),
        (int, "x" * 100, "expected int, got str"),
    ],
)
def test_values_that_are_not(kind: Any, given: Any, said: str) -> None:
    with pytest.raises(errors.BadConfig) as caught:
        build(kind, x=given)

    assert str(caught.value).partition(": ")[2] == said


def test_an_integer_may_have_more_digits_than_python_prints() -> None:
    assert build(int, x=10**5000) == 10**5000
    with pytest.raises(errors.BadConfig, match=r"^X.x: expected str, got int of 16,610 bits$"):
        build(str, x=10**5000)


def test_a_union_of_configs_takes_each_of_them() -> None:
    class Union2(Config):
        one: Param[Model | Later | None] = None
        every: Param[list[Model | Later]] = field(default_factory=list)

    model, later = Model(width=1), Later()
    held = Union2(one=later, every=[model, later])

    assert held.one is later
    assert held.every == [model, later]
    with pytest.raises(errors.BadConfig, match=r"^Union2.one: expected Model \| Later, got int 3$"):
        ANY(Union2, one=3)


def test_a_param_may_be_of_a_class_that_is_defined_later_or_is_itself() -> None:
    class Tree(Config):
        left: Param[Tree | None] = None

    late = quoted.Late()
    early = quoted.Early(one=late, more=[late], parent=quoted.Early(one=late))
    pairs = Pairs(first=Later(), parent=Pairs(first=Later()))

    assert early.more[0] is early.one is late
    assert isinstance(pairs.parent, Pairs)
    assert isinstance(Tree(left=Tree()).left, Tree)
    assert Boxed(held=3).held == 3
    assert repr(Named(width=1)) == "Named(width=1, short=1, long=2)"


def test_a_class_in_a_function_knows_the_names_around_it_and_keeps_no_others() -> None:
    large = object()

    class Inner(Config):
        pass

    class Outer(Config):
        inner: Param[Inner]

    assert isinstance(Outer(inner=Inner()).inner, Inner)
    assert large not in vars(Outer)["_around"].values()


def test_a_subclass_may_change_a_default_and_a_type() -> None:
    class Free(Wide):
        width: Param[str] = "wide"  # type: ignore[assignment]

    assert (Wide(width=1).rate, Wide(width=1).depth) == (2.0, 1)
    assert Free().width == "wide"
    assert Model(width=1).rate == 0.5


def test_a_bad_type_is_told_when_the_class_is_used() -> None:
    class Odd(Config):
        x: Param[Nowhere]  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(errors.BadConfig, match=r"^Odd.x: bad type 'Param\[Nowhere\]': name"):
        Odd(x=1)


@pytest.mark.parametrize("name", ["C", "config_id", "execute", "submit", "of_run", "_x", "__y"])
def test_some_names_are_no_params(name: str) -> None:
    cls: Any = type("X", (Config,), {"__annotations__": {name: Param[int]}})

    with pytest.raises(errors.BadConfig, match="no param can have this name"):
        cls()


def test_what_field_does_not_take() -> None:
    with pytest.raises(errors.BadConfig, match="default or default_factory, not both"):
        field(default=1, default_factory=int)
    with pytest.raises(errors.BadConfig, match="needs a default"):
        field(ignore_default=True)


@pytest.mark.parametrize("kind", KINDS)
def test_no_two_configs_share_a_default(kind: Any) -> None:
    cls: Any = type("X", (Config,), {"__annotations__": {"x": Param[kind]}})  # type: ignore[misc]
    default = {"a": []} if kind == dict[str, Any] else [[], Later()]
    cls.x = default

    one, two = cls().x, cls().x

    assert one is not two
    at = "a" if isinstance(default, dict) else 0
    assert one[at] is not two[at] is not default[at]  # type: ignore[index]
    assert at or (one[1] is not two[1] and isinstance(one[1], Later))


def test_a_factory_makes_a_value_for_each() -> None:
    made: list[int] = []

    def counted() -> int:
        made.append(1)
        return len(made)

    class Made(Config):
        x: Param[int] = field(default_factory=counted)

    assert (Made().x, Made().x, Made(x=7).x, len(made)) == (1, 2, 7, 2)


def test_what_was_given_can_change_and_the_config_does_not() -> None:
    class Holds(Config):
        x: Param[Any]
        y: Param[dict[str, Any]]

    inner = [1]
    given = {"a": inner}
    config = Holds(x=given, y=given)
    before = config.config_id()

    inner.append(2)
    given["b"] = []

    assert config.config_id() == before
    assert (config.x, config.y) == ({"a": [1]}, {"a": [1]})


def test_a_param_is_not_set_and_not_deleted() -> None:
    model = Model(width=1)

    with pytest.raises(errors.BadConfig, match=r"^Model.width: a param does not change"):
        model.width = 3
    with pytest.raises(errors.BadConfig, match=r"^Model.width: a param does not change"):
        del model.width
    setattr(model, "other", 3)  # noqa: B010
    delattr(model, "other")
    assert model.width == 1


def test_copies_and_pickles_are_equal() -> None:
    later = Later()
    pairs = Pairs(first=later, more=[later])
    for made in (
        copy.copy(pairs), copy.deepcopy(pairs), pickle.loads(pickle.dumps(pairs)),  # noqa: S301
        pickle.loads(pickle.dumps(pairs, 0)),  # noqa: S301
    ):  # fmt: skip
        assert made is not pairs
        assert made.config_id() == pairs.config_id()
        assert made.first is made.more[0]
    assert copy.copy(pairs).first is later
    assert copy.deepcopy(pairs).first is not later


def test_a_text_of_a_config_is_short_whatever_it_holds() -> None:
    class Wordy(Config):
        x: Param[Any]

    assert repr(Wordy(x=10**5000)) == "Wordy(x=<int of 16,610 bits>)"
    assert len(repr(Wordy(x=["x" * 10_000] * 1000))) < 10_000
    many: Any = type(
        "Many", (Config,), {"__annotations__": {f"a{i}": Param[int] for i in range(30)}}
    )
    assert repr(many(**{f"a{i}": i for i in range(30)})).endswith("a19=19, ...)")


def test_lists_that_hold_each_other_many_times_over_are_refused() -> None:
    wide: list[Any] = []
    for _ in range(60):
        wide = [wide, wide]
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    own: list[Any] = []
    own.append(own)

    with pytest.raises(errors.BadConfig, match=r"^X.x: it has over 10,000,000 values"):
        build(list, x=wide)
    for one in (deep, own):
        with pytest.raises(errors.BadConfig, match=r"^X.x: it is nested over 100 levels deep"):
            build(Any, x=one)


@pytest.mark.slow
def test_a_million_names_are_refused_and_a_million_values_are_held() -> None:
    begun = time.monotonic()
    every = {f"a{number}": number for number in range(1_000_000)}
    huge: Any = type("Huge", (Config,), {"__annotations__": dict.fromkeys(every, Param[int])})

    with pytest.raises(errors.BadConfig, match="Model has no param 'a0'"):
        ANY(Model, **every)
    with pytest.raises(errors.BadConfig, match="Huge has more than 10,000 params"):
        huge()
    assert len(build(dict[str, int], x=every)) == 1_000_000
    assert len(repr(build(dict[str, int], x=every)))
    assert time.monotonic() - begun < 30


def test_tasks_and_actions_are_configs() -> None:
    class Train(Task):
        model: Param[Model]

    class Export(Action):
        train: Param[Train]
        loss: Param[float] = math.inf

    export = Export(train=Train(model=Model(width=1)))

    assert export.describe() == "Export"
    with pytest.raises(NotImplementedError, match=r"^Train has no execute\(self\)$"):
        export.train.execute()
    with pytest.raises(NotImplementedError, match=r"^Export has no execute\(self, interaction\)$"):
        export.execute(git_exp.Answers())
    with pytest.raises(errors.UsageError, match="Export is not executed for a run"):
        _ = export.of_run
