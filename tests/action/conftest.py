"""For tests of actions: a program that registers some, and what its run holds."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

STUDY = """
from git_exp import Action, Experiment, Param

class Say(Action):
    word: Param[str]

    def describe(self):
        return f"Say {self.word}"

    def execute(self, interaction):
        print("saying", self.word, "of", self.of_run.name)
        if interaction.checkbox("loud", "Loud?"):
            print(self.word.upper(), interaction.text("to", "To whom?", default="all"))
        print(interaction.choice("how", "How?", ["now", "later"]))

class Fail(Action):
    def execute(self, interaction):
        raise ValueError("no\\nway")

with Experiment("study") as exp:
    said = exp.add_action(Say(word="hello"))
    assert exp.add_action(Say(word="hello")) == said
    exp.add_action(Fail())
print("this line is the program's own")
"""
Study = Callable[..., None]


@pytest.fixture
def study(repo: Path) -> Study:
    """Run the program that registers actions, as a script of the repository."""

    def run(text: str = STUDY, name: str = "study.py") -> None:
        (repo / name).write_text(text)
        done = subprocess.run((sys.executable, name), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    return run
