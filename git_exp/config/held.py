"""What a config holds: the configs in its params, in lists and mappings too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from git_exp.config import fields
from git_exp.config.build import Config


def within(config: Config) -> Iterator[Config]:
    """A config and all that it holds, each object once."""
    seen: set[int] = set()
    waiting: list[Any] = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Config):
            if id(value) not in seen:
                seen.add(id(value))
                yield value
                names = fields.declared(type(value))
                waiting.extend(value.__dict__[name] for name in reversed(names))
        elif isinstance(value, Mapping):
            waiting.extend(value.values())
        elif isinstance(value, list | tuple | set | frozenset):
            waiting.extend(value)
