"""git exp brief: tell what a fresh reader needs to know of all runs."""

from __future__ import annotations

import os
import time

import click
import msgspec

from git_exp import cli
from git_exp.cli import options, output

LEAST = 30


@click.command()
@click.option(
    "--budget",
    metavar="tokens",
    type=click.IntRange(min=LEAST),
    default=800,
    show_default=True,
    help="The most that it may be long; a token is four characters.",
)
@click.option("--metric", metavar="METRIC", help="What the best is best in, as `best` takes it.")
@click.option(
    "--session",
    metavar="session",
    shell_complete=options.offer_sessions,
    help="What it is about: an id, the beginning of it, or `@`, that which began last here.",
)
@options.answer
def command(budget: int, metric: str | None, session: str | None, form: options.Form) -> None:
    """Tell what a fresh reader needs to know of all runs.

    The goal, the metric and which way it is better; the best run and what made it different from
    the one before it; the runs that were the best at their time; how long nothing was better; the
    latest runs; dead ends and why; near misses; what others are at; what has not been tried; and
    what to type next. What matters most comes into the smallest budget.

    Without --metric it is the session's, or the one that most runs have; METRIC may be
    `-METRIC` where less is better. Without --session it is that in `GIT_EXP_SESSION`, or the one
    that began last here, as `@` is for all of `git exp session`, unless that is over. Of a session
    with results, what is measured is told of its own runs.

    Runs of one code, command and params, which differ in a seed at most, are one step.
    """
    from git_exp import brief

    # The models of sessions take longer to import than all else: `session.named` has the rule.
    said = os.environ.get("GIT_EXP_SESSION")
    named = said or session if session in (None, options.LATEST) else session
    now = time.time_ns() / 1_000_000_000
    facts = brief.gather(cli.store(), metric=metric, session=named, now=now)
    text = brief.written(facts, budget)
    if form.kind == "json":
        output.document("brief", brief.Brief(**msgspec.structs.asdict(facts), text=text))
        return
    output.lines(text)
