"""git exp fsck: check that all that was recorded is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from git_exp import cli
from git_exp.cli import options, output

if TYPE_CHECKING:
    from git_exp.fsck import Finding


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found, and how much was looked at; `sessions` that do not begin, and why."""

    runs: int
    records: int
    damaged: int
    findings: list[Finding]
    sessions: dict[str, str]


@click.command()
@click.option("--repair", is_flag=True, help="Mend what can be: seal what dead processes left.")
@click.option("--foreign", is_flag=True, help="With --repair: seal the runs of other machines too.")
@options.answer
def command(repair: bool, foreign: bool, form: options.Form) -> int:
    """Check that all that was recorded is there.

    Every record must parse, every ref resolve, spool and notes agree, every session begin. Without
    --repair nothing is changed. The exit code is 1 where something is left to mend. Objects are
    git's to check: `git fsck`.
    """
    if foreign and not repair:
        raise click.UsageError("--foreign goes with --repair")
    from git_exp import fsck
    from git_exp.session import named

    store = cli.store(recover=False)
    verdict = fsck.check(store, repair=repair, foreign=foreign)
    sessions: dict[str, str] = {}
    named.begun(store.repo, sessions)
    if form.kind == "json":
        output.document("fsck", Checked(**msgspec.structs.asdict(verdict), sessions=sessions))
    else:
        for name, why in sessions.items():
            output.line(f"session {name}: {why}")
        for one in verdict.findings:
            where = f"run {one.run[:8]}: " if one.run else ""
            output.line(f"{'mended: ' if one.mended else ''}{where}{one.what}")
        for hint in dict.fromkeys(
            one.hint for one in verdict.findings if one.hint and not one.mended
        ):
            output.hints(hint)
        torn = f", kept {verdict.damaged} damaged lines" if verdict.damaged else ""
        output.say(f"checked {verdict.runs} runs, {verdict.records} records{torn}")
    return 0 if verdict.sound and not sessions else 1
