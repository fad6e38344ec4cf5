"""What every test of tasks begins with: nothing was executed yet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from git_exp import ambient
from tests import programs
from tests.task import tasks


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    """No run of a test is left to the end of all tests."""
    tasks.DONE.clear()
    yield
    programs.forget_runs()
    ambient.within.set(None)
