"""`Config`: a class whose annotated params are checked when it is built."""

from __future__ import annotations

import copy
import difflib
import itertools
import reprlib
import sys
from collections.abc import Callable
from typing import Any, ClassVar, Self, dataclass_transform

import msgspec

from git_exp import errors
from git_exp.config import fields
from git_exp.config.identifier import MAINS, Identifiers, module_of


def field(
    *,
    default: Any = msgspec.NODEFAULT,
    default_factory: Callable[[], Any] | None = None,
    ignore_default: bool = False,
) -> Any:
    """What a param is if it is left out.

    Parameters
    ----------
    default, default_factory
        The value, or what makes a new one for each config; not both.
    ignore_default
        A value that equals the default does not count for the identifier: a param that is added
        later leaves the identifiers of all configs as they are.
    """
    if default is not msgspec.NODEFAULT and default_factory is not None:
        raise errors.BadConfig("field() takes default or default_factory, not both")
    if ignore_default and default is msgspec.NODEFAULT and default_factory is None:
        raise errors.BadConfig("field(ignore_default=True) needs a default")
    return fields.Spec(
        default=default, default_factory=default_factory, ignore_default=ignore_default
    )


class _Itself:
    """`X.C`, which is `X`."""

    def __get__(self, _: object, owner: type[Any]) -> type[Any]:
        return owner


@dataclass_transform(kw_only_default=True, field_specifiers=(field,))
class Config:
    """Values with names, types and an identifier: ``Model(width=64)``, or ``Model.C(width=64)``.

    ::

        class Model(Config):
            width: Param[int]
            name: Meta[str] = "a model"

    Types are checked when it is built, and values are converted where nothing is lost. What is
    declared does not change after; a config with other values is another one. An attribute that is
    no param may be set.

    Raises
    ------
    BadConfig
        A value does not fit, is missing or has no param: a `TypeError` that names class, param,
        expected and got.
    """

    C: ClassVar[Any] = _Itself()

    def __init_subclass__(cls, **given: Any) -> None:
        super().__init_subclass__(**given)
        if cls.__module__ in MAINS:
            # A pool that is sent the class itself has another main module.
            setattr(cls, "_module", module_of(cls))  # noqa: B010
        if "<locals>" in cls.__qualname__:
            # Names of the function that defines it are in no module; what else is there is not
            # kept alive, nor sent with the class.
            around, names = sys._getframe(1).f_locals, fields.named(cls)
            kept = {name: around[name] for name in names if name in around}
            setattr(cls, "_around", kept)  # noqa: B010

    def __init__(self, *args: Any, **given: Any) -> None:
        cls = type(self)
        # `X(...)`, as a page writes it that leaves the params out.
        if args and args != (...,):
            raise errors.BadConfig(f"{cls.__name__}() takes its params by name")
        known = fields.declared(cls)
        for name in given:
            if name not in known:
                raise _unknown(cls, name)
        for name, one in known.items():
            if name in given:
                value = given[name]
            elif one.required:
                raise errors.BadConfig(f"{cls.__name__}.{name}: no value is given")
            else:
                value = one.initial()
            self.__dict__[name] = fields.checked(cls, one, value)

    def config_id(self) -> str:
        """The identifier of its values: 64 hex digits, the same wherever they are equal.

        Raises `BadConfig` for a value that has none, or for over 100,000 of them.
        """
        try:
            return Identifiers().of(self).hex()
        except RecursionError:
            raise errors.BadConfig(f"{type(self).__name__}: it is nested too deeply") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self._expect_free(name)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        self._expect_free(name)
        super().__delattr__(name)

    def __getstate__(self) -> dict[str, Any]:
        # What a task in another process is told of is its own params.
        return {name: one for name, one in self.__dict__.items() if not name.startswith("_")}

    def __copy__(self) -> Self:
        made = object.__new__(type(self))
        for name, one in self.__dict__.items():
            made.__dict__[name] = copy.copy(one) if name.startswith("_") else one
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        made = memo[id(self)] = object.__new__(type(self))
        for name, one in self.__dict__.items():
            # A copy of a task's output is one of the same task, not of another.
            own = name.startswith("_")
            made.__dict__[name] = copy.copy(one) if own else copy.deepcopy(one, memo)
        return made

    def __repr__(self) -> str:
        return _SHORT.repr(self)

    def _expect_free(self, name: str) -> None:
        if name in fields.declared(type(self)):
            raise errors.BadConfig(
                f"{type(self).__name__}.{name}: a param does not change",
                hint="build another config",
            )


class _Short(reprlib.Repr):
    """A text for people: a config that is held a million times over is not written out."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 6
        self.maxlist = self.maxdict = self.maxset = self.maxtuple = self.maxfrozenset = 20
        self.maxstring = self.maxother = 200

    def repr1(self, x: Any, level: int) -> str:
        if not isinstance(x, Config):
            return super().repr1(x, level)
        cls = type(x)
        if level <= 0:
            return f"{cls.__name__}(...)"
        told = [
            f"{name}={self.repr1(x.__dict__.get(name), level - 1)}"
            for name in itertools.islice(fields.declared(cls), self.maxdict)
        ]
        more = ["..."] if len(fields.declared(cls)) > len(told) else []
        return f"{cls.__name__}({', '.join(told + more)})"

    def repr_int(self, x: int, level: int) -> str:
        return f"<int of {x.bit_length():,} bits>" if x.bit_length() > 1000 else repr(x)


_SHORT = _Short()


def _unknown(cls: type, name: str) -> errors.BadConfig:
    known = list(fields.declared(cls))
    near = difflib.get_close_matches(name[:80], known, n=1)
    listed = ", ".join(known[:10]) or "it has none"
    hint = f"did you mean {near[0]}?" if near else f"its params: {listed}"
    return errors.BadConfig(f"{cls.__name__} has no param '{name[:80]}'", hint=hint)
