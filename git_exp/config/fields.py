"""The params of a class: what is declared, and the check of a value against it."""

from __future__ import annotations

import enum
import inspect
import re
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from git_exp import errors
from git_exp.config.owned import fresh, owned

T = TypeVar("T")

# A class of more is made by a program that has lost its way.
MOST = 10_000
RESERVED = frozenset({"C", "config_id", "describe", "execute", "of_run", "submit", "task_outputs"})
# An integer of more has no text in Python.
_BITS = 14_000
_SHOWN = 60
_WORD = re.compile(r"\w+")
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
        return fresh(self.spec.default) if factory is None else factory()


def declared(cls: type) -> dict[str, Field]:
    """The params of a class and of those it is built on, by name, in the order of declaration.

    Raises `BadConfig` for one that no class can have.
    """
    known: dict[str, Field] | None = cls.__dict__.get("_fields")
    if known is None:
        known = {}
        for one in reversed(cls.__mro__):
            own = {name: _field(one, name, hint) for name, hint in _hints(one)}
            known |= own
            for name in known.keys() & one.__dict__.keys() - own.keys():
                # `width = 3` in a class that is built on the one that declares it.
                known[name] = msgspec.structs.replace(known[name], spec=_spec(one, name))
        setattr(cls, "_fields", known)  # noqa: B010 - each class its own
    return known


def _hints(cls: type) -> Iterator[tuple[str, Any]]:
    """The annotations of a class itself that are params, resolved."""
    said = inspect.get_annotations(cls)
    if len(said) > MOST:
        raise errors.BadConfig(f"{cls.__name__} has more than {MOST:,} params")
    if not said or cls.__module__ == "typing":
        return
    around = {**vars(sys.modules.get(cls.__module__, typing)), **cls.__dict__.get("_around", {})}
    # A param that is called as its type is does not hide that.
    own = {name: one for name, one in vars(cls).items() if name not in said}
    for name, hint in said.items():
        if not isinstance(hint, str) and _kind(hint) is None:
            continue
        found = _resolved(cls, name, hint, {cls.__name__: cls, **around, **own})
        if _kind(found):
            yield name, found


def _resolved(cls: type, name: str, hint: Any, around: dict[str, Any]) -> Any:
    """An annotation with all that is text in it resolved, as `typing.get_type_hints` does."""
    asked = types.SimpleNamespace(__annotations__={name: hint})
    try:
        return typing.get_type_hints(asked, around, {}, include_extras=True)[name]
    except Exception as error:
        if isinstance(hint, str) and "Param" not in hint and "Meta" not in hint:
            # An attribute of its own, whose type is nobody's business here.
            return None
        raise errors.BadConfig(f"{cls.__name__}.{name}: bad type '{hint}': {error}") from error


def named(cls: type) -> set[str]:
    """The names that are in the text of a class's annotations."""
    try:
        said = inspect.get_annotations(cls)
    except NameError:
        # Since Python 3.14 an annotation finds the names around it by itself, once they are there.
        return set()
    return set(_WORD.findall(" ".join(map(str, said.values()))))


def _kind(hint: Any) -> Kind | None:
    marks = getattr(hint, "__metadata__", ()) if get_origin(hint) is Annotated else ()
    return next((one for one in marks if isinstance(one, Kind)), None)


def _field(cls: type, name: str, hint: Any) -> Field:
    if name in RESERVED or name.startswith("_"):
        raise errors.BadConfig(f"{cls.__name__}.{name}: no param can have this name")
    rest = tuple(one for one in hint.__metadata__ if not isinstance(one, Kind))
    wanted = Annotated[(hint.__origin__, *rest)] if rest else hint.__origin__
    kind = _kind(hint) or Kind.PARAM
    return Field(name=name, type=_askable(wanted), kind=kind, spec=_spec(cls, name))


def _spec(cls: type, name: str) -> Spec:
    said = cls.__dict__.get(name, msgspec.NODEFAULT)
    return said if isinstance(said, Spec) else Spec(default=said)


def checked(cls: type, field: Field, value: Any) -> Any:
    """A value as a param holds it, converted where nothing is lost: 1 for a float, a text for a
    path, a list for a tuple. Raises `BadConfig` that names class, param, expected and got.
    """
    try:
        mine = owned(plain(value))
        try:
            return _converted(mine, field.type)
        except msgspec.ValidationError:
            return _converted(_python(mine), field.type)
    except errors.BadConfig as error:
        raise errors.BadConfig(f"{cls.__name__}.{field.name}: {error}") from None
    except (msgspec.ValidationError, TypeError, ValueError, RecursionError) as error:
        raise errors.BadConfig(_told(cls, field, value, error)) from None


def _converted(value: Any, wanted: Any) -> Any:
    # Text for bytes would be taken for base64.
    return msgspec.convert(value, wanted, dec_hook=_custom, builtin_types=(bytes, bytearray))


def _told(cls: type, field: Field, value: Any, error: Exception) -> str:
    said, _, place = str(error).partition(" - at `$")
    said = said.replace("`", "")
    shown = "" if place else _shown(value)
    options = get_args(_bare(field.type)) if get_origin(_bare(field.type)) is Literal else ()
    if isinstance(error, RecursionError):
        said, shown = "it is nested too deeply", ""
    elif options:
        said = f"expected one of {', '.join(map(repr, options))}"
    if not place and ", got " not in said and not isinstance(error, RecursionError):
        said = f"{said}, got {type(value).__name__}"
    said = f"{said} {shown}" if shown else said
    return f"{cls.__name__}.{field.name}{place.rstrip('`')}: {said[:1].lower()}{said[1:]}"


def _shown(value: Any) -> str:
    if isinstance(value, int) and value.bit_length() > _BITS:
        return f"of {value.bit_length():,} bits"
    found = repr(value) if isinstance(value, str | int | float) else ""
    return found if len(found) <= _SHOWN else ""


def plain(value: Any) -> Any:
    """A scalar of numpy or torch as Python's own."""
    item = getattr(value, "item", None)
    library = type(value).__module__.partition(".")[0]
    # A dtype has no dimensions either, and is no scalar.
    if library in ("numpy", "torch") and callable(item) and not getattr(value, "ndim", 1):
        return item()
    return value


def _python(value: Any) -> Any:
    """A value with the scalars of numpy or torch in its containers as Python's own."""
    if type(value) is dict:
        return {plain(key): _python(one) for key, one in value.items()}
    if type(value) in (list, tuple, set, frozenset):
        return type(value)([_python(one) for one in value])
    return plain(value)


class _Either(type):
    """A union that msgspec does not know how to tell apart: the first that fits is taken."""

    members: tuple[Any, ...]

    def __instancecheck__(cls, _: object) -> bool:
        return True


def _askable(wanted: Any) -> Any:
    """A type as msgspec takes it: unions of classes are told apart by us."""
    origin, given = get_origin(wanted), get_args(wanted)
    if isinstance(wanted, type) and _is_unknowable(wanted):
        return Any
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
    if not isinstance(wanted, type) or isinstance(value, wanted):
        # Of a Callable for example nothing can be known.
        return value
    raise TypeError(f"expected `{wanted.__name__}`, got `{type(value).__name__}`")


def _is_unknowable(wanted: type) -> bool:
    """Whether it is a protocol that no value can be checked against."""
    is_protocol = bool(getattr(wanted, "_is_protocol", False))
    return is_protocol and not getattr(wanted, "_is_runtime_protocol", False)


def _either(wanted: _Either, value: Any) -> Any:
    for one in wanted.members:
        if type(value) is one:
            return value
    for one in wanted.members:
        try:
            return _converted(value, one)
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
