"""git exp plot: draw the curve of a metric."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from click.shell_completion import CompletionItem

from git_exp import chart, cli, errors, outfile, plotting, query, records, sketch
from git_exp.chart import Form, Line
from git_exp.cli import options, output, terminal
from git_exp.cli.output import Piece
from git_exp.index.search import Indexed, Selection
from git_exp.query import grammar
from git_exp.run import Run

MOST = 10


def _number(ctx: click.Context, param: click.Parameter, value: float) -> float:
    if math.isnan(value):
        # A range lets it pass: it is neither below nor above anything.
        raise click.BadParameter("nan is not a number")
    return value


def _offer_metrics(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The metrics of the newest runs; nothing at all when anything fails."""
    try:
        runs = cli.store(recover=False).runs(options.OFFERED)
    except Exception:
        # A completion that fails must not disturb the prompt.
        return []
    known = dict.fromkeys(path for run in runs for path in run.metrics)
    return [CompletionItem(path) for path in known if path.startswith(incomplete)]


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """A point: `x` is a step, seconds, or a time as RFC 3339 has it; without `y` it is a gap."""

    x: int | float | str
    y: float | None


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """The line of a run: at most 2,000 of the `count` points there were.

    `infinite` and `not_positive` of them could not be drawn. Of several `ranks` it is the lowest.
    """

    run: str
    name: str
    count: int
    infinite: int
    not_positive: int
    ranks: int
    points: list[Point]


class Plot(msgspec.Struct, frozen=True, kw_only=True):
    """What is drawn: a line for each run, over `x`, which is step, elapsed or time."""

    metric: str
    x: str
    smooth: float
    log: bool
    lines: list[Curve]


@click.command()
@click.argument("metric", shell_complete=_offer_metrics)
@options.run_argument("runs", nargs=-1)
@options.where
@click.option(
    "-n",
    "--max-count",
    "count",
    metavar="number",
    type=click.IntRange(min=1),
    help="Draw at most that many runs, the latest; 10 of those that --where fits.",
)
@click.option(
    "-o",
    "--output",
    "place",
    metavar="file",
    type=click.Path(path_type=Path),
    help="Draw into that file: its ending, .svg, .png or .html, says what it becomes.",
)
@click.option(
    "--x",
    type=click.Choice(chart.AXES),
    default="step",
    help="Draw over steps, the time of day or the time since the start; steps by default.",
)
@click.option(
    "--smooth",
    metavar="weight",
    type=click.FloatRange(0, 1, max_open=True),
    callback=_number,
    default=0.0,
    help="Smooth by an exponential moving average with that weight, from 0 to below 1.",
)
@click.option("--log", is_flag=True, help="Make the axis of values logarithmic.")
@click.option(
    "--width",
    metavar="number",
    type=click.IntRange(20, 10_000),
    help="Draw that wide: in characters, or in pixels of a file.",
)
@click.option(
    "--height",
    metavar="number",
    type=click.IntRange(10, 10_000),
    help="Draw that high: in lines, or in pixels of a file.",
)
@options.answer
def command(  # noqa: PLR0913 - one for each option
    metric: str,
    runs: tuple[str, ...],
    place: Path | None,
    width: int | None,
    height: int | None,
    where: str | None,
    count: int | None,
    form: options.Form,
    **drawing: Any,
) -> None:  # fmt: skip
    """Draw the curve of a metric, a line for each run.

    Without RUN, the latest run that has the metric is drawn, with --where the latest of those that
    it fits. Values that are NaN leave a gap. Infinite ones are left out and so are, on a
    logarithmic axis, those of 0 or less; how many is said on standard error. A value without a step
    stands at its ordinal. Of a long series the highest and the lowest values are kept, at most
    2,000 a run. Where several ranks tracked the metric, the lowest one is drawn.

    In a terminal the drawing has its size; elsewhere it is made of plain characters, 80 wide.
    An existing file is replaced. An HTML file can be zoomed, and needs no network.
    """
    kind = _kind(place) if place else ""
    asked = Form(metric=metric, **drawing)
    store = cli.store()
    lines = _lines(_chosen(store, runs, metric, where=where, count=count), asked)
    if place:
        usual = plotting.Size()
        size = plotting.Size(width or usual.width, height or usual.height)
        drawn = plotting.file(lines, asked, kind, size=size)
        with outfile.written(place) as file:
            file.write(drawn)
    if form.kind == "json":
        output.document("plot", _document(lines, asked))
    elif not place:
        _show(lines, asked, width=width, height=height)


