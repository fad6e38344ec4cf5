"""git exp log on a terminal: the same runs at 80 and at 200 columns."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import pseudo_terminal
from tests.cli.conftest import Runs


@pytest.fixture
def many(repo: Path, runs: Runs) -> None:
    for number in range(1, 4):
        runs.add(
            f"a rather long name of {number}",
            f"x = {number}\n",
            params={"optimizer.lr": 10**-number, "schedule": ("cosine", "linear")[number % 2]},
            metrics={
                "val.loss": [2.0, 1 / number], "val.acc": [0.5, round(1 - 0.1**number, 9)],
                "time.step": [123456.789 * number],
            },
        )  # fmt: skip


def shown(columns: int) -> list[str]:
    words = ("git", "exp", "log", "--columns", COLUMNS)
    seen = pseudo_terminal.shown(words, GIT_PAGER="cat", COLUMNS=str(columns), NO_COLOR="1")
    return [line.rstrip() for line in re.sub("\r\n", "\n", seen).splitlines()]


COLUMNS = "id,mark,name,status,lr,schedule,val.loss,val.acc,min(time.step)"


def test_at_200_columns_everything_is_there(many: None) -> None:
    assert shown(200) == WIDE.splitlines()


def test_at_80_columns_long_words_give_way_and_ids_do_not(many: None) -> None:
    found = shown(80)

    assert found == NARROW.splitlines()
    assert max(map(len, found)) <= 80


WIDE = """\
ID           NAME                     STATUS       lr  schedule  val.loss  val.acc  min(time.step)
33333333  *  a rather long name of 3  finished  0.001    linear    0.3333    0.999          370370
22222222  *  a rather long name of 2  finished   0.01    cosine       0.5     0.99          246914
11111111  *  a rather long name of 1  finished    0.1    linear         1      0.9          123457
"""
NARROW = """\
ID           NAME   STATUS       lr  schedule  val.loss  val.acc  min(time.step)
33333333  *  a ra…  finished  0.001    linear    0.3333    0.999          370370
22222222  *  a ra…  finished   0.01    cosine       0.5     0.99          246914
11111111  *  a ra…  finished    0.1    linear         1      0.9          123457
"""
