"""What a config is given as its own: containers are copied, so that nobody changes them after."""

from __future__ import annotations

import copy
from typing import Any

from git_exp import errors

# A list that holds itself twice, thirty times over, is a billion values.
MOST = 10_000_000
DEEPEST = 100
_PLAIN = (list, tuple, dict, set, frozenset)


def owned(value: Any) -> Any:
    """A value with its lists, sets and dicts copied; what they hold otherwise is the same.

    Raises `BadConfig` for what is nested too deeply, or has too many values.
    """
    return _Copy(configs=False).of(value) if type(value) in _PLAIN else value


def fresh(value: Any) -> Any:
    """A default as one config has it: its containers and configs are no other's."""
    return _Copy(configs=True).of(value)


class _Copy:
    """One copying: what was shared is shared."""

    def __init__(self, *, configs: bool) -> None:
        self._configs = configs
        # A copy by the id of what it is of, with how many values it has written out.
        self._made: dict[int, tuple[Any, int]] = {}
        self._count = 0
        self._depth = 0

    def of(self, value: Any) -> Any:
        kind = type(value)
        is_config = self._configs and hasattr(kind, "config_id")
        if kind not in _PLAIN and not is_config:
            self._count += 1
            return value
        known = self._made.get(id(value))
        if known is None:
            before = self._count
            self._depth += 1
            if self._depth > DEEPEST:
                raise errors.BadConfig(f"it is nested over {DEEPEST} levels deep")
            made = self._config(value) if is_config else self._container(kind, value)
            self._depth -= 1
            known = self._made[id(value)] = made, self._count - before
        else:
            self._count += known[1]
        if self._count > MOST:
            raise errors.BadConfig(f"it has over {MOST:,} values")
        return known[0]

    def _container(self, kind: type[Any], value: Any) -> Any:
        self._count += 1
        if kind is dict:
            return {key: self.of(one) for key, one in value.items()}
        return kind([self.of(one) for one in value])

    def _config(self, value: Any) -> Any:
        made = object.__new__(type(value))
        for name, one in value.__dict__.items():
            # Which tasks it is an output of, for example: of those there are no others.
            made.__dict__[name] = copy.copy(one) if name.startswith("_") else self.of(one)
        return made
