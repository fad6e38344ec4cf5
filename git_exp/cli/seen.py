"""git exp seen: tell whether this very code has run already."""

from __future__ import annotations

import time
from pathlib import Path

import click
import msgspec

from git_exp import cli, errors, query, table
from git_exp.cli import listing, options, output
from git_exp.run import Run
from git_exp.seen import Answer
from git_exp.seen import Seen as Known

STATUSES = ("running", "finished", "failed", "interrupted", "crashed", "lost")
SHOWN = 5


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Runs of the tree that the code is now, newest first; `missed` is what a snapshot is without.

    `doubts` says by the id of a run why its code may be another all the same.
    """

    tree: str
    missed: list[str]
    runs: list[Run]
    doubts: dict[str, list[str]]


def _known(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Statuses that there are. A `click.Choice` of so many fits on no line of the manual."""
    for one in given:
        if one not in STATUSES:
            raise click.BadParameter(f"no status '{one}': they are {', '.join(STATUSES)}")
    return given


def _offer_statuses(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return [one for one in STATUSES if one.startswith(incomplete)]


@click.command(context_settings={"allow_interspersed_args": False})
@click.option(
    "-p",
    "--param",
    "params",
    metavar="key=value",
    multiple=True,
    help="Only runs that began with these params and no others.",
)
@click.option(
    "--status",
    "statuses",
    metavar="status",
    multiple=True,
    callback=_known,
    shell_complete=_offer_statuses,
    help="Only runs that are running, finished, failed, interrupted, crashed or lost.",
)
@options.answers
@click.argument("cmd", nargs=-1, type=click.UNPROCESSED, shell_complete=options.offer_command)
def command(
    cmd: tuple[str, ...], params: tuple[str, ...], statuses: tuple[str, ...], form: options.Form
) -> int:
    """Tell whether this very code has run already.

    Lists the runs, newest first, whose snapshot is what `git exp run` would capture now; with CMD,
    those of that command in the current folder. Options stop at the first word that is none.
    Nothing is recorded, and nothing of the worktree or the index changes.

    A run whose snapshot is partial is marked with `!`. Whatever else leaves it open whether the
    code is the same, such as a file that snapshots leave out and that differs, is said on
    standard error.
    """
    from git_exp import seen, starting

    fill = table.template(form.template or "")
    caller = starting.Caller(argv=cmd, cwd=Path.cwd()) if cmd else None
    store = cli.store()
    asked = seen.question(store, caller, options.params(params) if params else None)
    answer = seen.look(store, asked)
    found = [one for one in answer.found if not statuses or one.run.status in statuses]
    if seen.masked(cmd):
        output.warn("a word of the command is masked in records: it may have been another")
    if answer.gaps:
        output.warn(
            f"the code may be another: a snapshot of it is without: {seen.listed(answer.gaps)}"
        )
    _tell_doubts(found)
    match form.kind:
        case "json":
            output.document("seen", _document(answer, found))
        case "jsonl":
            output.json_lines(one.run for one in found)
        case "csv":
            output.csv(*table.exact([one.run for one in found]))
        case "format":
            now = time.time_ns() // 1_000
            text = "".join(fill(one.run, now, output.escape) + "\n" for one in found)
            output.raw(text.encode(errors="surrogateescape"))
        case _:
            if found:
                now = time.time_ns() // 1_000
                listing.show(table.overview([one.run for one in found], now))
    if not found and form.kind != "json":
        raise _unseen(answer)
    return 0 if found else errors.AnswerIsNo.exit_code


def _tell_doubts(found: list[Known]) -> None:
    doubtful = [one for one in found if one.doubts]
    for one in doubtful[:SHOWN]:
        more = f", and {len(one.doubts) - 1} more" if len(one.doubts) > 1 else ""
        output.warn(
            f"run {query.short(one.run.id)} '{one.run.name}' may have had other code:"
            f" {one.doubts[0]}{more}"
        )
    if len(doubtful) > SHOWN:
        output.warn(f"{len(doubtful) - SHOWN} more runs may have had other code")


def _document(answer: Answer, found: list[Known]) -> Seen:
    return Seen(
        tree=answer.tree,
        missed=answer.gaps,
        runs=[one.run for one in found],
        doubts={one.run.id: one.doubts for one in found if one.doubts},
    )


def _unseen(answer: Answer) -> errors.AnswerIsNo:
    if answer.found or answer.others:
        return errors.AnswerIsNo("this code has run, but not so", hint="how it has: git exp seen")
    return errors.AnswerIsNo("this code has not run yet")
