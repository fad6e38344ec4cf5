"""Trailers of a message that is about to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from git_exp.git import trailers
from tests.world import World


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("subject\n", "subject\n\nKey: a b\n"),
        ("subject", "subject\n\nKey: a b\n"),
        ("subject\n\nKey: a b\n", "subject\n\nKey: a b\n"),
        ("subject\n\nSigned-off-by: Bo\n", "subject\n\nSigned-off-by: Bo\nKey: a b\n"),
        ("", "\n\nKey: a b\n"),
        ("\n# comment\n", "\n\nKey: a b\n# comment\n"),
        ("one\n---\ntwo\n\n# comment\n", "one\n---\ntwo\n\nKey: a b\n\n# comment\n"),
        ("caf\udce9\n", "caf\udce9\n\nKey: a b\n"),
    ],
)
def test_a_trailer_finds_its_place(tmp_path: Path, before: str, after: str) -> None:
    repo = World(tmp_path / "a repo").repo()
    message = tmp_path / "message"
    message.write_text(before, errors="surrogateescape")

    trailers.add(repo, message, ["Key: a b"])

    assert message.read_text(errors="surrogateescape") == after


def test_values_of_a_key_are_read(tmp_path: Path) -> None:
    message = tmp_path / "message"
    message.write_text("subject\n\nExp-Run: a acc=1\nexp-run:b\n# Exp-Run: c\nOther: d\n")

    assert trailers.values(message, "Exp-Run") == ["a acc=1", "b"]
