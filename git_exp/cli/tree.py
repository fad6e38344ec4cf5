"""git exp tree: show runs as the tree of what was derived from what."""

from __future__ import annotations

from collections.abc import Sequence

import click
import msgspec

from git_exp import cli, errors, lineage, query, table
from git_exp.cli import ahead, listing, options, output
from git_exp.cli.output import Piece
from git_exp.index.search import Indexed
from git_exp.lineage import Family, Line, Lineage, Node
from git_exp.query import Goal


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """A run in the tree; `parent` is the run whose code its own was made of.

    `how` is `recorded`, or `nearest` where the code alone tells it; `change` is that of the metric
    against the parent.
    """

    id: str
    parent: str | None
    how: str | None
    name: str
    status: str
    started: str
    value: float | None
    change: float | None
    best_path: bool
    note: str | None


class Tree(msgspec.Struct, frozen=True, kw_only=True):
    """Runs in the order of their start; `path` leads to the best one, `left_out` are not shown.

    Where runs were named it counts only those that are related to one of them.
    """

    metric: str | None
    aggregate: str | None
    higher_is_better: bool | None
    path: Sequence[str]
    left_out: int
    nodes: list[Branch]


@click.command()
@options.run_argument("runs", nargs=-1)
@ahead.option
@click.option(
    "-n",
    "--max-count",
    "count",
    metavar="number",
    type=click.IntRange(min=1),
    default=lineage.SHOWN,
    show_default=True,
    help="Show that many of the latest runs, and of the path to the best.",
)
@click.option("--no-pager", is_flag=True, help="Do not page the output.")
@options.answer
def command(
    runs: tuple[str, ...], metric: str | None, count: int, no_pager: bool, form: options.Form
) -> None:
    """Show runs as the tree of what was derived from what.

    Each run stands below the one whose code its own was made of: the run that the worktree had been
    set to, where that is known; else, of the runs before it that began at the same commit or an
    earlier one, that whose code is nearest, counted in lines. From a run that failed nothing is
    taken to be derived unless that is recorded, and runs of the same code stand beside each other,
    not below. The path to the best run is marked with `*`. After a run's name and status stand the
    value of the metric, the change against the run above it, and what its first note begins with.

    Shown are the latest runs and the path to the best; with RUN, those, what they were derived
    from, and what was derived from them.
    """
    if no_pager:
        click.get_current_context().meta["git_exp.no_pager"] = True
    store = cli.store()
    goal, unclear = _goal(store, metric)
    names = [run.id for run in query.every(store, runs)]
    every = store.runs()
    if goal and metric is not None and not any(goal.measure.of(run) is not None for run in every):
        raise query.unknown_metric(store, goal.measure.metric)
    found = lineage.family(Lineage(store, every, goal), names, count)
    if form.kind == "json":
        output.document("tree", _document(found, goal))
        return
    if unclear and every:
        output.hints(unclear)
    _show(found, goal)


def _goal(store: Indexed, metric: str | None) -> tuple[Goal | None, str | None]:
    """What the best run is best in, or how to say it: the tree is one without it too."""
    try:
        return ahead.goal(store, metric), None
    except errors.NotFound as error:
        return None, f"no run is marked as the best: {error.hint or error.message}"


def _show(found: Family, goal: Goal | None) -> None:
    if not found.nodes:
        output.hints("there are no runs yet; record one: git exp run COMMAND")
        return
    output.page()
    for line in lineage.drawn(found):
        output.line(*_pieces(line, goal))
    if found.left_out:
        runs = "1 run is" if found.left_out == 1 else f"{found.left_out} runs are"
        output.say(f"{runs} not shown: -n shows more")


def _pieces(line: Line, goal: Goal | None) -> list[Piece]:
    if line.hidden:
        runs = "1 run" if line.hidden == 1 else f"{line.hidden} runs"
        runs += " or more" if line.more else ""
        return [Piece(f"{line.prefix}: "), Piece(f"{runs} not shown", "dim")]
    if line.node is None:
        return [Piece(line.prefix)]
    run, sign = line.node.run, "*" if line.node.best else "o"
    pieces = [
        Piece(f"{line.prefix}{sign} "),
        listing.piece(query.short(run.id), "id"),
        Piece(f" {run.name} " if run.name else " "),
        listing.piece(run.status, "status"),
        *([Piece(_measured(line.node, goal))] if goal else []),
    ]
    note = _first_line(line.node)
    return [*pieces, Piece(f"  {note}", "dim")] if note else pieces


def _measured(node: Node, goal: Goal) -> str:
    """The value of a run and what has changed; nothing where it has none."""
    if node.value is None:
        return ""
    metric, aggregate = goal.measure
    name = metric if aggregate == "last" else f"{aggregate}({metric})"
    change = ""
    if node.change is not None:
        sign = "" if node.change < 0 else "+"
        change = f" ({sign}{table.number(node.change)})"
    return f" {name}={table.number(node.value)}{change}"


def _first_line(node: Node) -> str:
    texts = (note.text.strip() for note in node.run.notes[:1])
    return next((text.splitlines()[0] for text in texts if text), "")


def _document(found: Family, goal: Goal | None) -> Tree:
    return Tree(
        metric=goal.measure.metric if goal else None,
        aggregate=goal.measure.aggregate if goal else None,
        higher_is_better=goal.higher if goal else None,
        path=found.path,
        left_out=found.left_out,
        nodes=[_told(one) for one in found.nodes],
    )


def _told(node: Node) -> Branch:
    run = node.run
    return Branch(
        id=run.id,
        parent=node.parent,
        how=node.how,
        name=run.name,
        status=run.status,
        started=run.started,
        value=node.value,
        change=node.change,
        best_path=node.best,
        note=run.notes[0].text if run.notes else None,
    )
