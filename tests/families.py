"""Families of alike cases: the first few run each day, all of them where the slow ones do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def few(count: int, cases: Iterable[Any]) -> list[Any]:
    """Cases of which all but the first are slow."""
    listed = list(cases)
    return [*listed[:count], *map(_slow, listed[count:])]


def _slow(case: Any) -> Any:
    if isinstance(case, type(pytest.param())):
        return pytest.param(*case.values, id=case.id, marks=[*case.marks, pytest.mark.slow])
    values = case if isinstance(case, tuple) else (case,)
    return pytest.param(*values, marks=pytest.mark.slow)
