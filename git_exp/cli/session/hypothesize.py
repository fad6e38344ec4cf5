"""git exp session hypothesize: say what may be tried next."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from git_exp import cli, errors
from git_exp.cli import limits, options
from git_exp.cli import session as family

if TYPE_CHECKING:
    from git_exp.session.history import Happening

_FIELDS = {
    "why": "rationale",
    "model": "suggested_model",
    "params": "suggested_params",
    "priority": "priority",
    "confidence": "confidence_score",
}


@click.command()
@options.session
@click.argument("statement")
@click.option("--why", metavar="text", help="Why it may help.")
@click.option("--model", metavar="name", help="The kind of model to take.")
@click.option("-p", "--param", "params", metavar="key=value", multiple=True, help="A param to set.")
@click.option("--priority", metavar="number", type=int, help="The lowest comes first.")
@click.option("--confidence", metavar="number", type=float, help="From 0 to 1.")
@options.answer
def command(session: str, statement: str, form: options.Form, **given: Any) -> None:
    """Say what may be tried next.

    A hypothesis joins those that have not been tried yet; `status` shows that of the lowest
    priority number, and of several the most confident. A STATEMENT of `-` reads a whole set from
    standard input, as JSON: {"hypotheses": [{"statement": ..., "priority": ...}, ...]}; it takes
    the place of those before.
    """
    store = cli.store()
    happening = _happening(statement, given, by=family.agent(store))
    family.tell(family.add(store, family.chosen(store, session), happening), form, "hypothesize")


def _happening(statement: str, given: dict[str, Any], *, by: str | None) -> Happening:
    from git_exp.session import ideas

    said = {name: one for name, one in given.items() if one not in (None, ())}
    if statement == "-":
        for name in said:
            raise click.UsageError(f"- and --{name.removesuffix('s')} exclude each other")
        return ideas.read(sys.stdin.buffer.read(), by=by)
    if "params" in said:
        said["params"] = options.params(said["params"])
    told = {_FIELDS.get(name, name): one for name, one in said.items()}
    try:
        return ideas.joined({"statement": statement, **told}, by=by)
    except errors.BadField as error:
        names = {of: f"--{name}" for name, of in _FIELDS.items()}
        raise limits.refused(error, names, "see: git exp session hypothesize -h") from None
