"""git exp show: show one run."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click
import msgspec

from git_exp import cli, compare, curve, doubts, events, query, records, table
from git_exp import series as tracked
from git_exp.cli import options, output, terminal
from git_exp.cli.output import Column, Piece
from git_exp.compare import View
from git_exp.run import Run
from git_exp.store import Store

_POINTS = 20


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A run, and the files that its code changes: null where that is not here."""

    run: Run
    changes: list[compare.File] | None


class Events(msgspec.Struct, frozen=True, kw_only=True):
    """The records of a run in their order, as its note has them; of a damaged one the `line`."""

    run: str
    events: list[dict[str, Any]]


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a metric."""

    t: str
    elapsed_ms: float
    step: Any
    rank: int
    value: Any


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """Each value of a metric, in the order of each process that tracked."""

    run: str
    metric: str
    points: list[Value]


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """What the command of a run printed: null where nothing was captured."""

    run: str
    stdout: str | None
    stderr: str | None


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run ran, and the packages that were installed there, as "name==version"."""

    run: str
    host: records.Host | None
    process: records.Process | None
    env: records.Env | None
    packages: list[str]


@click.command()
@options.run_argument(default="@")
@click.option("--events", is_flag=True, help="Show its records, a line each.")
@click.option("--series", metavar="metric", help="Show each value of a metric, a line each.")
@click.option("--output", "printed", is_flag=True, help="Show what its command printed.")
@click.option(
    "--env", is_flag=True, help="Show its machine, its Python and the installed packages."
)
@click.option("-p", "--patch", is_flag=True, help="Show its code changes as a patch.")
@click.option("--stat", is_flag=True, help="Show which files its code changes; the default.")
@options.answer
def command(
    run: str, series: str | None, patch: bool, stat: bool, form: options.Form, **views: bool
) -> None:
    """Show one run: what it was, its params, metrics, notes and code.

    Without RUN, the latest. Of each metric the first, best and last value are shown, the step of
    the best one, and its course; best is the highest or the lowest as for `@{best:METRIC}`. Code
    changes are those against the commit that the run started from.

    With --output what the command wrote to standard error goes there.
    """
    chosen = [name for name, given in {**views, "series": series}.items() if given]
    if len(chosen) > 1:
        names = [f"--{name.replace('printed', 'output')}" for name in chosen]
        raise click.UsageError(f"{names[0]} and {names[1]} exclude each other")
    store = cli.store()
    found = query.find(store, run)
    as_json = form.kind == "json"
    if series is not None:
        _series(store, found, series, as_json=as_json)
    elif chosen:
        _VIEWS[chosen[0]](store, found, as_json)
    elif as_json:
        _document(store, found)
    else:
        _show(
            store, found, [*(["--stat"] if stat or not patch else []), *(["-p"] if patch else [])]
        )


def _document(store: Store, run: Run) -> None:
    changes: list[compare.File] | None = None
    sides = compare.changes(store, run)
    if sides:
        changes = compare.files(store, sides)
    output.document("show", Shown(run=run, changes=changes))


def _show(store: Store, run: Run, diff_options: list[str]) -> None:
    output.page()
    now = time.time_ns() // 1_000
    output.line(Piece(f"run {run.id}", "yellow"))
    for label, words in table.facts(run, now):
        style = table.STATUSES.get(run.status, "") if label in ("Status", "Error") else ""
        output.line(f"{label + ':':<10}", Piece(words, style))
    for doubt in doubts.of(run):
        output.line(Piece(doubt, "bold red"))
    _section("", (run.error.traceback or "").strip("\n").split("\n") if run.error else ())
    _section("Params", _aligned(table.params(run)))
    if run.metrics:
        curves = curve.read(store.series(run), _POINTS)
        drawn = {path: curve.sparkline(one.points(_POINTS)) for path, one in curves.items()}
        shown = table.metrics(run, drawn, store.ways())
        output.line()
        output.table([Column(one.heading, right=one.right) for one in shown.columns], shown.rows)
    for note in run.notes:
        _section(f"Note, {table.age(note.t, now)}", note.text.split("\n"))
    _section("Artifacts", map(table.artifact, run.artifacts))
    _section("Actions", _aligned(events.actions(run)))
    _section("Not in the snapshot", _aligned(table.left_out(run)))
    _changes(store, run, diff_options)


