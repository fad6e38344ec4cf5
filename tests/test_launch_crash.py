"""What a program's output tells of its crash."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from git_exp.launch import crash

HEAD = "Traceback (most recent call last):\n"
FRAME = '  File "a.py", line 1, in <module>\n    f()\n    ^^^\n'


def test_the_last_traceback_is_the_one_that_ended_it() -> None:
    text = f"ok\n{HEAD}{FRAME}ValueError: one\nretrying\n{HEAD}{FRAME}a.b.Odd: two: three\nbye\n"

    found = crash.read(text.encode())

    assert found
    assert (found.type, found.message) == ("a.b.Odd", "two: three")
    assert found.traceback == f"{HEAD}{FRAME}a.b.Odd: two: three\nbye\n"


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        (f"{HEAD}{FRAME}KeyboardInterrupt\n", "KeyboardInterrupt", ""),
        (f"{HEAD}{FRAME}\n{FRAME}E: x\n", "E", "x"),
        (f"{HEAD}{FRAME}E: x".replace("\n", "\r\n"), "E", "x"),
        (f"\x1b[31m{HEAD}\x1b[0m{FRAME}\x1b[1mE\x1b[0m: x\n", "E", "x"),
        (f"{HEAD}{FRAME}E: caf\xe9\n", "E", "caf\xe9"),
    ],
)
def test_a_traceback_is_read_in_every_form(text: str, kind: str, message: str) -> None:
    found = crash.read(text.encode())

    assert found
    assert (found.type, found.message) == (kind, message)


@pytest.mark.parametrize(
    "text",
    ["", "all is well\n", HEAD, f"{HEAD}{FRAME}", f"said: {HEAD}{FRAME}E: x\n", f"{HEAD}??\n"],
)
def test_what_is_no_whole_traceback_is_none(text: str) -> None:
    assert crash.read(text.encode()) is None


def test_a_long_traceback_keeps_its_head_and_its_end() -> None:
    found = crash.read(f"{HEAD}{FRAME * 100}E: x\n".encode())

    assert found
    assert found.traceback
    lines = found.traceback.splitlines()
    assert len(lines) == 50
    assert lines[-1] == "E: x"


def test_bytes_that_are_no_text_are_quoted() -> None:
    found = crash.read(f"{HEAD}{FRAME}E: ".encode() + b"\xff\n")

    assert found
    assert found.message == '"\\377"'


def test_the_end_of_either_stream_is_looked_at(tmp_path: Path) -> None:
    assert crash.told_in(tmp_path, 1) is None
    (tmp_path / "stdout").write_text(f"{HEAD}{FRAME}E: out\n")
    found = crash.told_in(tmp_path, 1)
    assert found
    assert found.message == "out"
    (tmp_path / "stderr").write_text("x" * 100_000 + f"\n{HEAD}{FRAME}E: err\n")
    found = crash.told_in(tmp_path, 1)
    assert found
    assert found.message == "err"


GROUP = """\
  + Exception Group Traceback (most recent call last):
  |   File "a.py", line 1, in <module>
  |     f()
  | ExceptionGroup: two (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "a.py", line 2, in f
    | ValueError: a
    +---------------- 2 ----------------
    | TypeError: b
    +------------------------------------
"""


@pytest.mark.parametrize("before", ["", f"{HEAD}{FRAME}E: x\n\nDuring handling of it:\n\n"])
def test_a_group_of_exceptions_is_one(before: str) -> None:
    found = crash.read(f"{before}{GROUP}bye\n".encode())

    assert found
    assert (found.type, found.message) == ("ExceptionGroup", "two (2 sub-exceptions)")
    assert found.traceback == f"{GROUP}bye\n"


def test_what_python_writes_of_a_group_is_read() -> None:
    code = "raise ExceptionGroup('two', [ValueError('a'), ExceptionGroup('b', [KeyError(1)])])"

    found = crash.read(subprocess.run((sys.executable, "-c", code), capture_output=True).stderr)

    assert found
    assert (found.type, found.message) == ("ExceptionGroup", "two (2 sub-exceptions)")
    assert found.traceback
    assert "KeyError: 1" in found.traceback


def test_a_traceback_after_which_much_was_written_was_handled() -> None:
    assert crash.read(f"{HEAD}{FRAME}E: x\n".encode() + b"on\n" * 11) is None
    found = crash.read(f"{HEAD}{FRAME}E: x\n".encode() + b"on\n" * 10)
    assert found
    assert (found.traceback or "").endswith("E: x\n" + "on\n" * 10)


def test_with_another_exit_code_than_python_s_it_was_handled(tmp_path: Path) -> None:
    (tmp_path / "stderr").write_text(f"{HEAD}{FRAME}E: x\n")

    assert crash.told_in(tmp_path, 1)
    assert [crash.told_in(tmp_path, code) for code in (0, 2, 3, 130, 137)] == [None] * 5
    (tmp_path / "stderr").write_text(f"{HEAD}{FRAME}KeyboardInterrupt\n")
    assert crash.told_in(tmp_path, 130)


def test_what_is_very_long_is_cut() -> None:
    found = crash.read(f"{HEAD}{FRAME}{'  x' * 9_000}\nE: {'x' * 20_000}\n".encode())

    assert found
    assert found.message == "x" * 500 + "…"
    assert found.traceback
    assert max(map(len, found.traceback.splitlines())) == 501
