"""tests.examples: what hypothesis tries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.internal.conjecture import providers


def drawn() -> list[Any]:
    found: list[Any] = []

    @given(st.text(max_size=20), st.integers(), st.floats())
    def draw(text: str, number: int, part: float) -> None:
        found.append((text, number, repr(part)))

    draw()
    return found


def test_what_is_tried_is_the_same_whichever_modules_are_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = drawn()
    names = "".join(f"A{at} = 'constant {at}', {at * 777_777}, {at}.375\n" for at in range(300))
    (tmp_path / "loaded_later.py").write_text(names)
    monkeypatch.syspath_prepend(tmp_path)
    __import__("loaded_later")

    assert drawn() == before


def test_the_constants_of_our_modules_are_tried() -> None:
    assert "refs/notes/exp" in providers._get_local_constants().strings
