"""config: classes of params, with an identifier computed from their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from git_exp.config.build import Config, field
    from git_exp.config.fields import Meta, Param

__all__ = ["Config", "Meta", "Param", "field"]

# Where each is: sessions want `fields` alone, and an identifier takes a library for its hash.
_HOMES = {"Config": "build", "field": "build", "Meta": "fields", "Param": "fields"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(f"git_exp.config.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
