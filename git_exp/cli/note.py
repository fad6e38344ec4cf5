"""git exp note: add words to a run."""

from __future__ import annotations

import sys

import click

from git_exp import cli, errors, query, records, values
from git_exp.cli import options


@click.command()
@options.run_argument()
@click.argument("text")
def command(run: str, text: str) -> None:
    """Add words to a run.

    A TEXT of `-` is read from standard input. Notes are added, never replaced: `git exp show`
    lists them all, with their times.
    """
    store = cli.store()
    found = query.find(store, run)
    if text == "-":
        text = sys.stdin.buffer.read().decode(errors="surrogateescape")
    words = values.quoted(text.strip())
    if not words:
        raise errors.UsageError("a note must not be blank", hint="git exp note RUN TEXT")
    store.add(found, lambda t: records.Note(t=t, text=words))
