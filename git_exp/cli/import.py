"""git exp import: bring in runs that other tools recorded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from git_exp import cli, imports
from git_exp.cli import options, output, progress

if TYPE_CHECKING:
    from git_exp.imports.arrivals import Arrived, Report
    from git_exp.imports.foreign import Broken

SAID = 20


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an import.

    `ended` were here before as lost, and have ended since; `there` runs were here before, `deleted`
    had been deleted here and `skipped` where they come from. Of what is `broken` the first thousand
    are listed.
    """

    format: str
    path: str
    dry_run: bool
    imported: list[Arrived]
    ended: list[Arrived]
    there: int
    deleted: int
    skipped: int
    broken: list[Broken]
    broken_count: int


@click.command()
@click.argument("tool", type=click.Choice(imports.FORMATS))
@click.argument("path", type=click.Path(path_type=Path))
@click.option("-n", "--dry-run", is_flag=True, help="Say what would come in, and write nothing.")
@options.answer
def command(tool: str, path: Path, dry_run: bool, form: options.Form) -> int:
    """Bring in runs that other tools recorded.

    PATH is for `exprag` its folder `.exprag` or the project, for `tsv` a table with a run a line,
    for `mlflow` the folder `mlruns`, a file `mlflow.db` or the project. The tools themselves are
    not needed, and what is at PATH is only read.

    A run that is here already, or was deleted here, is left as it is: to import again brings in
    what is new, and what came of a run that had not ended. What is damaged is named and passed
    over, and the rest comes in. The exit code is 1 where for that reason there was no run at all.
    """
    from git_exp.imports import arrivals

    source = imports.opened(tool, path)
    store = cli.store(recover=not dry_run)
    bar = progress.Late("Importing runs")
    try:
        report = arrivals.bring(store, source, dry_run=dry_run, progress=bar)
    finally:
        bar.close()
    if form.kind == "json":
        kept = msgspec.structs.asdict(report)
        told = Imported(format=tool, path=str(path), dry_run=dry_run, **kept)
        output.document("import", told)
    else:
        output.line(_sentence(report, path, dry_run=dry_run))
    _warn(report)
    came = report.imported or report.ended or report.there or report.deleted
    return 1 if report.broken and not came else 0


def _sentence(report: Report, path: Path, *, dry_run: bool) -> str:
    counts = (
        (len(report.ended), "ended since"),
        (report.there, "already here"),
        (report.deleted, "deleted here"),
        (report.skipped, "deleted there"),
        (report.broken_count, "damaged"),
    )
    besides = ", ".join(f"{count} {what}" for count, what in counts if count)
    done = "Would import" if dry_run else "Imported"
    runs = "1 run" if len(report.imported) == 1 else f"{len(report.imported)} runs"
    return f"{done} {runs} from {path}" + (f" ({besides})" if besides else "")


def _warn(report: Report) -> None:
    for one in report.broken[:SAID]:
        output.warn(f"{one.where}: {one.why}")
    if report.broken_count > SAID:
        output.warn(f"and {report.broken_count - SAID} more that are damaged")
