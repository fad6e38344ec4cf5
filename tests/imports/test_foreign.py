"""Words, times and files of others: what is taken of them, and what is not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from git_exp import values
from git_exp.imports import foreign

T = 1_767_323_045_000_000


@pytest.mark.parametrize(
    "said",
    [
        1767323045, 1767323045.0, 1767323045000, 1767323045000000, 1767323045000000000,
        "1767323045", "2026-01-02T03:04:05Z", "2026-01-02 03:04:05", "2026-01-01T22:04:05-05:00",
        " 2026-01-02T03:04:05.000000999Z\n",
    ],
)  # fmt: skip
def test_times_of_many_forms_are_microseconds(said: Any) -> None:
    assert foreign.moment(said) == T


@pytest.mark.parametrize(
    "said",
    [None, True, "", "now", -1, "-1", float("nan"), float("inf"), "1e99", [], "1969-12-31",
     "0001-01-01T00:00:00+23:00", "2026-02-30"],
)  # fmt: skip
def test_what_is_no_time_is_none(said: Any) -> None:
    assert foreign.moment(said) is None


def test_an_id_is_a_uuid_that_depends_on_the_source_and_its_words() -> None:
    found = [foreign.identified(*one) for one in (("a", "b"), ("a", "c"), ("b", "b"))]

    assert len(set(found)) == 3
    assert all(values.is_run_id(one) and one[14] == "4" for one in found)
    assert found[0] == "59b271ae-1bbc-41d3-9d41-929817f4b16f"


def test_text_is_read_only_of_small_regular_files_inside(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "away").write_text("x")
    (root / "large").write_bytes(b"x" * (foreign.TEXT + 1))
    (root / "odd").write_bytes(b"\xff")
    (root / "link").symlink_to("../away")
    os.mkfifo(root / "pipe")

    assert foreign.text(root / "odd", root) == "\udcff"
    for name in ("large", "link", "pipe", "nothing"):
        with pytest.raises(foreign.Unreadable):
            foreign.text(root / name, root)
