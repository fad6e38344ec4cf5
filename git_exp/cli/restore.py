"""git exp restore: make the worktree that of a run, with all of today's put aside first."""

from __future__ import annotations

import time

import click
import msgspec

from git_exp import arrival, cli, errors, query, records, restore, table
from git_exp.cli import ahead, going, options, output
from git_exp.index.search import Indexed
from git_exp.restore import Answer, Form
from git_exp.run import Run

_SHORT = len("refs/exp/saved/") + 8
_STAY = "untracked files that snapshots leave out, left where they are"
_WHAT = "say which run: git exp restore best"


class Aside(msgspec.Struct, frozen=True, kw_only=True):
    """One time that work was put aside, as `--list` tells it.

    `name` is what it is called in this worktree, None for another's; `run` whose code was gone to.
    """

    ref: str
    name: str | None
    t: str
    head: str | None
    branch: str | None
    run: str | None


class Asides(msgspec.Struct, frozen=True, kw_only=True):
    """All that was put aside, newest first."""

    saved: list[Aside]


@click.command()
@options.run_argument(required=False)
@ahead.option
@click.option("--commit", metavar="rev", help="Go to a branch or a commit of git's, not to a run.")
@click.option("--list", "listed", is_flag=True, help="List what was put aside, newest first.")
@click.argument("paths", nargs=-1, type=click.Path())
@options.answer
def command(
    run: str | None,
    metric: str | None,
    commit: str | None,
    listed: bool,
    paths: tuple[str, ...],
    form: options.Form,
) -> None:
    """Make the worktree that of a run, with all of today's put aside first.

    RUN is the word `best`, the best run of a metric; or any other run; or `@{saved}`, what was put
    aside last, and `@{saved~1}`, what was before that. It is `git exp checkout --save --keep-base
    --exact`: HEAD is set to the commit that the run started from, the run's changes are
    uncommitted, and no untracked file is left that the run did not have. With PATH, those files
    alone are written, HEAD and the index stay.

    Nothing is lost: index, worktree and every untracked file that is not ignored are in commits
    below `refs/exp/saved/`, and the command that brings them back is printed. Where HEAD has all of
    it nothing is put aside, and the way back is that branch or commit. Ignored files are never
    touched, and files that snapshots leave out, large ones and those named like secrets, stay.
    """
    _expect_one(run, commit, listed)
    store = cli.store()
    if listed:
        _list(store, form)
        return
    if commit is not None:
        if paths or metric is not None:
            raise click.UsageError("--commit goes to all files of a commit, and asks no metric")
        answer = restore.undo_all(store.repo, commit)
        title = arrival.at(answer, f"'{commit}'", undo=True)
    else:
        answer, title = _undone(store, run or "", metric=metric, paths=paths)
    if form.kind == "json":
        output.document("restore", answer)
    else:
        going.tell(answer, title, _STAY)


def _expect_one(run: str | None, commit: str | None, listed: bool) -> None:
    given = [run is not None, commit is not None, listed]
    if not any(given):
        raise errors.UsageError("missing <run>", hint=_WHAT)
    if sum(given) > 1:
        raise click.UsageError("a run, --commit and --list exclude each other")


def _undone(
    store: Indexed, name: str, *, metric: str | None, paths: tuple[str, ...]
) -> tuple[Answer, str]:
    """Go there; what was done, also in words."""
    wanted = Form(paths=paths, undo=True)
    kept = restore.saved(store.repo, name) if metric is None else None
    if kept:
        answer = restore.undo(store.repo, kept, paths)
        return answer, arrival.done(answer, wanted, None)
    run = ahead.run(store, name, metric)
    store.need(run)
    answer = restore.undo(store.repo, run, paths)
    return answer, arrival.done(answer, wanted, run)


def _list(store: Indexed, form: options.Form) -> None:
    found = _asides(store)
    if form.kind == "json":
        output.document("restore-list", Asides(saved=found))
        return
    if not found:
        output.hints("nothing was put aside yet")
        return
    now = time.time_ns() // 1_000
    headings = [output.Column(one) for one in ("SAVED", "AGE", "HEAD", "WENT TO", "REF")]
    output.table(headings, [_row(store, one, now) for one in found])


def _asides(store: Indexed) -> list[Aside]:
    return [
        Aside(
            ref=one.name,
            name=name or None,
            t=records.stamp(one.time * 1_000_000),
            head=one.head,
            branch=one.branch,
            run=_run_of(store, one.known),
        )
        for one, name in restore.every_saved(store.repo)
    ]


def _run_of(store: Indexed, commit: str) -> str | None:
    return next((run.id for run in store.matching(commit) if run.commit == commit), None)


def _row(store: Indexed, one: Aside, now: int) -> list[str]:
    branch = (one.branch or "").removeprefix("refs/heads/")
    head = query.short(one.head) if one.head else "unborn"
    return [
        one.name or table.NOTHING,
        table.age(one.t, now),
        f"{head} {branch}".rstrip(),
        _went(store, one.run),
        one.ref[:_SHORT],
    ]


def _went(store: Indexed, run_id: str | None) -> str:
    run: Run | None = store.get(run_id) if run_id else None
    return f"{query.short(run.id)} {run.name}".rstrip() if run else table.NOTHING
