"""git_exp.launch.keeper: a pty whose output is copied for as long as anybody writes."""

from __future__ import annotations

import os
import termios
import threading
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from git_exp.launch import keeper


class Pty:
    """A pty with something to say, and the lifeline of a git-exp that was killed."""

    def __init__(self, said: bytes) -> None:
        self.master, self.slave = os.openpty()
        self.lifeline, ours = os.pipe()
        os.close(ours)
        os.set_blocking(self.master, False)
        os.write(self.slave, said)

    def keep(self, target: int, keyboard: int | None, cooked: list[Any]) -> None:
        keeper.keep(
            master=self.master,
            target=target,
            lifeline=self.lifeline,
            keyboard=keyboard,
            cooked=cooked,
        )

    def close(self) -> None:
        os.close(self.master)
        os.close(self.lifeline)


@pytest.fixture
def kept() -> Iterator[Pty]:
    made = Pty(b"one\n")
    yield made
    made.close()


def test_it_copies_until_nobody_can_write(tmp_path: Path, kept: Pty) -> None:
    with (tmp_path / "stdout").open("wb") as target:
        copy = threading.Thread(target=kept.keep, args=(target.fileno(), None, []))
        copy.start()
        os.write(kept.slave, b"two\n")
        os.close(kept.slave)
        copy.join()

    assert (tmp_path / "stdout").read_bytes() == b"one\r\ntwo\r\n"


def test_a_raw_terminal_that_nobody_looks_after_is_put_back(tmp_path: Path, kept: Pty) -> None:
    keys, terminal = os.openpty()
    cooked = termios.tcgetattr(terminal)
    tty.setraw(terminal)
    keyboard = os.dup(terminal)
    os.close(kept.slave)

    with (tmp_path / "stdout").open("wb") as target:
        kept.keep(target.fileno(), keyboard, cooked)

    assert termios.tcgetattr(terminal) == cooked
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(keyboard)
    os.close(keys)
    os.close(terminal)


def test_a_terminal_that_has_a_shell_again_is_left_alone(tmp_path: Path, kept: Pty) -> None:
    keys, terminal = os.openpty()
    cooked = termios.tcgetattr(terminal)
    tty.setcbreak(terminal)
    of_shell = termios.tcgetattr(terminal)
    os.close(kept.slave)

    with (tmp_path / "stdout").open("wb") as target:
        kept.keep(target.fileno(), os.dup(terminal), cooked)

    assert termios.tcgetattr(terminal) == of_shell
    os.close(keys)
    os.close(terminal)


def test_it_goes_on_when_disk_and_terminal_are_gone(kept: Pty) -> None:
    os.close(kept.slave)

    with open("/dev/full", "wb", buffering=0) as full, open(os.devnull) as terminal:
        kept.keep(full.fileno(), os.dup(terminal.fileno()), [])

    with pytest.raises(OSError, match="Input/output error"):
        os.read(kept.master, 1)
