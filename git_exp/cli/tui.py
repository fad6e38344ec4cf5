"""git exp tui: look at runs as a live table."""

from __future__ import annotations

import os
import sys

import click

from git_exp import cli, errors
from git_exp.cli import options
from git_exp.index.search import Selection

# As many as the highest screen has.
_FIRST = 100


@click.command()
@options.where
def command(where: str | None) -> None:
    """Look at runs as a live table, and at one of them in tabs.

    The table lists runs as git-exp-log(1) does, and follows those that are running. Below it the
    selected run stands in tabs: an overview, the curves of its metrics, what its code changes, what
    it printed, its records, and the actions that it offers. `?` lists all keys.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise errors.UsageError("tui needs a terminal", hint="list runs: git exp log")
    # On this screen git must not ask for a password.
    os.environ.setdefault("GIT_TERMINAL_PROMPT", "0")
    from git_exp import tui

    store = cli.store()
    first = store.select(Selection(where=where, limit=_FIRST))
    # From here on nothing but the application writes on the terminal, and only a key fetches.
    store.progress = store.hydrate = None
    tui.start(store, first, where)
