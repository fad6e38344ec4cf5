"""What a command answers: to a terminal, to a pager, to a pipe."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from git_exp.cli import documents, output
from git_exp.cli.documents import Kind
from git_exp.cli.output import Column, Piece
from tests.conftest import Exp
from tests.pseudo_terminal import Screen, shown

TABLE = """
from git_exp.cli import output, terminal
import click
@click.command()
def command():
    output.table([output.Column("name", "bold"), output.Column("acc", right=True)],
                 [["naïve", output.Piece("0.5", "green")], ["漢字", "10"],
                  ["\\x1b[31m" + "x" * 90, "1"]])
command(standalone_mode=False)
"""


PAGER = """
trap '' INT HUP; cat; echo END
read -r line </dev/tty; sleep 1; echo got:$line; read -r line </dev/tty
"""


class Point(msgspec.Struct):
    """A value with a number that JSON does not have."""

    x: float
    note: str = ""


class Whole(msgspec.Struct):
    """A document."""

    z: object
    a: object


class Nothing(msgspec.Struct):
    """A document without fields."""


@pytest.fixture
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """These two are kinds of documents too."""
    known = {"x": Kind("x:Whole", 2), "nothing": Kind("x:Nothing")}
    monkeypatch.setattr(documents, "KINDS", known)
    for cls in (Whole, Nothing):
        monkeypatch.setattr(cls, "__module__", "git_exp.x")


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        ("plain é 漢", "plain é 漢"),
        ("\x1b[31mred", "^[[31mred"),
        ("a\tb\nc\r", "a^Ib^Jc^M"),
        ("\x00\x7f\x9b", "^@^?\\x9b"),
        ("\u202eevil\u2066\u200f", "\\u202eevil\\u2066\\u200f"),
        ("\ud800", "\\ud800"),
    ],
)
def test_no_text_reaches_a_terminal_as_an_order(text: str, visible: str) -> None:
    assert output.escape(text) == visible


def test_line_feeds_and_tabs_stay_where_they_are_asked_to() -> None:
    assert output.escape("a\tb\n\x07", keep="\t\n") == "a\tb\n^G"


@pytest.mark.usefixtures("kinds")
def test_a_document_begins_with_its_schema_and_keeps_the_order_of_keys(
    capfd: pytest.CaptureFixture[str],
) -> None:
    output.document("x", Whole(z=1, a=Point(x=2.0)))

    assert capfd.readouterr().out == '{"schema":"git-exp/x/2","z":1,"a":{"x":2.0,"note":""}}\n'


@pytest.mark.usefixtures("kinds")
def test_numbers_that_json_lacks_are_the_three_strings(capfd: pytest.CaptureFixture[str]) -> None:
    output.document("x", Whole(z=[math.nan, Point(x=math.inf)], a={"c": -math.inf, "d": None}))

    assert capfd.readouterr().out == (
        '{"schema":"git-exp/x/2","z":["NaN",{"x":"Infinity","note":""}],'
        '"a":{"c":"-Infinity","d":null}}\n'
    )


def test_json_has_no_control_characters_and_says_the_same(
    capfd: pytest.CaptureFixture[str],
) -> None:
    text = "\x1b\x7f\x9b\u202e é\U000e0041\u200b"

    output.json_lines([{"a": text}, 1])

    first, second, end = capfd.readouterr().out.split("\n")
    assert (json.loads(first), second, end) == ({"a": text}, "1", "")
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202e\u200b\U000e0041]", first)


@pytest.mark.usefixtures("kinds")
def test_a_document_is_of_the_kind_that_it_was_promised_to_be() -> None:
    with pytest.raises(AssertionError):
        output.document("x", Nothing())


@pytest.mark.usefixtures("kinds")
def test_an_empty_document_is_its_schema(capfd: pytest.CaptureFixture[str]) -> None:
    output.document("nothing", Nothing())

    assert capfd.readouterr().out == '{"schema":"git-exp/nothing/1"}\n'


def test_csv_is_exact_when_it_is_piped(capfd: pytest.CaptureFixture[str]) -> None:
    output.csv(["id", "what"], [["a", 'say "no"\n'], [None, math.nan], [1.5, {"k": [1]}]])

    assert capfd.readouterr().out == 'id,what\na,"say ""no""\n"\n,NaN\n1.5,"{""k"":[1]}"\n'


def test_bytes_are_exact_when_they_are_piped(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    output.raw(b"\xff\x1b[31m\n")

    assert capfdbinary.readouterr().out == b"\xff\x1b[31m\n"


def test_a_piped_table_is_aligned_text_and_nothing_is_shortened(
    capfd: pytest.CaptureFixture[str],
) -> None:
    long = "x" * 200
    columns = [Column("name", "bold"), Column("acc", right=True), Column("note")]

    output.table(columns, [["漢字", Piece("0.5", "red"), long], ["b", "10", ""]])

    assert capfd.readouterr().out == f"name  acc  note\n漢字  0.5  {long}\nb      10\n"


def test_a_piped_table_of_odd_text_is_aligned_by_what_is_seen(
    capfd: pytest.CaptureFixture[str],
) -> None:
    columns = [Column("a", right=True), Column("b\x1b"), Column("c")]

    output.table(columns, [["漢字", "e\u0301", "1"], ["\x07", "\x9b", "2"], ["", "plain", "3"]])

    assert capfd.readouterr().out == (
        "   a  b^[    c\n漢字  e\u0301      1\n  ^G  \\x9b   2\n      plain  3\n"
    )


def test_a_piped_table_is_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(sys.stdout, "write", written.append)

    output.table([Column("a"), Column("b")], [["x", "y"]] * 1_000)

    assert [text.count("\n") for text in written] == [1_001]


def test_a_piped_table_does_not_import_rich() -> None:
    code = TABLE + "\nimport sys\nassert 'rich' not in sys.modules"

    assert subprocess.run((sys.executable, "-c", code), stdout=subprocess.DEVNULL).returncode == 0


def test_a_table_on_a_terminal_is_coloured_and_fits() -> None:
    seen = shown((sys.executable, "-c", TABLE), GIT_PAGER="cat", COLUMNS="40")

    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in seen.splitlines()]
    assert "\x1b[32m0.5" in seen
    assert lines[3].startswith("^[[31mxxx")
    assert lines[3].rstrip().endswith("…    1")
    assert all(len(line) <= 40 for line in lines)


@pytest.mark.parametrize("quiet", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colours_can_be_turned_off_by_the_environment(quiet: dict[str, str]) -> None:
    assert "\x1b" not in shown((sys.executable, "-c", TABLE), GIT_PAGER="cat", **quiet)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "coloured"),
    [
        ([], True),
        (["-c", "color.ui=never"], False),
        (["-c", "color.ui=false"], False),
        (["-c", "color.exp=never"], False),
        (["-c", "color.ui=never", "-c", "color.exp=auto"], True),
    ],
)
def test_colours_follow_gits_configuration(config: list[str], coloured: bool, a_run: Path) -> None:
    assert ("\x1b[" in shown(("git", *config, "exp", "log"), GIT_PAGER="cat")) is coloured


def test_piped_output_has_no_colours_whatever_is_configured(a_run: Path) -> None:
    words = ("git", "-c", "color.ui=always", "-c", "color.exp=always", "exp", "log")

    done = subprocess.run(words, capture_output=True, text=True)

    assert "baseline" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "env"),
    [
        (["-c", "core.pager=sed s/^/PAGED:/"], {}),
        (["-c", "core.pager=false"], {"GIT_PAGER": "sed s/^/PAGED:/"}),
        ([], {"PAGER": "sed s/^/PAGED:/"}),
    ],
)
def test_a_table_goes_through_the_users_pager(
    config: list[str], env: dict[str, str], a_run: Path
) -> None:
    seen = shown(("git", *config, "exp", "log"), **env)

    assert re.search(r"^PAGED:.*ID", seen)
    assert "\x1b[33m" in seen, "the pager's reader sees colours"


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("git", "--no-pager", "exp", "log"),
        ("git", "exp", "--no-pager", "log"),
        ("git", "exp", "-P", "log"),
        ("git", "-c", "pager.exp=false", "exp", "log"),
        ("git-exp", "-P", "log"),
    ],
)
def test_the_pager_can_be_left_out(words: tuple[str, ...], a_run: Path) -> None:
    seen = shown(words, PAGER="sed s/^/PAGED:/")

    assert "baseline" in seen
    assert "PAGED" not in seen


def test_piped_output_never_meets_the_pager(a_run: Path, exp: Exp) -> None:
    done = subprocess.run(
        ("git", "-c", "core.pager=false", "exp", "log"), capture_output=True, text=True
    )

    assert "baseline" in done.stdout


def test_a_pager_that_is_not_installed_is_done_without(a_run: Path) -> None:
    assert "baseline" in shown(("git", "exp", "log"), GIT_PAGER="no-such-pager")


@pytest.mark.slow
def test_the_pager_outlives_the_command_and_is_waited_for(a_run: Path) -> None:
    with Screen(("git-exp", "log"), GIT_PAGER=PAGER) as screen:
        screen.until("END")
        screen.type("\x03")
        screen.type("word\n")
        screen.until("got:word")

        assert screen.program.poll() is None
        screen.type("\n")
        screen.rest()
        assert screen.program.returncode == 0


def test_on_a_terminal_errors_are_coloured_and_json_is_indented(a_run: Path) -> None:
    assert "\x1b[1;31mfatal:\x1b[m no run" in shown(("git", "exp", "show", "zz"))
    assert '{\n  "schema": "git-exp/log/1",\n' in shown(("git", "-P", "exp", "log", "--json"))


def test_the_colours_of_errors_follow_gits_configuration_too(a_run: Path) -> None:
    assert "\x1b" not in shown(("git", "-c", "color.ui=never", "exp", "show", "zz"))


def test_text_of_a_run_is_escaped_on_a_terminal_whatever_shows_it(repo: Path, exp: Exp) -> None:
    _record("evil \x1b[31m\u202e")

    seen = shown(("git", "-P", "exp", "log")) + shown(("git", "-P", "exp", "log", "--csv"))

    assert "evil ^[[31m\\u202e" in seen
    assert "\x1b[31m\u202e" not in seen


@pytest.fixture
def a_run(repo: Path) -> Path:
    """The repository with a run called baseline."""
    _record("baseline")
    return repo


def _record(name: str) -> None:
    code = f"from git_exp import Experiment; Experiment({name!r}).finish()"
    subprocess.run((sys.executable, "-c", code), check=True)
