"""git exp log: list runs, newest first."""

from __future__ import annotations

import time
from collections.abc import Sequence

import click

from git_exp import cli, query, table
from git_exp.cli import options, output
from git_exp.cli.output import Column, Piece
from git_exp.run import Run

STYLES = {"id": "yellow", "mark": "red", "age": "dim", "param": "cyan"}
STATUSES = {"failed": "red", "crashed": "red", "lost": "red", "interrupted": "yellow",
            "running": "green"}  # fmt: skip
_FIXED = ("id", "mark", "status")


class Counted(click.Command):
    """A command that takes `-20` for `-n 20`, as git log does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        words = [f"-n{arg[1:]}" if arg[:1] == "-" and arg[1:].isdigit() else arg for arg in args]
        return super().parse_args(ctx, [*words[:end], *args[end:]])


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
@click.option("-r", "--reverse", is_flag=True, help="Show the chosen runs oldest first.")
@click.option("--oneline", is_flag=True, help="Show each run on one line, without headings.")
@click.option("--no-pager", is_flag=True, help="Do not page the output.")
@options.answers
def command(
    runs: tuple[str, ...],
    count: int | None,
    reverse: bool,
    oneline: bool,
    no_pager: bool,
    form: options.Form,
) -> None:  # fmt: skip
    """List runs, newest first.

    Each run is shown with its short id, age, name and status, the params that are not the same in
    all runs shown, and the last value of each metric. `*` marks a run whose code differs from the
    commit it started from, `!` one whose snapshot holds less than the code that ran. With RUN,
    those runs are listed, in that order.

    --format takes `%H` id, `%h` short id, `%n` name, `%s` status, `%c` commit, `%b` base commit,
    `%t` tags, `%aI` start, `%ar` age, `%d` duration, `%%`, `%xNN` a byte, and the long forms
    `%(id)`, `%(short)`, `%(name)`, `%(status)`, `%(started)`, `%(ended)`, `%(age)`, `%(duration)`,
    `%(duration_ms)`, `%(exit_code)`, `%(commit)`, `%(base)`, `%(branch)`, `%(dirty)`, `%(mark)`,
    `%(capture)`, `%(group)`, `%(tags)`, `%(user)`, `%(host)`, `%(command)`, `%(error)`,
    `%(metric:NAME)`, also with an aggregate as in `%(metric:max(acc))`, and `%(param:NAME)`.
    Numbers are exact there, and what a run does not have is empty.
    """
    if no_pager:
        click.get_current_context().meta["git_exp.no_pager"] = True
    fill = table.template(form.template or "")
    store = cli.store()
    for run_id, why in store.recover().aside.items():
        output.warn(f"run {query.short(run_id)} cannot be sealed: {why}", "see: git exp fsck")
    found = query.every(store, runs) if runs else store.runs(count)
    chosen = found[:count][:: -1 if reverse else 1]
    now = time.time_ns() // 1_000
    match form.kind:
        case "json":
            output.document("log", {"runs": chosen})
        case "jsonl":
            output.json_lines(chosen)
        case "csv":
            output.csv(*table.exact(chosen))
        case "format":
            output.page()
            text = "".join(fill(run, now, output.escape) + "\n" for run in chosen)
            output.raw(text.encode(errors="surrogateescape"))
        case _:
            _show(chosen, now, oneline=oneline, there_are=bool(found) or count == 0)


def _show(runs: Sequence[Run], now: int, *, oneline: bool, there_are: bool) -> None:
    if not there_are:
        output.hints("there are no runs yet; record one: git exp run COMMAND")
    elif oneline:
        output.page()
        for run in runs:
            output.line(*(_piece(text, kind) for text, kind in table.oneline(run)))
    elif runs:
        shown = table.overview(runs, now)
        columns = [
            Column(one.heading, right=one.right, fixed=one.kind in _FIXED) for one in shown.columns
        ]
        kinds = [one.kind for one in shown.columns]
        output.table(columns, [list(map(_piece, row, kinds)) for row in shown.rows])


def _piece(text: str, kind: str) -> Piece:
    return Piece(text, STATUSES.get(text.strip(), "") if kind == "status" else STYLES.get(kind, ""))
