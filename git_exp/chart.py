"""The chart of a metric: one line a run, smoothed and thinned while its points stream by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from git_exp import points, query, records
from git_exp.points import Point
from git_exp.run import Run

LIMIT = 2_000
AXES = ("step", "time", "elapsed")


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """What to draw: `smooth` is a weight from 0, none, to below 1; `log` is the value axis."""

    metric: str
    x: str = "step"
    smooth: float = 0.0
    log: bool = False


class Dot(NamedTuple):
    """A place on a line: `x` a step, seconds since 1970 or since the start; no `y` is a gap."""

    x: float
    y: float | None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """The line of one run, by rising `x`: at most 2,000 of the `count` points there were.

    `infinite` and `not_positive` of them could not be drawn. Of several `ranks` it is the lowest.
    """

    run: str
    name: str
    dots: list[Dot]
    count: int = 0
    infinite: int = 0
    not_positive: int = 0
    ranks: int = 1

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return all(dot.y is None for dot in self.dots)


class Smoother:
    """The exponential moving average that TensorBoard draws, without the bias of its start.

    The correction is that of Kingma and Ba, "Adam", ICLR 2015, section 3: the mean of n values is
    divided by 1 - weight**n. As an update of the corrected mean it keeps a constant exact.
    """

    def __init__(self, weight: float) -> None:
        self._weight = weight
        self._left = 1.0
        self._mean = 0.0

    def add(self, value: float) -> float:
        """The mean with one more finite value."""
        self._left *= self._weight
        share = (1 - self._weight) / (1 - self._left)
        # Multiplied one by one, since the difference of two huge values is infinite.
        mean = self._mean + (share * value - share * self._mean)
        if math.isinf(mean):
            mean = self._mean - share * self._mean + share * value
        self._mean = mean
        return mean


class Thinned:
    """Dots of a line in the order they came, in constant memory; its peaks and its ends are kept.

    Of each run of equally many dots the lowest and the highest stay: the MinMax aggregation of
    Jugel et al., "M4: A Visualization-Oriented Time Series Data Aggregation", VLDB 2014.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        # Two dots each, and the first and the last of all; even, as they are joined in pairs.
        self._room = max((limit - 2) // 4 * 2, 2)
        self._buckets: list[list[Dot]] = []
        self._stride = 1
        self._seen = 0
        self._first: Dot | None = None
        self._last: Dot | None = None

    def add(self, dot: Dot) -> None:
        """One more dot."""
        if self._seen % self._stride == 0:
            self._open()
        self._seen += 1
        self._first = self._first or dot
        self._last = dot
        bucket = self._buckets[-1]
        bucket.append(dot)
        if len(bucket) > 2:
            bucket[:] = _extremes(bucket)

    def dots(self) -> list[Dot]:
        """What is left, by rising `x`; at equal `x` in the order they came."""
        kept = [dot for bucket in self._buckets for dot in _extremes(bucket)]
        if self._first and kept[0] != self._first:
            kept.insert(0, self._first)
        if self._last and kept[-1] != self._last:
            kept.append(self._last)
        return sorted(kept, key=lambda dot: dot.x)

    def _open(self) -> None:
        if len(self._buckets) == self._room:
            pairs = zip(self._buckets[::2], self._buckets[1::2], strict=True)
            self._buckets = [_extremes([*one, *two]) for one, two in pairs]
            self._stride *= 2
        self._buckets.append([])


class _Course:
    """What one rank tracked: counted, placed, smoothed and thinned."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._smoother = Smoother(form.smooth)
        self.thinned = Thinned()
        self.count = self.infinite = self.not_positive = 0

    def add(self, point: Point) -> None:
        x, y = self._place(point), points.number(point.value)
        self.count += 1
        if math.isinf(y):
            self.infinite += 1
        elif math.isnan(y):
            self.thinned.add(Dot(x, None))
        else:
            self._draw(x, self._smoother.add(y) if self._form.smooth else y)

    def _draw(self, x: float, y: float) -> None:
        if self._form.log and y <= 0:
            self.not_positive += 1
        else:
            self.thinned.add(Dot(x, y))

    def _place(self, point: Point) -> float:
        if self._form.x == "time":
            return records.micros(point.t) / 1e6
        if self._form.x == "elapsed":
            return point.elapsed_ms / 1e3
        step = records.number(point.step)
        known = None if step is None else points.number(step)
        # What came without a step stands at its ordinal.
        return self.count if known is None or not math.isfinite(known) else known


def line(run: Run, tracked: Iterable[Point], form: Form) -> Line:
    """The line of a run, of the points of the metric; an empty one if there are none."""
    courses: dict[int, _Course] = {}
    for point in tracked:
        if point.rank not in courses:
            courses[point.rank] = _Course(form)
        courses[point.rank].add(point)
    return _drawn(run, courses)


def every(run: Run, tracked: Iterable[Point]) -> dict[str, Line]:
    """The line of each metric by its steps, of the points of all of them read once."""
    courses: dict[str, dict[int, _Course]] = {}
    for point in tracked:
        of_one = courses.setdefault(point.metric, {})
        if point.rank not in of_one:
            of_one[point.rank] = _Course(Form(metric=point.metric))
        of_one[point.rank].add(point)
    return {metric: _drawn(run, of_one) for metric, of_one in courses.items()}


def _drawn(run: Run, courses: Mapping[int, _Course]) -> Line:
    """The line of the lowest of some ranks; an empty one where there are none."""
    if not courses:
        return Line(run=run.id, name=run.name, dots=[])
    course = courses[min(courses)]
    return Line(
        run=run.id, name=run.name, dots=course.thinned.dots(), ranks=len(courses),
        count=course.count, infinite=course.infinite, not_positive=course.not_positive,
    )  # fmt: skip


def having(runs: Iterable[Run], metric: str) -> list[Run]:
    """Those runs that have a metric, each once."""
    return list({run.id: run for run in runs if metric in run.metrics}.values())


def remarks(line: Line) -> list[str]:
    """What a reader of the chart has to know of one line: what it leaves out."""
    said = []
    if line.infinite:
        said.append(f"{_counted(line.infinite, 'infinite value')} left out")
    if line.not_positive:
        said.append(
            f"{_counted(line.not_positive, 'value')} of 0 or less left out: the axis is log"
        )
    if line.ranks > 1:
        said.append(f"drawn from the lowest of its {line.ranks} ranks")
    return said


def labels(lines: Sequence[Line]) -> list[str]:
    """What each line is called: the start of its run's id, long enough for all, and its name."""
    ids = {line.run for line in lines}
    length = query.SHORT
    while len({one[:length] for one in ids}) < len(ids):
        length += 1
    return [f"{line.run[:length]} {line.name}".rstrip() for line in lines]


def title(form: Form) -> str:
    """What is drawn, and what was done to it."""
    smoothed = f", smoothed {form.smooth:g}" if form.smooth else ""
    return f"{form.metric}{smoothed}{', log scale' if form.log else ''}"


def segments(dots: Sequence[Dot]) -> list[list[tuple[float, float]]]:
    """A line in its unbroken pieces."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for x, y in dots:
        if y is not None:
            pieces[-1].append((x, y))
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _extremes(bucket: list[Dot]) -> list[Dot]:
    """The lowest and the highest of some dots as they came; a gap only where all are gaps."""
    known = [(dot.y, at) for at, dot in enumerate(bucket) if dot.y is not None]
    if not known:
        return bucket[:1]
    # Of equal ones the first and the last, so that a plateau keeps its length.
    low, high = min(known)[1], max(known)[1]
    return [bucket[at] for at in sorted({low, high})]
