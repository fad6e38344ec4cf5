"""git exp tui: how it starts and what it refuses; the interface itself is tested in tests/tui."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from git_exp import Experiment
from tests import pseudo_terminal
from tests.cli.conftest import Ask, Runs
from tests.conftest import Exp

pytestmark = pytest.mark.usefixtures("repo")
PATIENCE = 30.0


class Tmux:
    """A real terminal of 100 by 30, driven from outside."""

    def __init__(self, folder: Path, words: str) -> None:
        self._socket = folder / "tmux"
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", "sh")
        self.type(words, "Enter")

    def _tmux(self, *words: str) -> str:
        done = subprocess.run(
            ("tmux", "-S", str(self._socket), *words), capture_output=True, text=True, check=True
        )
        return done.stdout

    def type(self, *keys: str) -> None:
        self._tmux("send-keys", *keys)

    def until(self, words: str) -> str:
        """What is on the screen, once these words are."""
        return self._until(lambda shown: words in shown, words)

    def until_gone(self, words: str) -> str:
        """What is on the screen, once these words are not."""
        return self._until(lambda shown: words not in shown, f"no {words}")

    def _until(self, fits: Callable[[str], bool], what: str) -> str:
        end = time.monotonic() + PATIENCE
        while not fits(shown := self._tmux("capture-pane", "-p")):
            assert time.monotonic() < end, f"never saw {what!r}:\n{shown}"
            time.sleep(0.05)
        return shown

    def resize(self, width: int, height: int) -> None:
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    def end(self) -> None:
        self._tmux("kill-server")


@pytest.fixture
def tmux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tmux]:
    assert shutil.which("tmux"), "tmux is not installed"
    monkeypatch.setenv("TERM", "xterm-256color")
    # It would be believed more than the terminal.
    monkeypatch.delenv("COLUMNS")
    # The path of a socket is short.
    made = Tmux(Path(os.path.relpath(tmp_path)), "git exp tui")
    yield made
    made.end()


def test_where_no_terminal_is_it_refuses(runs: Runs, exp: Exp) -> None:
    runs.add("base")

    done = exp("tui", code=2)

    assert done.stdout == ""
    assert done.stderr == "error: tui needs a terminal\nhint: list runs: git exp log\n"


def test_a_wrong_expression_is_told_before_anything_is_shown(runs: Runs) -> None:
    runs.add("base")

    shown = pseudo_terminal.shown(("git", "exp", "tui", "--where", "lr <"))

    assert "bad expression" in shown
    assert "\x1b[?1049h" not in shown


def test_without_textual_it_says_what_to_install(runs: Runs) -> None:
    runs.add("base")
    code = (
        "import sys; sys.modules['textual'] = None; sys.argv = ['git-exp', 'tui'];"
        "from git_exp.__main__ import main; sys.exit(main())"
    )

    shown = pseudo_terminal.shown((sys.executable, "-c", code), TERM="dumb")

    assert shown == (
        "error: the terminal interface needs textual\nhint: pip install 'git-exp[tui]'\n"
    )


def test_its_page_names_its_keys(ask: Ask) -> None:
    said = ask("tui", "-h")

    assert "--where" in said.out


@pytest.mark.slow
def test_on_a_real_terminal(runs: Runs, tmp_path: Path, tmux: Tmux) -> None:
    runs.add("base", params={"lr": 0.1}, metrics={"acc": [0.1, 0.5]})
    runs.add("wide", "lr = 2\n", params={"lr": 0.2}, metrics={"acc": [0.2, 0.9]})

    tmux.until("wide")
    assert "base" in tmux.until("2 runs")
    with Experiment("live", repo=tmp_path / "repo") as exp:
        exp.track({"acc": 0.777})
        tmux.until("0.777")
        tmux.until("running")
    tmux.until("3 runs")

    tmux.type("/")
    tmux.until("acc > 0.9 and lr")
    tmux.type("-l", "acc > 0.8")
    tmux.until("1 run,")
    shown = tmux.until_gone("base")
    assert "wide" in shown
    tmux.type("Escape")
    tmux.until("3 runs")

    tmux.type("g", "j", "3")
    tmux.until("+lr = 2")
    tmux.resize(60, 12)
    tmux.type("Enter")
    tmux.until("+lr = 2")
    tmux.resize(100, 30)
    tmux.until("AGE")
    tmux.type("o")
    tmux.until("Check out run 22222222 'wide'?")
    tmux.type("k", "Enter")
    tmux.until("HEAD is now at")
    assert (tmp_path / "repo/train.py").read_text() == "lr = 2\n"

    tmux.type("q")
    # What was on the terminal before is there again.
    tmux.until("git exp tui")
    tmux.type("-l", "echo left with $?")
    tmux.type("Enter")
    tmux.until("left with 0")
