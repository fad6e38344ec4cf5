"""What is refused of the words of a run: for a session that they name it is a failure."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import click

from git_exp import errors
from git_exp.cli import ending


class Command(click.Command):
    """A command whose words may name a session: what is refused of them is a failure there.

    Else a loop of words that are wrong would have no end.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            name = None if ctx.resilient_parsing or is_off() else _named(self, given)
            if name is not None:
                _tell(name, ending.refusal(error, str(self.name)).message)
            raise

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (errors.GitExpError, click.UsageError) as error:
            name, notes = ctx.params["session"], ctx.params["notes"]
            # A key that is being done is to be waited for.
            is_busy = ctx.params["key"] is not None and isinstance(error, errors.Refused)
            if name is not None and not is_busy:
                _tell(name, error.message, idea=notes[0] if notes else "")
            raise


def is_off() -> bool:
    """Whether nothing is to be recorded."""
    return os.environ.get("GIT_EXP_DISABLED", "") not in ("", "0")


def _named(command: click.Command, args: Sequence[str]) -> str | None:
    """The session that wrong words name before the command in them, unless they ask for help.

    A word after an option that is none may be its value.
    """
    options = (one for one in command.params if isinstance(one, click.Option) and not one.is_flag)
    valued = {name for one in options for name in one.opts}
    known = {name for one in command.params for name in one.opts}
    found = None
    words = iter(args)
    may_be_value = False
    for word in words:
        name, equals, value = word.partition("=")
        if word in ("-h", "--help"):
            return None
        if word == "--" or not (word.startswith("-") or may_be_value):
            break
        may_be_value = word.startswith("-") and not equals and name not in known
        if name in valued and not equals:
            value = next(words, "")
        found = value if name == "--session" else found
    return found or None


def _tell(session: str, why: str, *, idea: str = "") -> None:
    # Nearly all runs are refused nothing: what sessions take to import is spared.
    from git_exp.cli import joining

    joining.failed(session, why, idea=idea)
