"""git exp session hypothesize: say what may be tried next."""

from __future__ import annotations

import sys
from typing import Any

import click

from git_exp import cli
from git_exp.cli import options
from git_exp.cli import session as family


@click.command()
@options.session
@click.argument("statement")
@click.option("--why", metavar="text", default="", help="Why it may help.")
@click.option("--model", metavar="name", help="The kind of model to take.")
@click.option("-p", "--param", "params", metavar="key=value", multiple=True, help="A param to set.")
@click.option("--priority", metavar="number", type=int, default=1, help="The lowest comes first.")
@click.option("--confidence", metavar="number", type=float, default=0.5, help="From 0 to 1.")
@options.answer
def command(session: str, statement: str, form: options.Form, **given: Any) -> None:
    """Say what may be tried next.

    A hypothesis joins those that have not been tried yet; `status` shows that of the lowest
    priority number, and of several the most confident. A STATEMENT of `-` reads a whole set from
    standard input, as JSON: {"hypotheses": [{"statement": ..., "priority": ...}, ...]}; it takes
    the place of those before.
    """
    from git_exp.session import ideas

    store = cli.store()
    by = family.agent(store)
    if statement == "-":
        happening = ideas.read(sys.stdin.buffer.read(), by=by)
    else:
        told = {
            "statement": statement,
            "rationale": given["why"],
            "suggested_model": given["model"],
            "suggested_params": options.params(given["params"]),
            "priority": given["priority"],
            "confidence_score": given["confidence"],
        }
        happening = ideas.joined(told, by=by)
    family.tell(family.add(store, family.chosen(store, session), happening), form, "hypothesize")
