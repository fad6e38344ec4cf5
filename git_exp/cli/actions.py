"""git exp actions: list what a run still offers, or do it."""

from __future__ import annotations

import contextlib
import difflib
import os
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click
import msgspec
from click.shell_completion import CompletionItem

from git_exp import cli, errors, query, table
from git_exp.cli import options, output
from git_exp.cli.output import Column
from git_exp.records import ActionResult

if TYPE_CHECKING:
    from git_exp.action.offered import Done, Offered
    from git_exp.index.search import Indexed

ACTS = ("list", "run")
CANCELLED = 130


class Action(msgspec.Struct, frozen=True, kw_only=True, rename={"cls": "class"}):
    """What a run offers, and what came of it each time."""

    id: str
    cls: str
    description: str
    registered: str
    results: list[ActionResult]


class Shipped(msgspec.Struct, frozen=True, kw_only=True, rename={"cls": "class"}):
    """What comes with git exp, for this run too."""

    cls: str
    description: str


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """What a run offers."""

    run: str
    actions: list[Action]
    shipped: list[Shipped]


class Performed(msgspec.Struct, frozen=True, kw_only=True, rename={"cls": "class"}):
    """What came of an action: `outcome` is done, failed or cancelled; `said` is what it gave."""

    id: str
    cls: str
    run: str
    outcome: str
    answers: dict[str, Any]
    error: str | None
    said: str | None


def _offer(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The actions of the run that is named before; nothing at all when anything fails."""
    from git_exp.action import offered

    try:
        store = cli.store(recover=False)
        run = query.find(store, ctx.params.get("run") or "@", near=False)
        every = offered.listed(store, run)
        both = (*every, *offered.shipped(run, every))
        # No word of others that a command would take for an option.
        told = [(one.cls, one.description) for one in both if one.cls.isidentifier()]
    except Exception:
        # A completion that fails must not disturb the prompt.
        return []
    found = dict(reversed(told))
    return [
        CompletionItem(one, help=found[one]) for one in sorted(found) if one.startswith(incomplete)
    ]


@click.command()
@click.argument("act", type=click.Choice(ACTS))
@options.run_argument(default="@")
@click.argument("action", required=False, shell_complete=_offer)
@click.option("--set", "given", multiple=True, metavar="key=value", help="Answer a question.")
@click.option("--at-run", is_flag=True, help="Use the run's own code, and not that of today.")
@click.option("--trust", is_flag=True, help="Execute code for a run of somebody else's.")
@options.answer
def command(
    act: str, run: str, action: str | None, given: tuple[str, ...], form: options.Form, **how: bool
) -> int:
    """List what a run still offers, or do it.

    An action is code of the user's that a run has registered. ACTION is the name of its class, the
    beginning of one, or that of its id. It may ask questions; those that have no answer by --set
    are asked on the terminal.

    The code is that of today's worktree. What a run of somebody else's names is executed only with
    --trust.
    """
    store = cli.store()
    if act == "list":
        if action or given or any(how.values()):
            raise click.UsageError("list takes a run, and --json")
        return _list(store, run, as_json=form.kind == "json")
    if action is None:
        raise click.UsageError("Missing argument 'ACTION'.")
    return _run(store, (run, action), given, as_json=form.kind == "json", how=how)


def _list(store: Indexed, name: str, *, as_json: bool) -> int:
    from git_exp.action import offered

    run = query.find(store, name)
    every = offered.listed(store, run)
    shipped = offered.shipped(run, every)
    results = (every[0].run if every else run).results
    if as_json:
        told = [_told(one, [each for each in results if each.id == one.id]) for one in every]
        more = [Shipped(cls=one.cls, description=one.description) for one in shipped]
        output.document("actions-list", Listed(run=run.id, actions=told, shipped=more))
        return 0
    now = time.time_ns() // 1_000
    rows = []
    for one in every:
        done = [table.age(each.t, now) for each in results if each.id == one.id]
        rows.append([one.id[:8], one.cls, one.description, done[-1] if done else table.NOTHING])
    for one in shipped:
        rows.append([table.NOTHING, one.cls, one.description, table.NOTHING])
    columns = [Column("ID", "yellow", fixed=True), Column("ACTION"), Column("DOES"), Column("DONE")]
    output.table(columns, rows)
    return 0


def _told(one: Offered, results: list[ActionResult]) -> Action:
    return Action(
        id=one.id, cls=one.cls, description=one.description, registered=one.t, results=results
    )


def _run(
    store: Indexed,
    names: tuple[str, str],
    given: tuple[str, ...],
    *,
    as_json: bool,
    how: dict[str, bool],
) -> int:
    from git_exp.action import offered
    from git_exp.action.interaction import Answers, prefilled
    from git_exp.cli import asking

    answers = prefilled(given)
    found = offered.find(store, query.find(store, names[0]), names[1])
    asked = Answers(answers, rest=asking.Terminal() if asking.there() else None)
    # What an action prints is no part of a document.
    with _aside() if as_json else contextlib.nullcontext():
        done = offered.perform(store, found, asked, **how)
    for key in done.unused:
        near = difflib.get_close_matches(key, asked.asked, n=1)
        hint = f"did you mean {near[0]}?" if near else f"asked: {', '.join(asked.asked) or 'none'}"
        output.warn(f"no question has the key '{key}'", hint)
    return _answered(done, as_json=as_json)


@contextlib.contextmanager
def _aside() -> Iterator[None]:
    """Standard output to standard error, also that of processes which are started meanwhile."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def _answered(done: Done, *, as_json: bool) -> int:
    if as_json:
        told = Performed(
            id=done.action.id, cls=done.action.cls, run=done.action.run.id,
            outcome=done.outcome, answers=done.answers, error=done.error, said=done.said,
        )  # fmt: skip
        output.document("actions-run", told)
    elif done.said:
        output.line(done.said)
    if done.outcome == "failed":
        raise errors.ActionFailed(f"{done.action.cls} failed: {done.error}")
    if done.outcome == "cancelled":
        output.say(f"{done.action.cls} was cancelled")
        return CANCELLED
    return 0
