"""git exp export: write runs to a file for other tools."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import msgspec

from git_exp import cli, errors, frames, outfile, query
from git_exp.cli import options, output, progress, terminal
from git_exp.index.search import Indexed, Selection
from git_exp.run import Run


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """The file that was written; `format` is parquet, csv or jsonl."""

    file: str
    format: str
    rows: int


@click.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@options.run_argument("runs", nargs=-1)
@options.where
@click.option("--parquet", is_flag=True, help="Write Parquet.")
@click.option("--csv", is_flag=True, help="Write comma separated values.")
@click.option("--jsonl", is_flag=True, help="Write one JSON object a line.")
@click.option("--series", is_flag=True, help="Write each tracked value, in place of the runs.")
@click.option("--json", "as_json", is_flag=True, help="Say what was written in one JSON document.")
def command(
    file: Path,
    runs: tuple[str, ...],
    where: str | None,
    series: bool,
    as_json: bool,
    **kinds: bool,
) -> None:
    """Write runs to a file for other tools.

    The ending of FILE says what it becomes: .parquet, .csv or .jsonl; an option says it for other
    names and for `-`, standard output. Without RUN, all runs are written, newest first.

    A run is a row, with the columns of `log --csv`; in JSON Lines it is the whole run, as `log
    --jsonl` has it. With --series each tracked value is a row: run_id, t, elapsed_ms, step,
    metric, value and rank.

    In Parquet a metric is a float and a param is a boolean, an integer or a float if all of its
    values are, else text. An integer that no 64 bits hold makes a param text and is rounded as a
    metric. In CSV and JSON Lines numbers are exact; NaN and the infinities are the words NaN,
    Infinity and -Infinity.
    """
    kind = _kind(file, [name for name, given in kinds.items() if given])
    to_stdout = str(file) == "-"
    if to_stdout and (kind == "parquet" or as_json):
        refused = "Parquet cannot go" if kind == "parquet" else "with --json, runs cannot go"
        raise click.UsageError(f"{refused} to standard output: name a file")
    store = cli.store()
    found = watched(_chosen(store, runs, where))
    tracked: frames.Tracked | None = Run.series if series else None
    if to_stdout:
        _print(kind, found, tracked)
        return
    with outfile.written(file) as opened:
        count = frames.write(opened, kind, found, series=tracked)
    if as_json:
        output.document("export", Exported(file=str(file), format=kind, rows=count))


def watched(runs: Sequence[Run]) -> Iterator[Run]:
    """These runs one by one, with a bar on a terminal if that takes long."""
    bar = progress.Late("Writing runs")
    for at, run in enumerate(runs):
        bar(at, len(runs))
        yield run
    bar.close()


def _kind(file: Path, asked: Sequence[str]) -> str:
    if len(asked) > 1:
        raise click.UsageError(f"--{asked[0]} and --{asked[1]} exclude each other")
    kind = asked[0] if asked else file.suffix.lower().removeprefix(".")
    if kind not in frames.KINDS:
        raise click.UsageError(
            f"'{file}' does not end in .parquet, .csv or .jsonl: say which with an option"
        )
    return kind


def _print(kind: str, runs: Iterator[Run], tracked: frames.Tracked | None) -> None:
    sys.stdout.flush()
    if not terminal.shown():
        frames.write(sys.stdout.buffer, kind, runs, series=tracked)
        return
    # What a terminal gets is escaped, and that needs whole characters.
    whole = io.BytesIO()
    frames.write(whole, kind, runs, series=tracked)
    output.raw(whole.getvalue())


def _chosen(store: Indexed, names: Sequence[str], where: str | None) -> list[Run]:
    if names and where is not None:
        raise errors.UsageError("runs by name and --where exclude each other")
    return query.every(store, names) if names else store.select(Selection(where=where))
