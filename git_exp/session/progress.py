"""The best so far as a chart: in rows of characters, or as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence

from git_exp import chart, errors, plotting, points, sketch
from git_exp.chart import Dot, Form, Line, Thinned
from git_exp.session.blocks import Drawing
from git_exp.session.standing import number
from git_exp.session.trials import Trial

# A metric's name is no part of it: Vega-Lite makes an expression of an axis' title.
_FORM = Form(metric="best so far")
_TEXT = sketch.Size(72, 18)
_PICTURE = plotting.Size(720, 320)
_VALUES = 12


def drawing(trials: Sequence[Trial], *, picture: bool) -> Drawing:
    """The chart of trials of which one has a value; where nothing can draw it, its values."""
    line = _line(trials)
    if line.empty:
        return Drawing(_values(trials))
    return Drawing([], svg) if picture and (svg := _svg(line)) else Drawing(_rows(line, trials))


def lacking(trials: Sequence[Trial], *, picture: bool) -> errors.UsageError | None:
    """Why the chart is not drawn as it might be, and what to install; None where it is."""
    if _line(trials).empty:
        return None
    try:
        _ = plotting.library("svg") if picture else sketch.library()
    except errors.UsageError as error:
        return error
    return None


def remarks(trials: Sequence[Trial]) -> list[str]:
    """What the chart leaves out."""
    return chart.remarks(_line(trials))


def _line(trials: Sequence[Trial]) -> Line:
    thinned, infinite = Thinned(), 0
    for one in trials:
        value = one.value if one.is_best else one.best
        y = math.nan if value is None else points.number(value)
        infinite += math.isinf(y)
        if math.isfinite(y):
            thinned.add(Dot(one.at, y))
    return Line(run="best", name="so far", dots=thinned.dots(), infinite=infinite)


def _svg(line: Line) -> str | None:
    try:
        return plotting.file([line], _FORM, "svg", size=_PICTURE).decode()
    except errors.UsageError:
        return None


def _rows(line: Line, trials: Sequence[Trial]) -> list[str]:
    try:
        drawn = sketch.rows([line], _FORM, _TEXT, dotted=False)
    except errors.UsageError:
        return _values(trials)
    return ["".join(span.text for span in row) for row in drawn[1:-1]]


def _values(trials: Sequence[Trial]) -> list[str]:
    bests = [f"{number(one.value)} at {one.at}" for one in trials if one.is_best]
    if len(bests) > _VALUES:
        bests[1 : -_VALUES + 1] = ["..."]
    return [", ".join(bests)]
