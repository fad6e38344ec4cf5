"""A chart as a file: SVG, PNG and HTML that hold their lines, and whose texts are only texts."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from git_exp import plotting
from git_exp.chart import Dot, Form, Line
from git_exp.plotting import Size
from tests.families import few

LOSS = Form(metric="loss")
EVIL = "</script><b>\x1b\ufffe&amp;"
SMALL = Size(400, 300)


def a_line(dots: list[Dot], name: str = "base", sign: str = "1") -> Line:
    return Line(run=f"{sign * 8}-0000", name=name, dots=dots)


TWO = [
    a_line([Dot(0, 1), Dot(1, 2)]),
    a_line([Dot(0, 2), Dot(1, None), Dot(2, 1), Dot(3, 2)], "w", "2"),
]


class Page(HTMLParser):
    """What a browser sees of a page: its elements, the texts in them, and what they refer to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self.links: list[str] = []
        self._at = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._at = given.get("id") or tag
        self.texts[self._at] = ""
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        if self._at:
            self.texts[self._at] += data

    def handle_endtag(self, tag: str) -> None:
        self._at = ""


def svg(lines: list[Line], form: Form = LOSS) -> ElementTree.Element:
    return ElementTree.fromstring(plotting.file(lines, form, "svg", size=SMALL))  # noqa: S314


def paths(root: ElementTree.Element) -> list[str]:
    """The shapes of the lines of runs, in their order."""
    return [
        one.attrib["d"]
        for one in root.iter("{http://www.w3.org/2000/svg}path")
        if one.get("aria-roledescription") == "line mark"
    ]


def texts(root: ElementTree.Element) -> list[str]:
    return [one.text or "" for one in root.iter("{http://www.w3.org/2000/svg}text")]


def test_an_svg_is_of_the_size_asked_for_and_has_a_path_for_each_run() -> None:
    root = svg(TWO)

    assert (root.get("width"), root.get("height")) == ("400", "300")
    assert len(paths(root)) == 2
    assert {"loss", "step", "11111111 base", "22222222 w"} <= set(texts(root))


def test_a_gap_breaks_the_path_and_a_lone_value_is_a_point() -> None:
    root = svg(TWO)

    assert [path.count("M") for path in paths(root)] == [1, 2]
    points = [one for one in root.iter() if one.get("aria-roledescription") == "point"]
    assert len(points) == 1


def test_the_axes_are_named_by_what_stands_on_them() -> None:
    line = a_line([Dot(1_767_323_045, 1), Dot(1_767_330_000, 1_000)])

    assert "time (UTC)" in texts(svg([line], Form(metric="a", x="time")))
    assert "03:45 04:00" in " ".join(texts(svg([line], Form(metric="a", x="time"))))
    assert "elapsed (min)" in texts(
        svg([a_line([Dot(0, 1), Dot(900, 2)])], Form(metric="a", x="elapsed"))
    )
    assert "a, smoothed 0.5, log scale" in texts(
        svg([line], Form(metric="a", smooth=0.5, log=True))
    )


def test_a_png_has_two_pixels_for_one() -> None:
    data = plotting.file(TWO, LOSS, "png", size=SMALL)

    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (800, 600)


@pytest.mark.slow
def test_a_page_needs_no_network_and_holds_the_chart() -> None:
    page = Page(plotting.file(TWO, LOSS, "html", size=SMALL).decode())

    values = json.loads(page.texts["spec"])["data"]["values"]
    assert [(one["x"], one["y"]) for one in values if one["run"] == "22222222 w"] == [
        (0, 2), (1, None), (2, 1), (3, 2),
    ]  # fmt: skip
    assert page.links == []
    assert len(page.texts["script"]) > 100_000
    assert page.texts["title"] == "loss"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["svg", "html"])
def test_a_name_and_a_metric_are_text_whatever_is_in_them(kind: str) -> None:
    lines = [a_line([Dot(0, 1), Dot(1, 2)], EVIL)]
    shown = "11111111 </script><b>\ufffd\ufffd&amp;"

    text = plotting.file(lines, Form(metric=EVIL), kind, size=SMALL).decode()

    assert "</script><b>" not in text
    if kind == "svg":
        assert shown in texts(ElementTree.fromstring(text))  # noqa: S314
        return
    page = Page(text)
    spec = json.loads(page.texts["spec"])
    assert {one["run"] for one in spec["data"]["values"]} == {shown}
    assert "b" not in page.texts
    assert page.texts["title"] == shown.removeprefix("11111111 ")


TEXTS = ['a\\"+1', "a\nb", "a\\", "a\u2028b", "'`${1}", '"]: 1, "x": [1']


@pytest.mark.slow
@pytest.mark.parametrize("kind", plotting.KINDS)
@pytest.mark.parametrize("text", few(2, TEXTS))
def test_no_text_is_an_expression_of_vegas(text: str, kind: str) -> None:
    lines = [a_line([Dot(0, 1), Dot(1, 2)], name=text), a_line([Dot(0, 2)], "w", "2")]

    drawn = plotting.file(lines, Form(metric=text), kind, size=SMALL)

    if kind == "svg":
        root = ElementTree.fromstring(drawn.decode())  # noqa: S314 - it is our own
        shown = "".join(texts(root))
        assert "".join(text.split()).replace("\\", "\N{SET MINUS}") in "".join(shown.split())


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
def test_the_script_of_a_page_is_sound(tmp_path: Path) -> None:
    page = plotting.file(TWO, LOSS, "html", size=SMALL).decode()
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    (tmp_path / "page.js").write_text(script)

    done = subprocess.run(("node", "--check", tmp_path / "page.js"), capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("kind", plotting.KINDS)
def test_many_runs_and_hard_values_are_drawn(kind: str) -> None:
    hard = [Dot(-5.0, -1e308), Dot(0, 0), Dot(2**53, 1e308), Dot(2**53, 1e-320)]
    lines = [a_line(hard, f"run {at}", f"{at:02}"[:1]) for at in range(25)]

    assert plotting.file(lines, LOSS, kind, size=SMALL)


def test_without_its_library_the_error_names_the_extra() -> None:
    code = """if True:
        import sys
        sys.modules["vl_convert"] = None
        from git_exp import errors, plotting
        from git_exp.chart import Dot, Form, Line
        line = Line(run="1", name="", dots=[Dot(0, 1)])
        try:
            plotting.file([line], Form(metric="a"), "svg", size=plotting.Size())
        except errors.UsageError as error:
            print(error, "|", error.hint)
    """

    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True)

    assert (done.stdout, done.stderr) == (
        "drawing SVG needs vl-convert-python | pip install 'git-exp[plot]'\n", "",
    )  # fmt: skip
