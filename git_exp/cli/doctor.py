"""git exp doctor: tell what runs cost this repository, and what could harm them."""

from __future__ import annotations

import click

from git_exp import cli
from git_exp.cli import options, output


@click.command()
@click.option("--fix", is_flag=True, help="Make cheaper what can be.")
@options.answer
def command(fix: bool, form: options.Form) -> int:
    """Tell what runs cost this repository, and what could harm them.

    How many refs there are and how many of them are loose files, what a `git fetch` tells the
    server of them, and sizes; then what is dear or dangerous, each with the way out: a refspec
    that prunes runs, `git lfs prune`. With --fix refs are packed, old runs archived and dead ones
    sealed. The exit code is 1 where something is left to do.
    """
    from git_exp import doctor

    report = doctor.examine(cli.store(recover=False), fix=fix)
    if form.kind == "json":
        output.document("doctor", report)
    else:
        _told(report)
    return 0 if report.well else 1


def _told(report: object) -> None:
    from git_exp import doctor

    assert isinstance(report, doctor.Report)
    cost = report.cost
    output.line(f"Runs:     {cost.runs}, {cost.archived} of them in archives")
    output.line(f"Refs:     {cost.refs}, {cost.loose} of them loose")
    output.line(f"Fetch:    offers {cost.offered} commits of runs")
    output.line(f"Index:    {_bytes(cost.index)}")
    output.line(f"Spool:    {_bytes(cost.spool)}")
    for one in report.advice:
        output.line(f"{'done: ' if one.done else ''}{one.what}")
        if one.hint and not one.done:
            output.hints(one.hint)


def _bytes(size: int) -> str:
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size //= 1024
    return f"{size} GiB"