def _section(title: str, lines: Iterable[str]) -> None:
    every = list(lines)
    if any(every):
        output.line()
        if title:
            output.line(f"{title}:")
        for line in every:
            # What splits lines beyond a line feed would escape from its indentation.
            shown = output.escape(line, "\t").rstrip()
            output.lines(f"    {shown}") if shown else output.line()


def _aligned(pairs: Sequence[tuple[str, str]]) -> list[str]:
    width = max((len(first) for first, _ in pairs), default=0)
    return [f"{first:<{width}}  {second}" for first, second in pairs]


def _changes(store: Store, run: Run, diff_options: list[str]) -> None:
    sides = compare.changes(store, run)
    if sides is None:
        output.line()
        output.line("Its code, or the commit that it started from, is not here.")
    elif compare.differ(store, sides):
        output.line()
        sys.stdout.flush()
        compare.show(store, sides, View(options=diff_options, colour=terminal.colour()))


def _events(store: Store, run: Run, as_json: bool) -> None:
    lines = store.lines(run)
    if as_json:
        every = list(map(events.plain, lines))
        output.document("show-events", Events(run=run.id, events=every))
        return
    output.page()
    for line in lines:
        t, kind, told = events.told(line)
        output.line(Piece(t, "dim"), f"  {kind:<13}  ", told)


def _series(store: Store, run: Run, metric: str, *, as_json: bool) -> None:
    found = tracked.of(store, run, metric)
    if as_json:
        told = [Value(t=one.t, elapsed_ms=one.elapsed_ms, step=one.step, rank=one.rank,
                      value=one.value) for one in found]  # fmt: skip
        output.document("show-series", Series(run=run.id, metric=metric, points=told))
        return
    output.page()
    output.line(f"{'STEP':>10}  {'ELAPSED':>12}  VALUE")
    for one in found:
        rank = f"  rank {one.rank}" if one.rank else ""
        shown = table.NOTHING if one.step is None else table.text(one.step)
        seconds = one.elapsed_ms / 1000
        output.line(f"{shown:>10}  {seconds:>10.3f} s  {table.text(one.value)}{rank}")


def _printed(store: Store, run: Run, as_json: bool) -> None:
    out, err = (store.file(run, f"output/{name}") for name in ("stdout", "stderr"))
    if as_json:
        told = Output(run=run.id, stdout=_decoded(out), stderr=_decoded(err))
        output.document("show-output", told)
        return
    if out is None and err is None:
        output.hints("nothing was captured; only commands under git exp run print into their run")
    output.page()
    output.raw(out or b"")
    _to_stderr(err or b"")


def _to_stderr(data: bytes) -> None:
    sys.stdout.flush()
    if sys.stderr.isatty():
        data = output.escape(data.decode(errors="backslashreplace"), "\t\n").encode()
    sys.stderr.buffer.write(data)
    sys.stderr.flush()


def _env(store: Store, run: Run, as_json: bool) -> None:
    packages = _decoded(store.file(run, "packages.txt")) or ""
    listed = packages.splitlines()
    if as_json:
        told = Machine(run=run.id, host=run.host, process=run.process, env=run.env, packages=listed)
        output.document("show-env", told)
        return
    output.page()
    facts = dict(table.facts(run, 0))
    gpus = ", ".join(run.env.gpus) if run.env else ""
    executable = run.process.executable if run.process else None
    shown = {"Host": facts.get("Host"), "GPUs": gpus, "Python": facts.get("Python"),
             "Program": executable}  # fmt: skip
    for label, words in shown.items():
        if words:
            output.line(f"{label + ':':<10}{words}")
    _section("Packages", listed)


def _decoded(data: bytes | None) -> str | None:
    return None if data is None else data.decode(errors="backslashreplace")


_VIEWS: dict[str, Callable[[Store, Run, bool], None]] = {
    "events": _events,
    "printed": _printed,
    "env": _env,
}
