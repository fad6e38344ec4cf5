"""The questions of README, which are those of exprag's users: one command each, and its answer."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from git_exp import Experiment
from tests.conftest import Exp

README = Path(__file__).parent.parent / "README.md"
Git = Callable[..., str]
# Accuracy, validation accuracy and loss by learning rate and batch size.
RUNS = (
    ("slow", 0.001, 16, 0.7, 0.66, 0.9),
    ("wide", 0.01, 32, 0.95, 0.93, 0.3),
    ("quick", 0.3, 64, 0.91, 0.94, 0.2),
    ("wild", 3.0, 64, 0.1, 0.11, 7.5),
)


def commands() -> dict[str, str]:
    """The questions of README, and how each is asked."""
    section = README.read_text().partition("\n## Questions\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| ([^|]+[.?]) \| `git exp ([^`]+)` \|$", section, re.M))


@pytest.fixture
def asked(repo: Path, git: Git, exp: Exp) -> Callable[[str], str]:
    """Four runs, each with an edit of its own that is gone; ask by the words of a question."""
    for name, lr, size, acc, val, loss in RUNS:
        (repo / "train.py").write_text(f"lr = {lr}\n")
        params = {"lr": lr, "batch_size": size}
        with Experiment(name, params=params, repo=repo) as run:
            run.track({"acc": acc / 2, "val_acc": val / 2, "loss": loss * 2}, step=0)
            run.track({"acc": acc, "val_acc": val, "loss": loss}, step=1)
    git("checkout", "-q", "train.py")

    def ask(words: str) -> str:
        (command,) = [line for question, line in commands().items() if words in question]
        return exp(*shlex.split(command)).stdout

    return ask


def test_every_question_is_here() -> None:
    source = Path(__file__).read_text()

    assert len(commands()) == 15
    for question in commands():
        assert any(words in question for words in re.findall(r'asked\("([^"]+)"\)', source))


def test_back_to_the_best_and_back_again(asked: Callable[[str], str], repo: Path) -> None:
    (repo / "train.py").write_text("lr = 99\n")

    asked("The last attempt")
    assert (repo / "train.py").read_text() == "lr = 0.01\n"
    asked("And back to what")
    assert (repo / "train.py").read_text() == "lr = 99\n"


def test_what_led_to_the_best(asked: Callable[[str], str]) -> None:
    assert re.search(r"\* [0-9a-f]{8} wide finished acc=0.95", asked("What led to"))


def test_what_was_tried_so_far(asked: Callable[[str], str]) -> None:
    said = asked("What was tried so far")

    assert len(said) <= 3_200
    assert re.search(r"^Best: [0-9a-f]{8} ", said, re.M)


def test_the_best_validation_accuracy(asked: Callable[[str], str]) -> None:
    assert " quick " in asked("best validation accuracy?")


def test_the_best_of_the_last_two_weeks(asked: Callable[[str], str]) -> None:
    assert " wide " in asked("of the last two weeks")


def test_learning_rates_above_ninety_percent(asked: Callable[[str], str]) -> None:
    assert asked("learning rates") == "  lr   acc\n0.01  0.95\n 0.3  0.91\n"


def test_what_changed_between_the_latest_two(asked: Callable[[str], str]) -> None:
    said = asked("latest two runs")

    assert "-lr = 0.3\n+lr = 3.0\n" in said
    assert re.search(r"^lr +0\.3 +3\.0$", said, re.M)
    assert re.search(r"^acc +0\.91 +0\.1 +-0\.81$", said, re.M)


def test_the_best_against_the_latest(asked: Callable[[str], str]) -> None:
    said = asked("Compare the best run")

    assert "wide" in said
    assert "wild" in said
    assert re.search(r"^acc +0\.95\S* +0\.1$", said, re.M)


def test_why_the_best_won(asked: Callable[[str], str]) -> None:
    said = asked("Why did")

    assert "quick" in said
    assert "+lr = 0.3" in said
    assert re.search(r"^val_acc +0\.47 +0\.94 +1 +0\.94", said, re.M)


def test_the_history_of_a_metric(asked: Callable[[str], str]) -> None:
    (line,) = json.loads(asked("history of the loss"))["lines"]

    assert line["name"] == "wide"
    assert [point["y"] for point in line["points"]] == [0.6, 0.3]


def test_the_best_runs_code_against_that_of_now(asked: Callable[[str], str]) -> None:
    assert "-lr = 0.3\n+print('METRIC acc=0.5')\n" in asked("mine of now")


def test_whether_this_code_has_run(repo: Path, exp: Exp, asked: Callable[[str], str]) -> None:
    code = "print('METRIC acc=0.5')\n"
    (repo / "train.py").write_text(code)
    exp("run", "-n", "again", "python3", "train.py")

    assert "again" in asked("Has this very code")


def test_back_to_the_lowest_loss(repo: Path, asked: Callable[[str], str]) -> None:
    asked("lowest loss")

    assert (repo / "train.py").read_text() == "lr = 0.3\n"


def test_the_code_of_one_run(repo: Path, exp: Exp, asked: Callable[[str], str]) -> None:
    exp("rename", "slow", "X")

    asked("The code of run X")

    assert (repo / "train.py").read_text() == "lr = 0.001\n"
