"""git exp completion: print a script that lets a shell complete `git exp`."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from git_exp import cli

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print a script that lets a shell complete `git exp`.

    The script works with the completion that git has for the shell, and for `git-exp` too. It
    offers commands, options, and the names, ids and revisions of runs.
    """
    script = Path(__file__).with_name(f"completion.{shell}")
    sys.stdout.write(script.read_text())


def offer(words: Sequence[str]) -> int:
    """What may stand for the last of these words of `git exp`: lines of kind, value and help.

    The scripts ask this; whatever fails, there is simply nothing to offer.
    """
    *given, begun = words or ("",)
    with contextlib.suppress(Exception):
        for kind, value, told in _offers(list(given), begun):
            if value.isprintable():
                sys.stdout.write(f"{kind}\t{value}\t{told if told.isprintable() else ''}\n")
    return 0


def _offers(given: list[str], begun: str) -> Iterator[tuple[str, str, str]]:
    from click.shell_completion import ShellComplete

    if "--" in given:
        yield "file", begun, ""
        return
    asked = ShellComplete(cli.group(), {}, "git exp", "")
    # A value given as `--option=value` is one word for the scripts, two for click.
    option, sign, _ = begun.partition("=")
    before = option + sign if sign and begun.startswith("--") else ""
    found: list[CompletionItem] = asked.get_completions(given, begun)
    for item in found:
        yield item.type, before + str(item.value), item.help or ""
