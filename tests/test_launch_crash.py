"""What a program's output tells of its crash."""

from __future__ import annotations

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
    assert found.traceback == f"{HEAD}{FRAME}a.b.Odd: two: three\n"


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
    assert crash.told_in(tmp_path) is None
    (tmp_path / "stdout").write_text(f"{HEAD}{FRAME}E: out\n")
    found = crash.told_in(tmp_path)
    assert found
    assert found.message == "out"
    (tmp_path / "stderr").write_text("x" * 100_000 + f"\n{HEAD}{FRAME}E: err\n")
    found = crash.told_in(tmp_path)
    assert found
    assert found.message == "err"
