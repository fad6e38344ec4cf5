"""A tool: a function from what is asked to an answer, its docstring what an agent reads of it."""

from __future__ import annotations

import inspect
import threading
import time
import typing
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from git_exp.index.search import Indexed


class Desk:
    """What tools work with: the runs of one repository, the user's folder and environment."""

    def __init__(self, store: Indexed, cwd: Path, env: Mapping[str, str]) -> None:
        self.store = store
        self.cwd = cwd
        self.env = env
        # Calls come on several threads, and take turns.
        self.turn = threading.Lock()

    @property
    def now(self) -> float:
        """The time, in seconds since 1970."""
        return time.time_ns() / 1_000_000_000


class Tool(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A function as a tool: whether it only reads, and whether twice does the same as once."""

    answer: Callable[[Desk, Any], msgspec.Struct]
    reads: bool
    repeatable: bool

    @property
    def name(self) -> str:
        return self.answer.__name__

    @cached_property
    def told(self) -> str:
        """When to use it and what it answers, in one paragraph."""
        return " ".join((inspect.getdoc(self.answer) or "").split())

    @cached_property
    def asks(self) -> type[msgspec.Struct]:
        """The type of its arguments."""
        found: type[msgspec.Struct] = typing.get_type_hints(self.answer)["asked"]
        return found

    @cached_property
    def gives(self) -> type[msgspec.Struct]:
        """The type of its answer."""
        found: type[msgspec.Struct] = typing.get_type_hints(self.answer)["return"]
        return found


def reading(answer: Callable[[Desk, Any], msgspec.Struct]) -> Tool:
    """A tool that changes nothing."""
    return Tool(answer=answer, reads=True, repeatable=True)


def adding(answer: Callable[[Desk, Any], msgspec.Struct], *, repeatable: bool = False) -> Tool:
    """A tool that adds to the records; a `repeatable` one adds nothing the second time."""
    return Tool(answer=answer, reads=False, repeatable=repeatable)
