"""Names of runs: which can be, and those made up."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_exp import errors, names


@pytest.mark.parametrize(
    "name",
    ["baseline", "with space", "é 漢字 🙂", "a-b@c", "~1", "x" * 200, " padded ", "esc\x1b[31m"],
)
def test_one_line_of_text_is_a_name(name: str) -> None:
    assert names.checked(name) == name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "cannot be blank"),
        (" \t", "cannot be blank"),
        ("-x", "cannot start with '-'"),
        ("@x", "cannot start with '@'"),
        ("a\nb", "is one line"),
        ("a\n", "is one line"),
        ("a\r", "is one line"),
        ("a\x0b", "is one line"),
        ("a\x85", "is one line"),
        ("a\u2028b", "is one line"),
        ("a\0b", "is one line"),
        ("x" * 201, "at most 200 characters, not 201"),
        (5, "is text, not int"),
        (b"x", "is text, not bytes"),
    ],
)
def test_what_cannot_be_a_name_is_refused(name: str, said: str) -> None:
    with pytest.raises(errors.BadName, match=said) as caught:
        names.checked(name)

    assert isinstance(caught.value, ValueError)
    assert caught.value.exit_code == 2


@given(st.uuids(version=4))
def test_a_made_up_name_is_a_name_and_the_same_for_the_same_id(run_id: uuid.UUID) -> None:
    name = names.made_up(str(run_id))

    assert names.checked(name) == name
    assert name == names.made_up(str(run_id))


def test_made_up_names_differ() -> None:
    made = {names.made_up(str(uuid.UUID(int=number * 7919**9 % 2**128))) for number in range(500)}

    assert len(made) > 490
