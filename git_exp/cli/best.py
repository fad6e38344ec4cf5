"""git exp best: show the run that is best in a metric."""

from __future__ import annotations

import time

import click

from git_exp import cli, errors, query, table
from git_exp.cli import listing, options, output
from git_exp.index.search import Indexed, Selection
from git_exp.query import Goal
from git_exp.run import Run


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
    `max(acc)`: max, min, first or last. Whether more or less of it is better is told from its name,
    `loss` or `latency` for example; --min and --max say so. Only finished runs that are not tagged
    `tainted` take part. NaN never wins, and of equals the oldest does.
    """
    if lowest and highest:
        raise click.UsageError("--min and --max exclude each other")
    fill = table.template(form.template or "")
    wanted = query.goal(metric)
    if lowest or highest:
        wanted = wanted._replace(higher=highest)
    run = _chosen(cli.store(), wanted, where)
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


def _chosen(store: Indexed, wanted: Goal, where: str | None) -> Run:
    """The best of all runs or of those that an expression fits."""
    if where is None:
        found = store.best(wanted)
    else:
        found = query.best(store.select(Selection(where=where)), wanted)
    if found:
        return found
    name = wanted.measure.metric
    if name not in store.metrics():
        raise query.unknown_metric(store, name)
    among = " that fits" if where is not None else ""
    raise errors.AnswerIsNo(f"no finished run{among} has a number for '{name}'")


def _document(run: Run, wanted: Goal) -> dict[str, object]:
    metric, aggregate = wanted.measure
    return {
        "metric": metric,
        "aggregate": aggregate,
        "higher_is_better": wanted.higher,
        "value": wanted.measure.of(run),
        "run": run,
    }
