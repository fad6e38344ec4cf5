"""git exp run: run a command as a run, with its code and all that it prints."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from git_exp import cli, errors, query, records, table
from git_exp.cli import closing, options, output, refusing

if TYPE_CHECKING:
    from git_exp.cli.joining import Joined
    from git_exp.index.search import Indexed
    from git_exp.launch.recorded import Streams
    from git_exp.protect import Guard
    from git_exp.starting import Request


@click.command(cls=refusing.Command, context_settings={"allow_interspersed_args": False})
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
@click.option(
    "--session",
    metavar="session",
    shell_complete=options.offer_sessions,
    help="Add the result to a session.",
)
@click.option(
    "--timeout", metavar="time", type=options.LIMIT, help="End it then: seconds, or as in 1h30m."
)
@click.option(
    "--protect",
    "protected",
    metavar="path",
    multiple=True,
    help="Taint the run if that file or folder is not as in HEAD.",
)
@click.option(
    "--parent",
    metavar="run",
    shell_complete=options.offer_runs,
    help="Say which run's code this one began as.",
)
@click.option("--key", metavar="key", help="Do it once: a run of this key answers the next time.")
@click.option("-q", "--quiet", is_flag=True, help="Do not pass on what it writes.")
@click.option("--private", is_flag=True, help="Never push this run.")
@click.option("--no-snapshot", is_flag=True, help="Record no code but HEAD.")
@click.option("--reuse", is_flag=True, help="Answer from a run that has done the same already.")
@click.argument(
    "cmd", nargs=-1, required=True, type=click.UNPROCESSED, shell_complete=options.offer_command
)
def command(cmd: tuple[str, ...], session: str | None, key: str | None, **given: Any) -> int:
    """Run a command as a run, with its code and all that it prints.

    The worktree is captured first: without a snapshot the command does not run. Its output is
    passed on and kept, the whole up to `exp.maxOutput`, else head and tail. A line `METRIC
    name=value [name=value...] [step=N]` in it is tracked. The command finds the run's id in
    `GIT_EXP_RUN`: an `Experiment` in it joins the run. Killing git-exp does not kill the command.

    With --reuse, a finished run of this very code, command and params answers in its place, if
    there is one: what it wrote to standard output is written again, and nothing is recorded.

    With --session the run is a result of that session, `@` being the one that began last; the
    first --note is the idea that it tries. The command finds the session's id in
    `GIT_EXP_SESSION`.

    With --timeout the command and all that it has started get SIGTERM when its time is over and
    SIGKILL 5 seconds later; the exit code is 124 then. With --protect, and for each `exp.protect`,
    a run is tagged `tainted` and never counts as best if those files are not as in HEAD, before
    the command or after it. With --key nothing runs if a run of that key, recorded here, has
    finished or failed already: its exit code is the answer.
    """
    if refusing.is_off():
        return _unrecorded(cmd)
    _expect_words(given)
    store = cli.store()
    if key is None:
        return _run(store, cmd, given, session=session)
    from git_exp import retry

    given["key"] = retry.checked(key)
    with retry.held(store, key):
        earlier = retry.earlier(store, given["key"])
        if earlier:
            closing.again(earlier, key)
            if words := retry.differs(earlier, cmd):
                output.warn(f"that run's command was another one: {words}")
            if session is not None:
                from git_exp.cli import joining

                joining.answered(store, session, earlier)
            return earlier.exit_code or 0
        return _run(store, cmd, given, session=session)


def _expect_words(given: dict[str, Any]) -> None:
    if given["parent"] is not None and not given["parent"].strip():
        raise errors.UsageError("--parent names a run, and is blank", hint="--parent @")
    if not all(note.strip() for note in given["notes"]):
        raise errors.UsageError("a note must not be blank", hint="-m 'wider layers'")


def _unrecorded(cmd: tuple[str, ...]) -> int:
    """The command alone, in our place."""
    sys.stdout.flush()
    try:
        os.execvp(cmd[0], cmd)  # noqa: S606
    except OSError as error:
        output.say(f"git exp run: {cmd[0]}: {error.strerror}")
        return 127 if isinstance(error, FileNotFoundError) else 126


def _run(
    store: Indexed, cmd: tuple[str, ...], given: dict[str, Any], *, session: str | None
) -> int:
    joined = _joined(store, session, given) if session is not None else None
    return _tried(store, _request(cmd, given, joined), given, joined=joined)


def _tried(
    store: Indexed, request: Request, given: dict[str, Any], *, joined: Joined | None
) -> int:
    from git_exp import protect
    from git_exp.launch import recorded
    from git_exp.run import PROTECT

    guard = protect.guarded(store.repo, given["protected"], Path.cwd())
    if guard and not request.snapshot:
        raise click.UsageError("--protect and --no-snapshot exclude each other")
    if guard:
        ours = {**request.ours, PROTECT: guard.held(store.repo)}
        request = msgspec.structs.replace(request, ours=ours)
    if given["reuse"] and (earlier := _reused(store, request, joined, guard=guard)):
        if joined:
            joined.record(earlier)
        return 0
    env = {**os.environ, **({"GIT_EXP_SESSION": joined.id} if joined else {})}
    manner = recorded.Manner(notes=given["notes"], timeout=given["timeout"], guard=guard)
    with _streams(quiet=given["quiet"]) as streams:
        done = recorded.run(store.repo, request, streams, env=env, manner=manner, begun=_tell_gaps)
    done = msgspec.structs.replace(done, tainted=protect.inherited(store, done.run, done.tainted))
    closing.tell(store, done, quiet=given["quiet"])
    if done.status == "finished" and done.metrics:
        closing.weighed(store, done.run.run_id, joined.aim() if joined else None)
    if joined:
        joined.record(done.run.run_id)
    return done.outcome.exit_code


@contextmanager
def _streams(*, quiet: bool) -> Iterator[Streams]:
    """Where the output goes: to our own, or nowhere."""
    from git_exp.launch import recorded

    if not quiet:
        yield recorded.Streams(
            stdout=sys.stdout.buffer, stderr=sys.stderr.buffer, terminal=sys.stdout.isatty()
        )
        return
    with open(os.devnull, "wb") as nowhere:
        yield recorded.Streams(stdout=nowhere, stderr=nowhere)


def _joined(store: Indexed, session: str, given: dict[str, Any]) -> Joined:
    from git_exp.cli.joining import Joined

    if refusing.is_private(given):
        raise errors.UsageError(
            f"{refusing.PRIVATE}: others get that", hint="leave one of them out"
        )
    notes = given["notes"]
    return Joined(store, session, idea=notes[0] if notes else "")


def _request(cmd: tuple[str, ...], given: dict[str, Any], joined: Joined | None) -> Request:
    from git_exp import starting
    from git_exp.run import KEY

    return starting.Request(
        caller=starting.Caller(argv=cmd, cwd=Path.cwd()),
        name=given["name"],
        metadata={"session": joined.id} if joined else None,
        params=options.params(given["params"]),
        tags=given["tags"],
        group=given["group"],
        parent_run=starting.parent(os.environ.get("GIT_EXP_RUN")),
        derived=query.find(cli.store(), given["parent"]).id if given["parent"] else None,
        private=refusing.is_private(given),
        snapshot=not given["no_snapshot"],
        ours={KEY: given["key"]} if "key" in given else {},
    )


def _reused(
    store: Indexed, request: Request, joined: Joined | None, *, guard: Guard | None
) -> str | None:
    """The id of an earlier run that answers: what it wrote to stdout is written once more."""
    from git_exp import protect, seen

    if not request.snapshot:
        raise click.UsageError("--reuse and --no-snapshot exclude each other")
    found = seen.earlier(store, request, terminal=sys.stdout.isatty())
    if found is None:
        return None
    title = f"run {query.short(found.run.id)} '{found.run.name}'"
    if joined and joined.has(found.run.id):
        output.say(f"not reused: {title}: it is a result of session {joined.id} already")
        return None
    taint = guard.before(store.repo, found.run.commit)[1] if guard else None
    why = found.why or (protect.told(taint) if taint else None)
    if why:
        output.say(f"not reused: {title}: {why}")
        return None
    # A pty has put a return before each line feed.
    output.raw(found.output.replace(b"\r\n", b"\n") if sys.stdout.isatty() else found.output)
    age = table.age(found.run.started, time.time_ns() // 1_000)
    lasted = f"finished in {table.duration(found.run.usage.get('wall_ms'))}"
    output.say(f"reused {title} of {age}: {lasted}{closing.metrics(found.run.metrics)}")
    return found.run.id


def _tell_gaps(run: records.RunStart) -> None:
    from git_exp import starting

    for line in starting.gaps(run):
        output.say(line)
