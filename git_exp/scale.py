"""The scale of an axis: where its ticks stand, and what is written beside them."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable
from typing import NamedTuple

_LEAST, _MOST = math.ulp(0.0), sys.float_info.max
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_MOMENTS = (
    1, 2, 5, 10, 15, 30, _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 15 * _MINUTE,
    30 * _MINUTE, _HOUR, 2 * _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR, _DAY, 2 * _DAY, 7 * _DAY,
    14 * _DAY, 30 * _DAY, 90 * _DAY, 365 * _DAY,
)  # fmt: skip
_UNITS = ((_DAY, "d", 3 * _DAY), (_HOUR, "h", 3 * _HOUR), (_MINUTE, "min", 5 * _MINUTE))


class Tick(NamedTuple):
    """A mark on an axis, and its words."""

    at: float
    text: str


class Scale(NamedTuple):
    """An axis from `low` to `high`; `log` places by the logarithm."""

    low: float
    high: float
    log: bool = False

    def share(self, value: float) -> float:
        """How far along the axis a value is, from 0 to 1."""
        low, high, value = (math.log10(one) if self.log else one for one in (*self[:2], value))
        # Halved, since the difference of two huge values is infinite.
        return (value / 2 - low / 2) / (high / 2 - low / 2)


def of(values: Iterable[float], *, log: bool = False) -> Scale:
    """The scale that holds all of these, at least one; a single value stands in its middle."""
    every = list(values)
    low, high = min(every), max(every)
    if low / 2 == high / 2:
        if log:
            low, high = max(low / 2, _LEAST), min(high * 2, _MOST)
        else:
            room = abs(low) / 10 or 1.0
            low, high = max(low - room, -_MOST), min(high + room, _MOST)
    return Scale(low, high, log)


def ticks(scale: Scale, count: int) -> list[Tick]:
    """About `count` ticks at round numbers: 1, 2 or 5 times a power of ten.

    Source: Heckbert, "Nice Numbers for Graph Labels", Graphics Gems, 1990. On a log axis of less
    than three decades those are all, on a longer one the powers of ten.
    """
    if scale.log and scale.high / scale.low >= 10:
        return _decades(scale, max(count, 1))
    span = (scale.high / 2 - scale.low / 2) / max(count, 1) * 2
    # At the ends of what a float can hold there are no round numbers between two values.
    step = _nice(span) if 0 < span < math.inf else math.inf
    if step in (0, math.inf):
        return []
    return [Tick(at, _decimal(at, step)) for at in _multiples(scale, step)]


def moments(scale: Scale, count: int) -> list[Tick]:
    """About `count` ticks at round times of day, UTC; the scale is in seconds since 1970."""
    wanted = (scale.high - scale.low) / max(count, 1)
    step = next((one for one in _MOMENTS if one >= wanted), _MOMENTS[-1])
    form = "%H:%M:%S" if step < _MINUTE else "%H:%M" if step < _DAY else "%Y-%m-%d"
    return [Tick(at, time.strftime(form, time.gmtime(at))) for at in _multiples(scale, step)]


def abscissa(kind: str, scale: Scale, count: int) -> tuple[str, list[Tick]]:
    """The title and the ticks of an axis of steps, of times or of seconds since the start."""
    if kind == "time":
        days = {time.strftime("%Y-%m-%d", time.gmtime(at)) for at in (scale.low, scale.high)}
        return f"time (UTC, {' to '.join(sorted(days))})", moments(scale, count)
    if kind == "step":
        return kind, ticks(scale, count)
    size, sign = unit(scale.high)
    told = ticks(Scale(scale.low / size, scale.high / size), count)
    return f"elapsed ({sign})", [Tick(one.at * size, one.text) for one in told]


def unit(seconds: float) -> tuple[float, str]:
    """The unit in which a length of time is best told: its seconds, and its sign."""
    if seconds < 1:
        return 0.001, "ms"
    return next(((size, sign) for size, sign, least in _UNITS if seconds >= least), (1, "s"))


def _decades(scale: Scale, count: int) -> list[Tick]:
    first, last = math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high))
    within = [
        (power, Tick(at, f"{at:g}"))
        for power in range(first, last + 1)
        for at in (float(f"{one}e{power}") for one in (1, 2, 5))
        if scale.low <= at <= scale.high
    ]
    if last - first <= 3:
        return [tick for _, tick in within]
    stride = math.ceil((last - first) / count)
    return [tick for power, tick in within if tick.at == float(f"1e{power}")][::stride]


def _nice(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next((one * power for one in (1, 2, 5) if one * power >= least), 10 * power)


def _multiples(scale: Scale, step: float) -> list[float]:
    first, last = math.ceil(scale.low / step), math.floor(scale.high / step)
    return [at * step for at in range(first, last + 1)]


def _decimal(value: float, step: float) -> str:
    """A tick with as many digits as tell it from the next one."""
    if value == 0:
        return "0"
    digits = math.floor(math.log10(abs(value))) - math.floor(math.log10(step)) + 1
    if max(abs(value), step) >= 1e7 or step < 1e-5:
        return f"{value:.{max(digits - 1, 0)}e}".replace("e+0", "e").replace("e-0", "e-")
    return f"{value:.{max(0, -math.floor(math.log10(step)))}f}"
