"""The params of a class: what is declared, and the check of a value against it."""

from __future__ import annotations

import enum
import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import msgspec

from git_exp import errors

T = TypeVar("T")

# A class of more is made by a program that has lost its way.
MOST = 10_000
RESERVED = frozenset({"C", "config_id", "describe", "execute", "run", "submit", "task_outputs"})
_GOT = ", got "
_CONTAINERS = (list, tuple, set, frozenset, Mapping)


class Kind(enum.Enum):
    """Whether a value counts for the identifier."""

    PARAM = "param"
    META = "meta"


Param = Annotated[T, Kind.PARAM]
Meta = Annotated[T, Kind.META]


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """What `field()` says of a param."""

    default: Any = msgspec.NODEFAULT
    default_factory: Callable[[], Any] | None = None
    ignore_default: bool = False


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One param of a class: `kind` says whether it counts, `spec` what it is if left out."""

    name: str
    type: Any
    kind: Kind
    spec: Spec

    @property
    def required(self) -> bool:
        return self.spec.default is msgspec.NODEFAULT and self.spec.default_factory is None

    @property
    def counts(self) -> bool:
        """Whether its value is part of the identifier: no meta and no path is."""
        return self.kind is Kind.PARAM and _bare(self.type) is not Path

    def initial(self) -> Any:
        """What it is if left out."""
        factory = self.spec.default_factory
        return self.spec.default if factory is None else factory()


def declared(cls: type) -> dict[str, Field]:
    """The params of a class and of those it is built on, by name, in the order of declaration.

    Raises `BadConfig` for one that no class can have.
    """
    known: dict[str, Field] | None = cls.__dict__.get("_fields")
    if known is None:
        known = {}
        for one in reversed(cls.__mro__):
            for name, hint in _hints(one):
                known[name] = _field(one, name, hint)
        setattr(cls, "_fields", known)  # noqa: B010 - each class its own
    return known


def _hints(cls: type) -> Iterator[tuple[str, Any]]:
    """The annotations of a class itself that are params, resolved."""
    said = inspect.get_annotations(cls)
    if len(said) > MOST:
        raise errors.BadConfig(f"{cls.__name__} has more than {MOST:,} params")
    for name, hint in said.items():
        found = _resolved(cls, name, hint) if isinstance(hint, str) else hint
        if _kind(found):
            yield name, found


def _resolved(cls: type, name: str, hint: str) -> Any:
    if "Param" not in hint and "Meta" not in hint:
        # An attribute of its own, whose type is nobody's business here.
        return None
    around = {**vars(sys.modules.get(cls.__module__, typing)), **cls.__dict__.get("_around", {})}
    try:
        return eval(hint, around, dict(vars(cls)))  # noqa: S307 - the class's own annotation
    except Exception as error:
        raise errors.BadConfig(f"{cls.__name__}.{name}: bad type '{hint}': {error}") from error


def _kind(hint: Any) -> Kind | None:
    marks = getattr(hint, "__metadata__", ()) if get_origin(hint) is Annotated else ()
    return next((one for one in marks if isinstance(one, Kind)), None)


def _field(cls: type, name: str, hint: Any) -> Field:
    if name in RESERVED or name.startswith("_"):
        raise errors.BadConfig(f"{cls.__name__}.{name}: no param can have this name")
    rest = tuple(one for one in hint.__metadata__ if not isinstance(one, Kind))
    wanted = Annotated[(hint.__origin__, *rest)] if rest else hint.__origin__
    said = cls.__dict__.get(name, msgspec.NODEFAULT)
    spec = said if isinstance(said, Spec) else Spec(default=said)
    kind = _kind(hint) or Kind.PARAM
    return Field(name=name, type=_askable(wanted), kind=kind, spec=spec)


def checked(cls: type, field: Field, value: Any) -> Any:
    """A value as a param holds it, converted where nothing is lost: 1 for a float, a text for a
    path, a list for a tuple. Raises `BadConfig` that names class, param, expected and got.
    """
    try:
        return msgspec.convert(_plain(value), field.type, dec_hook=_custom)
    except (msgspec.ValidationError, TypeError, RecursionError) as error:
        raise errors.BadConfig(_told(cls, field, value, error)) from None


def _told(cls: type, field: Field, value: Any, error: Exception) -> str:
    said, _, place = str(error).partition(" - at `$")
    said = said.replace("`", "")
    shown = repr(value) if isinstance(value, str | int | float | bool) else ""
    if isinstance(error, RecursionError):
        said = "it is nested too deeply"
    elif _GOT in said and not place and 0 < len(shown) <= 60:
        said = f"{said} {shown}"
    return f"{cls.__name__}.{field.name}{place.rstrip('`')}: {said[:1].lower()}{said[1:]}"


def _plain(value: Any) -> Any:
    """A scalar of numpy or torch as Python's own."""
    if type(value).__module__.partition(".")[0] in ("numpy", "torch") and not getattr(
        value, "ndim", 1
    ):
        return value.item()
    return value


