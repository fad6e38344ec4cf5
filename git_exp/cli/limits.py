"""The limits of a session as options: `start` sets them, `resume` changes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import click

from git_exp import errors
from git_exp.cli.options import NUMBER, SPAN

F = TypeVar("F", bound=Callable[..., Any])


class _Limit(NamedTuple):
    """An option by its field: what it takes, what it says, and what it is where nobody says it."""

    option: str
    metavar: str
    type: Any
    help: str
    default: str | None


_LIMITS = {
    "max_iterations": _Limit("max-iterations", "number", int, "Results at most.", "20"),
    "time_budget": _Limit("time-budget", "time", SPAN,
        "Time at most, without pauses: seconds, or as in 2h30m.", "1h"),
    "plateau_threshold": _Limit("plateau", "number", int,
        "So many results without improvement end it, replicates too.", "3"),
    "max_consecutive_failures": _Limit("max-failures", "number", int,
        "Failures in a row that end it.", "5"),
    "target_metric_value": _Limit("target-value", "number", NUMBER, "The metric to reach.", None),
}  # fmt: skip


def options(*, defaults: bool = False) -> Callable[[F], F]:
    """An option for each limit, named by its field; `defaults`: whether the help tells those."""

    def decorate(command: F) -> F:
        for field, one in reversed(_LIMITS.items()):
            told = f" Default: {one.default}." if defaults and one.default else ""
            option = click.option(
                f"--{one.option}", field, metavar=one.metavar, type=one.type, help=one.help + told
            )
            command = option(command)
        return command

    return decorate


def option_of(field: str) -> str:
    """How the field of a limit is given."""
    return f"--{_LIMITS[field].option}"


def refused(error: errors.BadField, names: Mapping[str, str], hint: str) -> errors.GitExpError:
    """The refusal of a field, by the option that it is given with; `names` are other fields'."""
    field, _, said = error.message.partition(": ")
    name = field.rpartition(".")[2]
    known = names.get(name) or (option_of(name) if name in _LIMITS else None)
    if not (known and said):
        return error
    return errors.UsageError(f"{known}: {said}", hint=error.hint or hint)
