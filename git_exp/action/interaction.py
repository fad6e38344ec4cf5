"""How an action asks: three kinds of question, and answers that were given beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from git_exp import errors

T = TypeVar("T")

_YES = ("true", "yes", "1", "y")
_NO = ("false", "no", "0", "n")


class Cancelled(BaseException):
    """Whoever was asked did not answer: the action stops before it goes on.

    No `Exception`, as `KeyboardInterrupt` is none: an action that goes on after whatever fails
    must not go on after this.
    """


class Interaction(Protocol):
    """Whoever answers an action's questions; any class with these three methods is one.

    Each question has a `key`, by which it can be answered beforehand. A backend raises `Cancelled`
    where nobody answers.
    """

    def choice(self, key: str, label: str, choices: Sequence[str]) -> str:
        """One of some texts."""
        ...

    def checkbox(self, key: str, label: str, *, default: bool = False) -> bool:
        """Yes or no."""
        ...

    def text(self, key: str, label: str, *, default: str = "") -> str:
        """Any text; one that was answered by nothing is the default."""
        ...


class Answers(Interaction):
    """Answers that are known beforehand, by the keys of their questions.

    A choice is one of the choices as it stands there, a checkbox a bool or true, yes, 1, y, false,
    no, 0 or n in any case. What is not known `rest` is asked, another `Interaction`; without one
    it raises `MissingAnswer`. A bad answer raises `BadAnswer`.

    ::

        action.execute(Answers({"target": "HF Hub", "name": "my-model", "private": True}))
    """

    def __init__(self, mapping: Mapping[str, Any] = {}, *, rest: Interaction | None = None) -> None:
        self._known = dict(mapping)
        self._rest = rest
        self._asked: list[str] = []
        self.given: dict[str, Any] = {}

    @property
    def unused(self) -> list[str]:
        """The keys of which no question was asked."""
        return [key for key in self._known if key not in self._asked]

    @property
    def asked(self) -> list[str]:
        """The keys of the questions that were asked."""
        return list(dict.fromkeys(self._asked))

    def choice(self, key: str, label: str, choices: Sequence[str]) -> str:
        """One of some texts."""
        listed = list(map(str, choices))
        if not listed:
            raise errors.ActionFailed(f"question '{key}' has no choices")
        if self._knows(key):
            return self._give(key, chosen(key, self._known[key], listed))
        return self._give(key, self._others(key).choice(key, label, listed))

    def checkbox(self, key: str, label: str, *, default: bool = False) -> bool:
        """Yes or no."""
        if self._knows(key):
            return self._give(key, checked(key, self._known[key]))
        return self._give(key, self._others(key).checkbox(key, label, default=default))

    def text(self, key: str, label: str, *, default: str = "") -> str:
        """Any text."""
        if self._knows(key):
            return self._give(key, str(self._known[key]))
        return self._give(key, self._others(key).text(key, label, default=default))

    def _knows(self, key: str) -> bool:
        self._asked.append(str(key))
        return key in self._known

    def _others(self, key: str) -> Interaction:
        if self._rest is None:
            raise errors.MissingAnswer(key)
        return self._rest

    def _give(self, key: str, answer: T) -> T:
        self.given[str(key)] = answer
        return answer


def chosen(key: str, value: Any, choices: Sequence[str]) -> str:
    """A choice as it was given beforehand: exactly one of them. Raises `BadAnswer`."""
    if value not in choices:
        raise errors.BadAnswer(key, value, f"one of {', '.join(map(repr, choices))}")
    return str(value)


def checked(key: str, value: Any) -> bool:
    """A checkbox as it was given beforehand. Raises `BadAnswer`."""
    if isinstance(value, bool):
        return value
    word = str(value).casefold()
    if word not in (*_YES, *_NO):
        raise errors.BadAnswer(key, value, "true, yes, 1, y, false, no, 0 or n")
    return word in _YES


def prefilled(pairs: Sequence[str]) -> dict[str, str]:
    """`key=value` words: each splits at its first `=`, the last of a key counts.

    Raises `UsageError` for one that has no `=` or no key.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise errors.UsageError(f"bad answer '{pair}'", hint="it is KEY=VALUE")
        found[key] = value
    return found
