"""git exp run: run a command as a run, with its code and all that it prints."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from git_exp import cli, errors, query, records, table, values
from git_exp.cli import options, output

if TYPE_CHECKING:
    from git_exp.index.search import Indexed
    from git_exp.starting import Request

SHOWN = 5


@click.command(context_settings={"allow_interspersed_args": False})
@click.option("-n", "--name", metavar="name", help="Name the run; a name is made up without.")
@click.option(
    "-p",
    "--param",
    "params",
    metavar="key=value",
    multiple=True,
    help="Record a param; the value is a number, true, false or text.",
)
@click.option("-t", "--tag", "tags", metavar="tag", multiple=True, help="Tag the run.")
@click.option("-m", "--note", "notes", metavar="text", multiple=True, help="Say what it is about.")
@click.option("-g", "--group", metavar="group", help="Count the run to a group.")
@click.option("--private", is_flag=True, help="Never push this run.")
@click.option("--no-snapshot", is_flag=True, help="Record no code but HEAD.")
@click.option("--reuse", is_flag=True, help="Answer from a run that has done the same already.")
@click.argument(
    "cmd", nargs=-1, required=True, type=click.UNPROCESSED, shell_complete=options.offer_command
)
def command(  # noqa: PLR0913 - one for each option
    cmd: tuple[str, ...],
    name: str | None,
    params: tuple[str, ...],
    tags: tuple[str, ...],
    notes: tuple[str, ...],
    group: str | None,
    private: bool,
    no_snapshot: bool,
    reuse: bool,
) -> int:
    """Run a command as a run, with its code and all that it prints.

    The worktree is captured first: without a snapshot the command does not run. Its output is
    passed on and kept, the whole up to `exp.maxOutput`, else head and tail. A line `METRIC
    name=value [name=value...] [step=N]` in it is tracked. The command finds the run's id in
    `GIT_EXP_RUN`: an `Experiment` in it joins the run. Killing git-exp does not kill the command.

    With --reuse, a finished run of this very code, command and params answers in its place, if
    there is one: what it wrote to standard output is written again, and nothing is recorded.
    """
    from git_exp import starting
    from git_exp.launch import recorded

    store = cli.store()
    request = starting.Request(
        caller=starting.Caller(argv=cmd, cwd=Path.cwd()),
        name=name,
        params=params_of(params),
        tags=tags,
        group=group,
        parent_run=starting.parent(os.environ.get("GIT_EXP_RUN")),
        private=private or os.environ.get("GIT_EXP_PRIVATE") == "1",
        snapshot=not no_snapshot,
    )
    if reuse and _reused(store, request):
        return 0
    streams = recorded.Streams(
        stdout=sys.stdout.buffer, stderr=sys.stderr.buffer, terminal=sys.stdout.isatty()
    )
    done = recorded.run(store.repo, request, streams, env=os.environ, notes=notes, begun=_tell_gaps)
    _close(done)
    return done.outcome.exit_code


def params_of(given: Sequence[str]) -> dict[str, Any]:
    """The params of words `key=value`. Raises `UsageError` for any other word."""
    found: dict[str, Any] = {}
    for one in given:
        key, equals, text = one.partition("=")
        if not equals or not key:
            raise errors.UsageError(f"a param is key=value, not '{one}'", hint="-p lr=0.1")
        found[key] = values.parsed(text)
    return found


def _reused(store: Indexed, request: Request) -> bool:
    """Whether an earlier run answers: what it wrote to stdout is then written once more."""
    from git_exp import seen

    if not request.snapshot:
        raise click.UsageError("--reuse and --no-snapshot exclude each other")
    found = seen.earlier(store, request, terminal=sys.stdout.isatty())
    if found is None:
        return False
    title = f"run {query.short(found.run.id)} '{found.run.name}'"
    if found.why:
        output.say(f"not reused: {title}: {found.why}")
        return False
    # A pty has put a return before each line feed.
    output.raw(found.output.replace(b"\r\n", b"\n") if sys.stdout.isatty() else found.output)
    age = table.age(found.run.started, time.time_ns() // 1_000)
    lasted = f"finished in {table.duration(found.run.usage.get('wall_ms'))}"
    output.say(f"reused {title} of {age}: {lasted}{_metrics(found.run.metrics)}")
    return True


def _tell_gaps(run: records.RunStart) -> None:
    from git_exp import starting

    for line in starting.gaps(run):
        output.say(line)


def _close(done: Any) -> None:
    """The closing line on stderr: what it was, how it ended, its first metrics."""
    if done.outcome.error:
        output.say(done.outcome.error)
    if done.outcome.unread.lines:
        _tell_unread(*done.outcome.unread)
    took = table.duration(done.outcome.wall_ms)
    title = f"run {query.short(done.run.run_id)} '{done.run.name}'"
    output.say(f"{title} {done.status} in {took}{_metrics(done.metrics)}")


def _tell_unread(lines: int, first: str) -> None:
    what = "1 METRIC line" if lines == 1 else f"{lines} METRIC lines"
    which = "" if lines == 1 else ", the first"
    output.warn(f"{what} could not be read whole{which}: {first}")


def _metrics(found: Mapping[str, records.Summary]) -> str:
    numbers = list(found.items())[:SHOWN]
    shown = ", ".join(f"{path}={table.number(summary.last)}" for path, summary in numbers)
    return f": {shown}" if shown else ""
