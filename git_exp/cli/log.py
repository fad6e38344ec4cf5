"""git exp log: list runs, newest first."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import click
import msgspec

from git_exp import cli, errors, query, table
from git_exp.cli import listing, options, output
from git_exp.index.search import Selection
from git_exp.run import Run

if TYPE_CHECKING:
    from git_exp.index.search import Indexed

_PATHS = "git_exp.log.paths"
_NARROWING = ("where", "since", "until", "author")


class Runs(msgspec.Struct, frozen=True, kw_only=True):
    """Runs, in the order that was asked for."""

    runs: list[Run]


class Counted(click.Command):
    """A command that takes `-20` for `-n 20`, and paths after `--`, as git log does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        values = {"-n", "--max-count"}
        words = [
            f"-n{arg[1:]}" if _is_count(arg) and before not in values else arg
            for before, arg in zip(["", *args], args, strict=False)
        ]
        # What stands after `--` is a path.
        ctx.meta[_PATHS] = args[end + 1 :]
        return super().parse_args(ctx, words[:end])


def _is_count(arg: str) -> bool:
    return arg[:1] == "-" and arg[1:].isdigit()


@click.command(cls=Counted)
@options.run_argument("runs", nargs=-1)
@click.option(
    "-n",
    "--max-count",
    "count",
    metavar="number",
    type=click.IntRange(min=0),
    help="Show at most that many runs; -<number> does the same.",
)
@options.where
@click.option(
    "--sort",
    multiple=True,
    metavar="KEY",
    help="Sort by a field, param or metric, -KEY the greatest first; repeat it for ties.",
)
@click.option("-r", "--reverse", is_flag=True, help="Show the chosen runs in reverse order.")
@click.option("--since", "--after", metavar="DATE", help="Only runs started at that time or later.")
@click.option("--until", "--before", metavar="DATE", help="Only runs started up to that time.")
@click.option("--author", metavar="PATTERN", help="Only runs of users that a pattern finds.")
@click.option("--columns", metavar="C,...", help="Show these columns in place of the usual ones.")
@click.option("--oneline", is_flag=True, help="Show each run on one line, without headings.")
@click.option("--no-pager", is_flag=True, help="Do not page the output.")
@options.answers
def command(
    runs: tuple[str, ...], oneline: bool, columns: str | None, form: options.Form, **asked: Any
) -> int:
    """List runs, newest first.

    Each run is shown with its short id, age, name and status, the params that are not the same in
    all runs shown, and the last value of each metric. `*` marks a run whose code differs from the
    commit it started from, `!` one whose snapshot holds less than the code that ran. With RUN,
    those runs are listed, in that order. With -- PATH..., only runs whose code differs in these
    paths from the commit they started at.

    KEY and the columns C are names as git-exp-query(7) has them, such as `lr`, `max(acc)` or
    `duration`; columns may be `id`, `age` and `mark` too. DATE is a time as git reads it.

    --format takes `%H` id, `%h` short id, `%n` name, `%s` status, `%c` commit, `%b` base commit,
    `%t` tags, `%aI` start, `%ar` age, `%d` duration, `%%`, `%xNN` a byte, and the long forms
    `%(id)`, `%(short)`, `%(name)`, `%(status)`, `%(started)`, `%(ended)`, `%(age)`, `%(duration)`,
    `%(duration_ms)`, `%(exit_code)`, `%(commit)`, `%(base)`, `%(parent)`, `%(branch)`, `%(dirty)`,
    `%(mark)`, `%(capture)`, `%(group)`, `%(tags)`, `%(user)`, `%(host)`, `%(command)`, `%(error)`,
    `%(metric:NAME)`, also with an aggregate as in `%(metric:max(acc))`, and `%(param:NAME)`.
    Numbers are exact there, and what a run does not have is empty.
    """
    if asked["no_pager"]:
        click.get_current_context().meta["git_exp.no_pager"] = True
    if columns is not None and (oneline or form.kind != "table"):
        _refuse_columns()
    fill = table.template(form.template or "")
    store = cli.store()
    chosen = _chosen(store, runs, asked)[:: -1 if asked["reverse"] else 1]
    now = time.time_ns() // 1_000
    match form.kind:
        case "json":
            output.document("log", Runs(runs=chosen))
        case "jsonl":
            output.json_lines(chosen)
        case "csv":
            output.csv(*table.exact(chosen))
        case "format":
            output.page()
            text = "".join(fill(run, now, output.escape) + "\n" for run in chosen)
            output.raw(text.encode(errors="surrogateescape"))
        case _ if columns is not None and chosen:
            from git_exp.columns import shown

            listing.show(shown(chosen, store.columns(columns.split(",")), now))
        case _:
            _show(chosen, now, oneline=oneline)
    return _nothing(store, form) if not chosen and asked["count"] != 0 else 0


def _refuse_columns() -> NoReturn:
    hint = "for scripts: --format '%h %(metric:acc)'"
    raise errors.UsageError("--columns is for the table alone", hint=hint)


def _chosen(store: Indexed, runs: Sequence[str], asked: Mapping[str, Any]) -> list[Run]:
    """The runs that are named, or those that the options choose."""
    paths = click.get_current_context().meta[_PATHS]
    if runs:
        if paths or any(asked[key] for key in (*_NARROWING, "sort")):
            taken = next((key for key in asked["sort"] if key in ("-n", "-r")), None)
            raise errors.UsageError(
                "runs by name and options that choose runs exclude each other",
                hint=f"--sort took {taken} for its key" if taken else None,
            )
        return query.every(store, runs, of_commits=True)[: asked["count"]]
    return store.select(
        Selection(
            where=asked["where"],
            since=asked["since"],
            until=asked["until"],
            author=asked["author"],
            sort=asked["sort"],
            limit=asked["count"],
            paths=paths,
        )
    )


def _nothing(store: Indexed, form: options.Form) -> int:
    """What to say where no run is shown; that none fits is an answer of its own."""
    if store.runs(1):
        if form.kind == "json":
            return errors.AnswerIsNo.exit_code
        raise errors.AnswerIsNo("no run fits")
    if form.kind == "table":
        output.hints("there are no runs yet; record one: git exp run COMMAND")
    return 0


def _show(runs: Sequence[Run], now: int, *, oneline: bool) -> None:
    if oneline:
        output.page()
        for run in runs:
            output.line(*(listing.piece(text, kind) for text, kind in table.oneline(run)))
    elif runs:
        listing.show(table.overview(runs, now))
