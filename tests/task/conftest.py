"""What every test of tasks begins with: nothing was executed yet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from git_exp import ambient, endings, tracking
from tests.task import tasks


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    """No run of a test is left to the end of all tests."""
    tasks.DONE.clear()
    yield
    for left in list(endings._process.unfinished):
        left._end("finished")
        endings.forget(left)
    tracking._said.clear()
    tracking._joined.clear()
    ambient.within.set(None)
