"""Answers that are known beforehand: which are taken, and what is said of the others."""

from __future__ import annotations

from typing import Any

import pytest

from git_exp import Answers, Cancelled, errors
from git_exp.action.interaction import prefilled

CHOICES = ["HF Hub", "Local folder"]


@pytest.mark.parametrize(
    ("given", "answer"),
    [(word, True) for word in ("true", "YES", "1", "y", "Y", True)]
    + [(word, False) for word in ("false", "No", "0", "n", "FALSE", False)],
)
def test_a_checkbox_takes_the_words_for_yes_and_no_in_any_case(given: Any, answer: bool) -> None:
    assert Answers({"private": given}).checkbox("private", "Private?") is answer


@pytest.mark.parametrize("given", ["", "on", "2", "yes ", None, 1.0])
def test_a_checkbox_takes_no_other_word(given: Any) -> None:
    with pytest.raises(errors.BadAnswer, match=r"bad answer .* for 'private'"):
        Answers({"private": given}).checkbox("private", "Private?")


@pytest.mark.parametrize("given", ["hf hub", "HF", "", " HF Hub", "0", 0])
def test_a_choice_is_one_of_them_exactly(given: Any) -> None:
    with pytest.raises(errors.BadAnswer) as refused:
        Answers({"target": given}).choice("target", "Export to:", CHOICES)

    assert refused.value.hint == "it is one of 'HF Hub', 'Local folder'"


def test_a_text_is_anything_and_nothing_too() -> None:
    asked = Answers({"name": "", "note": "a=b\n"})

    assert asked.text("name", "Name:", default="my-model") == ""
    assert asked.text("note", "Note:") == "a=b\n"


@pytest.mark.parametrize("kind", ["choice", "checkbox", "text"])
def test_what_is_not_known_is_missing_and_named_by_the_option_that_gives_it(kind: str) -> None:
    asked: Any = Answers({"other": "x"})
    more = (CHOICES,) if kind == "choice" else ()

    with pytest.raises(errors.MissingAnswer) as refused:
        getattr(asked, kind)("the key", "Label:", *more)

    assert refused.value.hint == "give it: --set 'the key'=VALUE"
    assert asked.unused == ["other"]


def test_the_rest_is_asked_by_another() -> None:
    class Other:
        def choice(self, key: str, label: str, choices: Any) -> str:
            return str(choices[-1])

        def checkbox(self, key: str, label: str, *, default: bool = False) -> bool:
            return default

        def text(self, key: str, label: str, *, default: str = "") -> str:
            raise Cancelled

    asked = Answers({"target": "HF Hub"}, rest=Other())

    assert asked.choice("target", "Export to:", CHOICES) == "HF Hub"
    assert asked.choice("again", "Export to:", CHOICES) == "Local folder"
    assert asked.checkbox("private", "Private?", default=True) is True
    with pytest.raises(Cancelled):
        asked.text("name", "Name:")
    assert asked.given == {"target": "HF Hub", "again": "Local folder", "private": True}
    assert (asked.asked, asked.unused) == (["target", "again", "private", "name"], [])


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["a=b"], {"a": "b"}),
        (["a=b=c", "d="], {"a": "b=c", "d": ""}),
        (["a=1", "b=2", "a=3"], {"a": "3", "b": "2"}),
        (["a b= c "], {"a b": " c "}),
        ([], {}),
    ],
)
def test_words_split_at_the_first_equals_sign_and_the_last_of_a_key_counts(
    words: list[str], found: dict[str, str]
) -> None:
    assert prefilled(words) == found


@pytest.mark.parametrize("word", ["a", "", "=b", "="])
def test_a_word_without_key_or_equals_sign_is_refused(word: str) -> None:
    with pytest.raises(errors.UsageError, match="bad answer"):
        prefilled([word])


def test_a_broad_except_does_not_swallow_a_cancelled_question() -> None:
    assert not issubclass(Cancelled, Exception)
