"""git exp diff: show what differs between two runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import click
import msgspec

from git_exp import cli, compare, query, records, table
from git_exp.cli import options, output, terminal
from git_exp.cli.output import Column, Piece
from git_exp.compare import Differing, File, Side, Sides, View
from git_exp.store import Store

_OWN = ("-h", "--help", "--json")
# Options of git diff whose value may be the next word.
_VALUED = frozenset((
    "-S", "-G", "-O", "-U", "-l", "--output", "--diff-filter", "--diff-algorithm", "--find-object",
    "--line-prefix", "--src-prefix", "--dst-prefix", "--inter-hunk-context", "--word-diff-regex",
    "--skip-to", "--rotate-to", "--anchored", "--unified", "--ws-error-highlight",
))  # fmt: skip
# What a script reads, or what is not shown at all: nothing of ours stands above it.
_BARE = ("--name-only", "--name-status", "--numstat", "--raw", "-z", "--quiet", "--check",
         "--output")  # fmt: skip
_OPTIONS, _PATHS = "git_exp.diff.options", "git_exp.diff.paths"


class Passing(click.Command):
    """A command that keeps all options but its own for git, and what follows `--` as paths."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        cut = args.index("--") if "--" in args else len(args)
        ctx.meta[_OPTIONS], rest = _sorted(args[:cut])
        ctx.meta[_PATHS] = args[cut + 1 :]
        return super().parse_args(ctx, rest)


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What differs; params and metrics are null unless both sides are runs."""

    a: Side
    b: Side
    params: list[Differing] | None
    metrics: list[Differing] | None
    files: list[File]


@click.command(cls=Passing)
@options.run_argument("a")
@options.run_argument("b", required=False)
@options.answer
def command(a: str, b: str | None, form: options.Form) -> int:
    """Show what differs between two runs: params, metrics, and code as `git diff` does.

    A is a run. B is a run or else any revision of git's; without B it is the worktree as a run
    would capture it now. Above the code of two runs stand the params and the last values of
    metrics that differ, unless the output is one that scripts read, such as --name-only.

    All options of `git diff` that compare two commits are passed on to it: --stat, --name-only,
    --word-diff, -w, -S, --exit-code and so on. Paths follow `--`. The exit code is that of
    `git diff`.
    """
    meta = click.get_current_context().meta
    asked, paths = meta[_OPTIONS], meta[_PATHS]
    store = cli.store()
    before = compare.snapshot_of(store, query.find(store, a))
    sides = Sides(before, compare.worktree(store) if b is None else compare.named(store, b))
    for side in sides:
        if side.run and side.run.git and side.run.git.capture == "none":
            output.warn(f"the code of run {side.name} was not captured")
    if form.kind == "json":
        if asked:
            raise click.UsageError(f"--json and {asked[0]} exclude each other")
        output.document("diff", _document(sides, compare.files(store, sides, paths)))
        return 0
    headed = not any(_is_bare(option) for option in asked) and _heading(store, sides)
    if headed and compare.differ(store, sides):
        output.line()
    # With nothing of ours above it, git's own pager for diffs is the one to show it.
    pager = not headed and not meta.get("git_exp.no_pager")
    view = View(options=asked, paths=paths, pager=pager, colour=terminal.colour())
    sys.stdout.flush()
    return compare.show(store, sides, view)


def _sorted(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Git's options, each with its value, and all the rest."""
    git: list[str] = []
    rest: list[str] = []
    left = iter(words)
    for word in left:
        if word.startswith("-") and word not in _OWN:
            git += [word, *([next(left, "")] if word in _VALUED else [])]
        else:
            rest.append(word)
    return git, rest


def _is_bare(option: str) -> bool:
    return option.split("=")[0] in _BARE


def _document(sides: Sides, files: list[File]) -> Difference:
    a, b = sides.before.run, sides.after.run
    return Difference(
        a=sides.before,
        b=sides.after,
        params=compare.params(a, b) if a and b else None,
        metrics=compare.metrics(a, b) if a and b else None,
        files=files,
    )


def _heading(store: Store, sides: Sides) -> bool:
    """Show the params and metrics that differ; whether there are any."""
    a, b = sides.before.run, sides.after.run
    if a is None or b is None:
        return False
    params, metrics = compare.params(a, b), compare.metrics(a, b)
    pair = [Column(side.name, right=True) for side in sides]
    if params:
        output.table([Column("PARAM"), *pair], list(map(_param, params)))
    if params and metrics:
        output.line()
    if metrics:
        columns = [Column("METRIC"), *pair, Column("CHANGE", right=True)]
        ways = store.ways()
        output.table(columns, [_metric(one, ways) for one in metrics])
    return bool(params or metrics)


def _param(one: Differing) -> list[str]:
    return [one.name, *(table.NOTHING if v is None else table.text(v) for v in (one.a, one.b))]


def _metric(one: Differing, ways: Mapping[str, bool]) -> list[str | Piece]:
    return [one.name, table.number(one.a), table.number(one.b), _change(one, ways)]


def _change(one: Differing, ways: Mapping[str, bool]) -> Piece:
    a, b = records.number(one.a), records.number(one.b)
    if a is None or b is None:
        return Piece(table.NOTHING)
    change = b - a
    better = (change > 0) == query.higher_is_better(one.name, ways)
    style = "" if change == 0 or change != change else "green" if better else "red"
    return Piece(("+" if change > 0 else "") + table.number(change), style)
