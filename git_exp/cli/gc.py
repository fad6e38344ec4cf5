"""git exp gc: seal what dead processes left, clear up, and pack refs."""

from __future__ import annotations

import click

from git_exp import cli
from git_exp.cli import options, output


@click.command()
@options.answer
def command(form: options.Form) -> None:
    """Seal what dead processes left, clear up, and pack refs.

    Runs whose process was killed are sealed into git, files that it left half made are removed,
    and refs are packed, so that listing them costs one file. Then `git maintenance run --auto`
    does what is due of git's own. No run, record or file of yours is removed.
    """
    from git_exp import upkeep

    done = upkeep.gc(cli.store(recover=False))
    if form.kind == "json":
        output.document("gc", done)
        return
    for run_id in done.sealed:
        output.line(f"Sealed run {run_id[:8]}")
    for what in done.removed:
        output.line(f"Removed {what}")
    if done.packed:
        output.line(f"Packed {done.packed} refs")
    for run_id, why in done.aside.items():
        output.warn(f"run {run_id[:8]} could not be sealed: {why}", "git exp fsck --repair")
