"""git exp scrub: make runs anew without what they should not hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from git_exp import cli, query
from git_exp.cli import options, output

if TYPE_CHECKING:
    from git_exp.share.scrub import Scrubbed as Made


class Scrubbed(msgspec.Struct, frozen=True, kw_only=True):
    """Runs that were made anew."""

    runs: list[Made]


@click.command()
@options.run_argument("runs", nargs=-1, required=True)
@click.option("--path", "paths", metavar="PATH", multiple=True, help="Take a file or folder out.")
@click.option("--key", "keys", metavar="KEY", multiple=True, help="Mask the values of a key.")
@click.option("-m", "reason", metavar="TEXT", help="Say why, in the record of the deletion.")
@options.answer
def command(
    runs: tuple[str, ...],
    paths: tuple[str, ...],
    keys: tuple[str, ...],
    reason: str | None,
    form: options.Form,
) -> None:
    """Make runs anew without what they should not hold.

    Each run gets a new id and new commits, with its records copied; the old one is deleted here,
    and wherever it is pushed or pulled. With --path a file or folder of its code or its data goes,
    with --key the values of a param, of metadata or of an option are masked. With neither, all
    goes that would stop a push: files that only the run has, and words in its records and output.

    What has been pushed may have been read: change that secret. The records stay in the history of
    the notes of that remote.
    """
    from git_exp.share import scrub

    store = cli.store()
    what = scrub.What(paths=paths, keys=keys)
    done = [scrub.scrub(store, run, what, reason=reason) for run in query.every(store, runs)]
    if form.kind == "json":
        output.document("scrub", Scrubbed(runs=done))
        return
    for one in done:
        output.line(f"Scrubbed run {one.old[:8]} '{one.name}': it is run {one.new[:8]} now")
        for path in one.files:
            output.line(f"  {path}")
        if one.records:
            output.line(f"  {one.records} record{'s' * (one.records != 1)}")
        if one.held:
            output.warn(
                f"'{one.held}' is another clone's: it holds the old run until that clone pushes",
                "where that clone is gone: git push REMOTE :" + one.held,
            )
        for remote in one.sent:
            output.warn(
                f"'{remote}' has had its records: change that secret",
                f"git exp push {remote} removes the run there",
            )
