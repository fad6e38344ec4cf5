"""git exp mcp: serve runs to coding agents."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from git_exp import cli
from git_exp.cli import output


@click.command()
@click.option("--write", is_flag=True, help="Offer the tools that add to records, too.")
def command(write: bool) -> None:
    """Serve runs to coding agents, by the Model Context Protocol on standard input and output.

    An agent's program starts it in a repository, and ends it by closing standard input. Its tools
    brief, log, show, diff, series, best, verdict, seen and sessions look at what is recorded; note,
    tag and claim, which add to it, are there only with --write.
    """
    # Nobody is there whom git could ask for a password.
    os.environ.setdefault("GIT_TERMINAL_PROMPT", "0")
    from git_exp.agent import serving

    store = cli.store()
    # From here on nothing but the protocol is written to stdout, and no tool goes to the network.
    store.progress = store.hydrate = None
    if sys.stdin.isatty():
        output.hints("a client starts this command and talks to it; end it with Ctrl-D")
    serving.serve(store, Path.cwd(), os.environ, write=write)
