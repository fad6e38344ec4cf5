"""What the tabs tell of a run: lines, made where nobody waits for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from git_exp import chart, curve, doubts, errors, events, points, sketch, table
from git_exp.run import Run
from git_exp.store import Store
from git_exp.tui.lines import Line, Span

_POINTS = 20
_HIGH = 14
_PATCH = {"+": "green", "-": "red", "@": "cyan"}
_HEADS = ("diff ", "index ", "+++ ", "--- ", "new file", "deleted file", "similarity", "rename ",
          "old mode", "new mode", "Binary ")  # fmt: skip


class View(NamedTuple):
    """Where a page is shown: how wide, and at what time in microseconds since 1970."""

    width: int
    now: int


def overview(store: Store, run: Run, view: View) -> Iterator[Line]:
    """What the run was, its params, metrics, notes and files."""
    yield [Span(f"run {run.id}", "yellow")]
    for label, words in table.facts(run, view.now):
        kind = "status" if label == "Status" else ""
        yield [Span(f"{label + ':':<10}"), Span(words, table.style(run.status, kind))]
    for doubt in doubts.of(run):
        yield [Span(doubt, "bold red")]
    yield from _section(
        "", (run.error.traceback or "").strip("\n").split("\n") if run.error else ()
    )
    yield from _section("Params", _aligned(table.params(run)))
    if run.metrics:
        yield []
        yield from _metrics(store, run)
    for note in run.notes:
        yield from _section(f"Note, {table.age(note.t, view.now)}", note.text.split("\n"))
    yield from _section("Artifacts", map(table.artifact, run.artifacts))
    yield from _section("Not in the snapshot", _aligned(table.left_out(run)))


def plots(store: Store, run: Run, view: View) -> Iterator[Line]:
    """The curve of each metric."""
    if not run.metrics:
        yield [Span("it has no metrics", "dim")]
        return
    drawn = chart.every(run, points.read(store.series(run)))
    for metric in run.metrics:
        yield from _plot(metric, drawn.get(metric), view)
        yield []


def code(store: Store, run: Run, view: View) -> Iterator[Line]:
    """What its code changes against the commit that it started from."""
    patch = store.patch(None, run)
    if not patch:
        yield [Span("its code is that of the commit it started from", "dim")]
    for line in _split(patch):
        style = "bold" if line.startswith(_HEADS) else _PATCH.get(line[:1], "")
        yield [Span(line, style)]


def output(store: Store, run: Run, view: View) -> Iterator[Line]:
    """What its command printed; a line that was written over is as it was last."""
    texts = {name: store.file(run, f"output/{name}") for name in ("stdout", "stderr")}
    if not any(texts.values()):
        yield [Span("nothing was captured: git exp run COMMAND keeps what it prints", "dim")]
    both = all(texts.values())
    for name, data in texts.items():
        if data and both:
            yield [Span(f"── {name} ──", "bold")]
        for line in _split((data or b"").decode(errors="backslashreplace")):
            yield [Span(line.rstrip("\r").rpartition("\r")[2])]


def records(store: Store, run: Run, view: View) -> Iterator[Line]:
    """Its records, a line each."""
    for line in store.lines(run):
        t, kind, told = events.told(line)
        yield [Span(t, "dim"), Span(f"  {kind:<13}  ", "cyan"), Span(told)]


def failed(error: BaseException) -> list[Line]:
    """Why a page cannot be shown, and the next step."""
    said: list[Line] = [[Span(f"error: {error}", "red")]]
    hint = error.hint if isinstance(error, errors.GitExpError) else None
    return said + [[Span(f"hint: {one}", "yellow")] for one in (hint or "").splitlines()]


Page = Callable[[Store, Run, View], Iterator[Line]]
PAGES: dict[str, Page] = {
    "Overview": overview,
    "Metrics": plots,
    "Code": code,
    "Output": output,
    "Records": records,
}


def _metrics(store: Store, run: Run) -> Iterator[Line]:
    curves = curve.read(store.series(run), _POINTS)
    drawn = {path: curve.sparkline(one.points(_POINTS)) for path, one in curves.items()}
    shown = table.metrics(run, drawn, store.ways())
    rows = [[one.heading for one in shown.columns], *shown.rows]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    for at, row in enumerate(rows):
        cells = [
            text.rjust(width) if column.right else text.ljust(width)
            for text, width, column in zip(row, widths, shown.columns, strict=True)
        ]
        yield [Span("  ".join(cells[:-1]), "" if at else "bold"), Span(f"  {cells[-1]}", "green")]


def _plot(metric: str, line: chart.Line | None, view: View) -> Iterator[Line]:
    yield [Span(metric, "bold")]
    if line is None or line.empty:
        why = "its series is not here, only its summary" if line is None else "nothing to draw"
        yield [Span(f"    {why}", "dim")]
        return
    size = sketch.Size(max(min(view.width, 120) - 1, 20), _HIGH)
    try:
        rows = sketch.rows([line], chart.Form(metric=metric), size, dotted=True)
    except errors.UsageError as error:
        yield from failed(error)
        return
    # The title above and the legend below are said by the tab.
    yield from ([Span(*span) for span in row] for row in rows[1:-1])
    for remark in chart.remarks(line):
        yield [Span(f"    {remark}", "dim")]


def _section(title: str, lines: Iterable[str]) -> Iterator[Line]:
    every = list(lines)
    if any(every):
        yield []
        if title:
            yield [Span(f"{title}:", "bold")]
        yield from ([Span(f"    {line}")] for line in every)


def _aligned(pairs: Sequence[tuple[str, str]]) -> list[str]:
    width = max((len(first) for first, _ in pairs), default=0)
    return [f"{first:<{width}}  {second}" for first, second in pairs]


def _split(text: str) -> list[str]:
    # At line feeds alone: other signs stay where they are, and are escaped.
    return text.removesuffix("\n").split("\n") if text else []
