"""A chart as text: golden drawings, and any values at any size."""

from __future__ import annotations

import math
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from git_exp import sketch
from git_exp.chart import Dot, Form, Line
from git_exp.sketch import Size

FALL = [Dot(at, math.exp(-at / 15)) for at in range(60)]
RISE = [Dot(at, 0.2 + at / 100) for at in range(60)]
LOSS = Form(metric="loss")
SIZE = Size(60, 16)


def a_line(dots: list[Dot], name: str = "base", sign: str = "1") -> Line:
    return Line(run=f"{sign * 8}-0000", name=name, dots=dots)


def drawn(*lines: Line, form: Form = LOSS, size: Size = SIZE, dotted: bool = False) -> str:
    rows = sketch.rows(lines, form, size, dotted=dotted)
    return "".join("".join(span.text for span in row) + "\n" for row in rows)


def test_one_line_is_drawn_with_stars() -> None:
    assert (
        drawn(a_line(FALL))
        == """\
loss
1.0 +**
    | **
    |   **
    |    ***
    |      ***
0.5 +        ***
    |           ***
    |              ****
    |                 ******
    |                       **********
    |                                ***********************
    ++-----------------+------------------+-----------------
     0                20                 40
                              step
* 11111111 base
"""
    )


def test_several_lines_have_a_letter_each_and_a_legend() -> None:
    assert (
        drawn(a_line(FALL), a_line(RISE, "wide", "2"))
        == """\
loss
1.0 +aa
    | aaa
    |   aa                                           bbbbbbb
    |     aaa                               bbbbbbbbb
    |       aaa                  bbbbbbbbbbb
0.5 +         aaaa      bbbbbbbbbb
    |          bbbbbbbbbb
    | bbbbbbbbb      aaaaaa
    |b                     aaaaaaaaaa
    |                               aaaaaaaaaaaaaaaaaaaaaaaa
    ++-----------------+------------------+-----------------
     0                20                 40
                              step
a 11111111 base
b 22222222 wide
"""
    )


def test_on_a_terminal_lines_are_dots_in_colours() -> None:
    rows = sketch.rows([a_line(FALL), a_line(RISE, "wide", "2")], LOSS, SIZE, dotted=True)

    assert (
        drawn(a_line(FALL), a_line(RISE, "wide", "2"), dotted=True)
        == """\
loss
1.0 ┤⠱⡀
    │ ⠈⠢⡀
    │   ⠑⢄                                           ⣀⣀⠤⠤⠔⠒⠊
    │     ⠑⢄⡀                               ⣀⡠⠤⠤⠔⠒⠊⠉⠉
    │       ⠈⠢⡀                  ⢀⣀⣀⡠⠤⠤⠒⠒⠉⠉⠉
0.5 ┤         ⠈⠒⠤⣀      ⢀⣀⣀⠤⠤⠒⠒⠒⠉⠁
    │          ⣀⣀⣀⠭⠶⢖⡒⠊⠉⠁
    │ ⣀⣀⡠⠤⠔⠒⠒⠊⠉      ⠈⠑⠒⠢⢄⣀
    │⠉                     ⠉⠉⠒⠒⠤⠤⢄⣀⣀⡀
    │                               ⠈⠉⠉⠉⠒⠒⠒⠒⠢⠤⠤⠤⠤⠤⠤⠤⠤⣀⣀⣀⣀⣀⣀⣀
    └┬─────────────────┬──────────────────┬─────────────────
     0                20                 40
                              step
⣀⣀ 11111111 base
⣀⣀ 22222222 wide
"""
    )
    assert {span.style for row in rows[1:-5] for span in row} == {"", "green", "yellow"}
    assert [row[0] for row in rows[-2:]] == [("⣀⣀", "green"), ("⣀⣀", "yellow")]


def test_a_gap_is_not_bridged_and_a_lone_value_is_seen() -> None:
    dots = [Dot(0, 1), Dot(1, 1), Dot(2, None), Dot(3, 1), Dot(4, None), Dot(5, 1), Dot(6, 1)]

    row = next(row for row in drawn(a_line(dots), size=Size(40, 12)).splitlines() if "*" in row)

    assert [bool(piece.strip("+ |1.0")) for piece in row.split("  ") if "*" in piece] == [True] * 3


def test_a_single_value_is_drawn_in_the_middle() -> None:
    rows = drawn(a_line([Dot(5, 0.5)]), size=Size(40, 12)).splitlines()

    at = next(at for at, row in enumerate(rows) if "*" in row)
    assert rows[at].count("*") == 1
    assert at in (3, 4, 5)


def test_more_lines_than_letters_and_colours_are_drawn_too() -> None:
    lines = [a_line(FALL, f"run {at}", str(at % 10)) for at in range(60)]

    rows = sketch.rows(lines, LOSS, Size(80, 80), dotted=False)

    assert [span.text for span in rows[-1]] == ["h", " 99999999 run 59"]


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20),
    st.integers(1, 200),
    st.integers(1, 60),
)
def test_any_values_fit_any_size(values: list[float], width: int, height: int) -> None:
    line = a_line([Dot(at, value) for at, value in enumerate(values)], "")

    rows = drawn(line, size=Size(width, height)).splitlines()

    assert any("*" in row for row in rows[:-1])
    assert len(rows) == max(height, 10)
    assert all(len(row) <= max(width, 24) for row in rows)


def test_without_plotille_the_error_names_the_extra() -> None:
    code = """if True:
        import sys
        sys.modules["plotille"] = None
        from git_exp import errors, sketch
        from git_exp.chart import Dot, Form, Line
        line = Line(run="1", name="", dots=[Dot(0, 1)])
        try:
            sketch.rows([line], Form(metric="a"), sketch.Size(80, 24), dotted=False)
        except errors.UsageError as error:
            print(error, "|", error.hint)
    """

    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True)

    assert (done.stdout, done.stderr) == (
        "drawing in a terminal needs plotille | pip install 'git-exp[plot]'\n", "",
    )  # fmt: skip