class _Either(type):
    """A union that msgspec does not know how to tell apart: the first that fits is taken."""

    members: tuple[Any, ...]

    def __instancecheck__(cls, _: object) -> bool:
        return True


def _askable(wanted: Any) -> Any:
    """A type as msgspec takes it: unions of classes are told apart by us."""
    origin, given = get_origin(wanted), get_args(wanted)
    if isinstance(wanted, type) and issubclass(wanted, enum.Enum):
        # msgspec takes an enum by its value alone.
        return _Either(wanted.__name__, (), {"members": (wanted,)})
    if origin in (Union, types.UnionType):
        rest = [one for one in given if one is not type(None)]
        if len(rest) > 1 and any(_is_class(one) for one in rest):
            name = " | ".join(getattr(one, "__name__", str(one)) for one in rest)
            either = _Either(name, (), {"members": tuple(map(_askable, rest))})
            return Union[either, None] if len(rest) < len(given) else either  # noqa: UP007
        return Union[tuple(map(_askable, given))]  # noqa: UP007
    if origin is Annotated:
        return Annotated[(_askable(given[0]), *wanted.__metadata__)]
    if given and isinstance(origin, type) and issubclass(origin, _CONTAINERS):
        inner: Any = origin
        return inner[tuple(one if one is ... else _askable(one) for one in given)]
    return wanted


def _is_class(one: Any) -> bool:
    plain = (int, float, str, bytes, bool, list, tuple, dict, set, frozenset)
    return isinstance(one, type) and one not in plain


def _custom(wanted: Any, value: Any) -> Any:
    if isinstance(wanted, _Either):
        return _either(wanted, value)
    if wanted is Path and isinstance(value, str):
        return Path(value)
    if isinstance(wanted, type) and isinstance(value, wanted):
        return value
    if not isinstance(wanted, type):
        # Such as a Protocol's alias, or a Callable: nothing is known of them.
        return value
    raise TypeError(f"expected `{wanted.__name__}`, got `{type(value).__name__}`")


def _either(wanted: _Either, value: Any) -> Any:
    for one in wanted.members:
        if type(value) is one:
            return value
    for one in wanted.members:
        try:
            return msgspec.convert(value, one, dec_hook=_custom)
        except (msgspec.ValidationError, TypeError):
            continue
    raise TypeError(f"expected `{wanted.__name__}`, got `{type(value).__name__}`")


def _bare(wanted: Any) -> Any:
    """A type without `None` and annotations."""
    if get_origin(wanted) is Annotated:
        return _bare(get_args(wanted)[0])
    rest = [one for one in get_args(wanted) if one is not type(None)]
    if get_origin(wanted) in (Union, types.UnionType) and len(rest) == 1:
        return _bare(rest[0])
    return wanted
