"""git exp sql: ask the index in SQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click
import msgspec

from git_exp import cli, errors
from git_exp.cli import options, output
from git_exp.cli.output import Column

LARGEST = 64 << 20


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a query: the names of its columns, and its rows of numbers, text and nulls."""

    columns: list[str]
    rows: list[Sequence[bool | float | str | None]]


@click.command()
@click.argument("query", metavar="QUERY")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="Stop a query that takes longer.",
)
@click.option("--no-pager", is_flag=True, help="Do not page the output.")
@options.rows
def command(query: str, timeout: float, no_pager: bool, form: options.Form) -> None:
    """Ask the index in SQL.

    QUERY is one SELECT of SQLite's over the views that are described below; it can read them and
    nothing else. The runs that are running now are in them with what they have tracked so far.
    """
    if no_pager:
        click.get_current_context().meta["git_exp.no_pager"] = True
    with cli.store().sql(query, seconds=timeout) as answer:
        if form.kind == "csv":
            output.csv(answer.headings, answer.rows)
            return
        if form.kind == "jsonl":
            output.json_lines(dict(zip(answer.headings, row, strict=True)) for row in answer.rows)
            return
        found = list(_measured(answer.rows))
    if any(isinstance(value, bytes) for row in found for value in row):
        raise errors.UsageError("the answer holds bytes", hint="use hex(...) in the query")
    if form.kind == "json":
        output.document("sql", Rows(columns=answer.headings, rows=found))
        return
    columns = [
        Column(heading, right=any(isinstance(row[at], int | float) for row in found))
        for at, heading in enumerate(answer.headings)
    ]
    output.table(columns, [["" if one is None else str(one) for one in row] for row in found])


def _measured(rows: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    """Rows up to what a table of them could ever be read of."""
    size = 0
    for row in rows:
        size += sum(len(one) for one in row if isinstance(one, str | bytes)) + 8 * len(row)
        if size > LARGEST:
            why = f"the answer has more than {LARGEST >> 20} MiB"
            raise errors.UsageError(why, hint="--csv and --jsonl write it as it comes")
        yield row
