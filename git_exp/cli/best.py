"""git exp best: show the run that is best in a metric."""

from __future__ import annotations

import time

import click
import msgspec

from git_exp import cli, query, table
from git_exp.cli import ahead, listing, options, output
from git_exp.index import best
from git_exp.query import Goal
from git_exp.run import Run


class Best(msgspec.Struct, frozen=True, kw_only=True):
    """The run that is best in a metric, and its value."""

    metric: str
    aggregate: str
    higher_is_better: bool
    value: float | None
    run: Run


@click.command()
@click.argument("metric")
@click.option("--min", "lowest", is_flag=True, help="The lowest value is the best.")
@click.option("--max", "highest", is_flag=True, help="The highest value is the best.")
@options.where
@options.answers
def command(
    metric: str, lowest: bool, highest: bool, where: str | None, form: options.Form
) -> None:
    """Show the run that is best in a metric, as `git exp log --oneline` does.

    METRIC is the path of a metric, whose last value counts, or an aggregate of one such as
    `max(acc)`: max, min, first or last. Whether more or less of it is better --min and --max say;
    else the newest session that has said it of that metric, else its name, `loss` or `latency` for
    example. Only finished runs that are not tagged `tainted` take part. NaN never wins, and of
    equals the oldest does.
    """
    if lowest and highest:
        raise click.UsageError("--min and --max exclude each other")
    fill = table.template(form.template or "")
    store = cli.store()
    wanted = query.goal(metric, store)
    if lowest or highest:
        wanted = Goal(wanted.measure, highest)
    run = best.find(store, wanted, where)
    ahead.tell_assumed(wanted, "if it is not: --min")
    match form.kind:
        case "json":
            output.document("best", _document(run, wanted))
        case "jsonl":
            output.json_lines([run])
        case "csv":
            output.csv(*table.exact([run]))
        case "format":
            text = fill(run, time.time_ns() // 1_000, output.escape) + "\n"
            output.raw(text.encode(errors="surrogateescape"))
        case _:
            pieces = table.oneline(run)
            output.line(*(listing.piece(text, kind) for text, kind in pieces))


def _document(run: Run, wanted: Goal) -> Best:
    metric, aggregate = wanted.measure
    return Best(
        metric=metric,
        aggregate=aggregate,
        higher_is_better=wanted.higher,
        value=wanted.measure.of(run),
        run=run,
    )