def _kind(place: Path) -> str:
    kind = place.suffix.lower().removeprefix(".")
    if kind not in plotting.KINDS:
        raise click.UsageError(f"'{place}' does not end in .svg, .png or .html")
    return kind


def _chosen(
    store: Indexed, names: Sequence[str], metric: str, *, where: str | None, count: int | None
) -> list[Run]:
    """The runs to draw, all of which have the metric."""
    if names and where is not None:
        raise errors.UsageError("runs by name and --where exclude each other")
    if not names:
        return _found(store, metric, where=where, count=count)
    given = query.every(store, names)
    having = chart.having(given, metric)[:count]
    if not having and metric in store.metrics():
        raise errors.NotFound(f"none of these runs has a metric '{metric}'")
    if not having:
        raise _unknown(metric, given)
    for run in given:
        if metric not in run.metrics:
            output.warn(f"run {query.short(run.id)} has no metric '{metric}'")
    return having


def _found(store: Indexed, metric: str, *, where: str | None, count: int | None) -> list[Run]:
    """The latest run that has the metric, or of those that an expression fits the latest."""
    if metric not in store.metrics():
        raise _unknown(metric, store.runs())
    having = f"exists metric:{grammar.quoted(metric)}"
    asked = [having] if where is None else [where, having]
    limit = 1 if where is None and count is None else count or MOST
    found = store.select(Selection(where=asked, limit=limit + 1))
    if not found:
        raise errors.AnswerIsNo("no run fits")
    if where is not None and count is None and len(found) > limit:
        output.say(f"the latest {limit} of the runs that fit are drawn: -n <number> for more")
    return found[:limit]


def _unknown(metric: str, runs: Sequence[Run]) -> errors.NotFound:
    import difflib

    known = list(dict.fromkeys(path for run in runs for path in run.metrics))
    near = difflib.get_close_matches(metric, known)
    near += [path for path in known if path.rpartition(".")[2] == metric and path not in near]
    if near:
        hint = f"did you mean {' or '.join(near)}?"
    else:
        more = ", …" if len(known) > 10 else ""
        hint = (
            f"known metrics: {', '.join(known[:10])}{more}" if known else "list runs: git exp log"
        )
    return errors.NotFound(f"no run has a metric '{metric}'", hint=hint)


def _lines(runs: Sequence[Run], form: Form) -> list[Line]:
    """The lines of runs that have something to draw; what the others lack is said."""
    every = [chart.line(run, run.series(form.metric), form) for run in runs]
    for line in every:
        for remark in chart.remarks(line):
            output.warn(f"run {query.short(line.run)}: {remark}")
        if not line.count:
            output.warn(f"run {query.short(line.run)}: its series is not here, only its summary")
    lines = [line for line in every if not line.empty]
    if not lines:
        raise errors.AnswerIsNo(f"there is nothing to draw of '{form.metric}'")
    return lines


def _show(lines: Sequence[Line], form: Form, *, width: int | None, height: int | None) -> None:
    screen = shutil.get_terminal_size()
    # A row is left for the prompt, so that the title stays on the screen.
    size = sketch.Size(width or screen.columns, height or max(screen.lines - 1, 10))
    coloured = terminal.colour()
    # Dots need colours to tell lines apart, and a letter in a pipe is read by everybody.
    apart = len(lines) == 1 or (coloured and len(lines) <= len(sketch.COLOURS))
    for row in sketch.rows(lines, form, size, dotted=terminal.shown() and apart):
        output.line(*(Piece(*span) for span in row))


def _document(lines: Sequence[Line], form: Form) -> Plot:
    return Plot(
        metric=form.metric, x=form.x, smooth=form.smooth, log=form.log,
        lines=[
            Curve(
                run=line.run, name=line.name, count=line.count, infinite=line.infinite,
                not_positive=line.not_positive, ranks=line.ranks,
                points=[Point(x=_x(dot.x, form), y=dot.y) for dot in line.dots],
            )
            for line in lines
        ],
    )  # fmt: skip


def _x(x: float, form: Form) -> float | int | str:
    if form.x == "time":
        return records.stamp(round(x * 1e6))
    return int(x) if form.x == "step" and float(x).is_integer() else x
