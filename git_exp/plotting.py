"""A chart as a file: SVG, PNG, or an HTML page to look into, by Vega-Lite and without a browser."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from git_exp import chart, errors, scale
from git_exp.chart import Form, Line

KINDS = ("svg", "png", "html")

# What no XML document may hold, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TITLES = {"step": "step", "time": "time (UTC)"}
# Vega's own way with hours is that of an American clock.
_CLOCK = {"hours": "%H:%M", "minutes": "%H:%M"}
_OPTIONS = {"actions": {"export": True, "source": False, "compiled": False, "editor": False}}
_EMBED = """
const spec = JSON.parse(document.getElementById("spec").textContent);
vegaEmbed("#chart", spec, JSON.parse(document.getElementById("options").textContent));
"""
_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<script type="application/json" id="spec">{spec}</script>
<script type="application/json" id="options">{options}</script>
</head>
<body>
<div id="chart"></div>
<script>{code}</script>
</body>
</html>
"""


class Size(NamedTuple):
    """Pixels of the whole picture."""

    width: int = 800
    height: int = 500


def file(lines: Sequence[Line], form: Form, kind: str, *, size: Size) -> bytes:
    """The chart as a file of one of `KINDS`; a PNG has four pixels for each of `size`.

    HTML needs no network: the libraries that draw it are inside. Raises `UsageError` where
    `vl-convert-python` is not installed.
    """
    vl_convert = library(kind)
    drawn = spec(lines, form, size)
    if kind == "png":
        png: bytes = vl_convert.vegalite_to_png(drawn, scale=2)
        return png
    if kind == "svg":
        svg: str = vl_convert.vegalite_to_svg(drawn)
        return svg.encode()
    page = _PAGE.format(
        title=html.escape(_clean(chart.title(form))),
        spec=_inert(drawn),
        options=_inert(_OPTIONS),
        code=vl_convert.javascript_bundle(_EMBED),
    )
    return page.encode()


def library(kind: str) -> Any:
    """What draws a file. Raises `UsageError` where it is not installed."""
    try:
        import vl_convert
    except ImportError:
        raise errors.UsageError(
            f"drawing {kind.upper()} needs vl-convert-python", hint="pip install 'git-exp[plot]'"
        ) from None
    return vl_convert


def spec(lines: Sequence[Line], form: Form, size: Size) -> dict[str, Any]:
    """The chart in the words of Vega-Lite. A metric and a name are only ever data or a title."""
    labels = [_clean(label) for label in chart.labels(lines)]
    highest = max((dot.x for line in lines for dot in line.dots), default=0.0)
    factor, title = _abscissa(form, highest)
    rows = [
        row for line, label in zip(lines, labels, strict=True) for row in _rows(line, label, factor)
    ]
    return {
        "width": size.width,
        "height": size.height,
        "autosize": {"type": "fit", "contains": "padding"},
        "background": "white",
        "data": {"values": rows},
        "encoding": _encoding(form, title, labels),
        "layer": [
            {
                "mark": {"type": "line", "tooltip": True,
                         "invalid": "break-paths-show-path-domains"},
                "params": [
                    {"name": "zoom", "select": "interval", "bind": "scales"},
                    {"name": "chosen", "select": {"type": "point", "fields": ["run"]},
                     "bind": "legend"},
                ],
            },
            # A line of one point would not be seen.
            {"mark": {"type": "point", "filled": True, "tooltip": True},
             "transform": [{"filter": "datum.alone"}]},
        ],
    }  # fmt: skip


def _encoding(form: Form, title: str, labels: Sequence[str]) -> dict[str, Any]:
    x: dict[str, Any] = {"field": "x", "type": "quantitative", "title": title,
                         "scale": {"zero": False, "nice": False}}  # fmt: skip
    if form.x == "time":
        x |= {"type": "temporal", "scale": {"type": "utc"}, "axis": {"format": _CLOCK}}
    y = {"field": "y", "type": "quantitative", "title": _clean(chart.title(form)),
         "scale": {"type": "log"} if form.log else {"zero": False}}  # fmt: skip
    colour = {
        "field": "run", "type": "nominal", "title": None, "sort": list(labels),
        "scale": {"scheme": "tableau10" if len(labels) <= 10 else "tableau20"},
        "legend": {"orient": "bottom", "columns": 2, "labelLimit": 350, "symbolLimit": 0},
    }  # fmt: skip
    seen = {"condition": {"param": "chosen", "value": 1}, "value": 0.15}
    return {"x": x, "y": y, "color": colour, "opacity": seen}


def _abscissa(form: Form, highest: float) -> tuple[float, str]:
    """What to multiply `x` by, and the title of its axis. Vega's times are milliseconds."""
    if form.x == "elapsed":
        size, sign = scale.unit(highest)
        return 1 / size, f"elapsed ({sign})"
    return 1e3 if form.x == "time" else 1, _TITLES[form.x]


def _rows(line: Line, label: str, factor: float) -> list[dict[str, Any]]:
    around = [None, *(dot.y for dot in line.dots), None]
    return [
        {"x": dot.x * factor, "y": dot.y, "run": label}
        | ({"alone": True} if dot.y is not None and before is after is None else {})
        for before, dot, after in zip(around, line.dots, around[2:], strict=False)
    ]


def _clean(text: str) -> str:
    """A title or label: Vega-Lite makes expressions of those, and escapes quotes alone in them."""
    line = " ".join(text.split()).replace("\\", "\N{SET MINUS}")
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", line)


def _inert(value: Any) -> str:
    """JSON that ends no script element, whatever text is in it."""
    return json.dumps(value).replace("<", "\\u003c")
