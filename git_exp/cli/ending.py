"""How a command ends: its exit code, and for an error one line on stderr with the next step."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence

import click

from git_exp import cli, errors
from git_exp.cli import manual, output

INTERRUPTED = 130
CLOSED_PIPE = 141
# `run` keeps all other codes for the command that it runs; git bisect skips on 125.
FAILED = {"run": 125}
# As git has it: an error is the user's to put right, fatal is the end of the road.
_MILD = (1, 2, 4)
_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


def code(args: Sequence[str]) -> int:
    """Run one command and give its exit code; whatever goes wrong is one line on stderr."""
    word = next((one for one in args if not one.startswith("-")), "")
    try:
        return _answered(list(args), word)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        return _failed(error, word)


def told(error: Exception, word: str = "") -> int:
    """Say what went wrong, and give its exit code."""
    if isinstance(error, click.ClickException):
        error = refusal(error, word)
    if isinstance(error, errors.GitExpError):
        if error.message:
            label = "error" if error.exit_code in _MILD else "fatal"
            output.fail(label, error.message, error.hint)
        return error.exit_code
    if isinstance(error, OSError) and error.errno in _UNWRITABLE and error.filename is None:
        _forget_stdout()
        output.fail("fatal", f"cannot write to standard output: {error.strerror}")
        return errors.GitExpError.exit_code
    said = " ".join(str(error).split())
    output.fail(
        "fatal",
        f"internal error: {type(error).__name__}{': ' if said else ''}{said}",
        "GIT_EXP_DEBUG=1 shows the traceback",
    )
    return errors.GitExpError.exit_code


def refusal(error: click.ClickException, word: str) -> errors.UsageError:
    """What click has refused of the words after a command, in our own words."""
    asked = error.ctx.command.name if isinstance(error, click.UsageError) and error.ctx else word
    known = word in cli.words()
    hint = f"see: git exp {asked if ' ' in str(asked) else word} -h" if known else "see: git exp -h"
    text = error.format_message().replace("a valid integer range", "a whole number")
    if isinstance(error, click.NoSuchOption):
        text = f"unknown option '{error.option_name}'"
        if error.possibilities:
            hint = f"did you mean {' or '.join(error.possibilities)}?"
    elif isinstance(error, click.MissingParameter) and error.param and not error.message:
        text = f"missing {manual.metavar(error.param) or error.param.name}"
    return errors.UsageError(text[:1].lower() + text[1:].rstrip().removesuffix("."), hint=hint)


def _answered(args: list[str], word: str) -> int:
    entry = cli.group()
    context = entry.make_context("git exp", args)
    try:
        with context:
            answer = entry.invoke(context)
        sys.stdout.flush()
    except Exception as error:
        # The pager has ended, but what git's configuration says of colours still counts.
        with context.scope(cleanup=False):
            return _failed(error, word)
    return answer if isinstance(answer, int) else 0


def _failed(error: Exception, word: str) -> int:
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.Abort):
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        _forget_stdout()
        return CLOSED_PIPE
    if os.environ.get("GIT_EXP_DEBUG") == "1":
        import traceback

        traceback.print_exception(error)
    return FAILED.get(word, told(error, word))


def _forget_stdout() -> None:
    """Nobody reads what is left; without this the interpreter would complain at its exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
