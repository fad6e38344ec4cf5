"""What is refused of the words of a run: for a session that they name it is a failure."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import click

from git_exp import errors
from git_exp.cli import ending

PRIVATE = "a private run is no result of a session"
_WORDS = "git_exp.words"


class Command(click.Command):
    """A command whose words may name a session: what is refused of them is a failure there.

    Else a loop of words that are wrong would have no end. Of a private run, nothing that was said
    is told there.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given = ctx.meta[_WORDS] = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            if ctx.resilient_parsing or is_off():
                raise
            read = _read(self, given)
            # Where reading broke off, any later word may have been meant as an option.
            read["private"] |= not isinstance(error, click.BadParameter) and "--private" in given
            if read["session"]:
                _tell(ctx, read, ending.refusal(error, str(self.name)).message)
            raise

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (errors.GitExpError, click.UsageError) as error:
            notes = ctx.params["notes"]
            # A key that is being done is to be waited for.
            is_busy = ctx.params["key"] is not None and isinstance(error, errors.Refused)
            if ctx.params["session"] is not None and not is_busy:
                _tell(ctx, ctx.params, error.message, idea=notes[0] if notes else "")
            raise


def is_off() -> bool:
    """Whether nothing is to be recorded."""
    return os.environ.get("GIT_EXP_DISABLED", "") not in ("", "0")


def is_private(given: Mapping[str, Any]) -> bool:
    """Whether a run of these options is private."""
    return bool(given["private"]) or os.environ.get("GIT_EXP_PRIVATE") == "1"


def _read(command: click.Command, args: Sequence[str]) -> dict[str, Any]:
    """The session that wrong words name, unless they ask for help, and whether they say private.

    An option that is none is passed over; a word after it may be its value, or begin the command.
    """
    flags = {name for one in command.params if getattr(one, "is_flag", False) for name in one.opts}
    heads = ((word, word.partition("=")[0]) for word in args)
    # A flag that was given a value is still that flag.
    words = [head if head in flags else word for word, head in heads]
    context = click.Context(
        command, resilient_parsing=True, ignore_unknown_options=True, **command.context_settings
    )
    found = command.make_parser(context).parse_args(words)[0]
    asks = "h" in found or "help" in found
    return {"session": None if asks else found.get("session"), "private": "private" in found}


def _tell(ctx: click.Context, given: Mapping[str, Any], why: str, *, idea: str = "") -> None:
    # Nearly all runs are refused nothing: what sessions take to import is spared.
    from git_exp import mask
    from git_exp.cli import joining

    if is_private(given):
        joining.failed(given["session"], PRIVATE)
    else:
        joining.failed(given["session"], mask.told(why, ctx.meta[_WORDS]), idea=idea)
