"""git_exp.visible: text of others gives a terminal no orders."""

from __future__ import annotations

from git_exp.visible import escape


def test_plain_text_stays_as_it_is() -> None:
    assert escape("näive 表 [red]") == "näive 表 [red]"


def test_orders_become_signs() -> None:
    assert escape("\x1b[2J\x07\x7f\x9b\u202e\udce9") == "^[[2J^G^?\\x9b\\u202e\\udce9"


def test_what_nobody_sees_is_shown_and_joiners_stay() -> None:
    assert escape("a\u200bb\U000e0041\u2062\u034f\U000e0101") == (
        "a\\u200bb\\U000e0041\\u2062\\u034f\\U000e0101"
    )
    assert escape("👩\u200d💻 می\u200cشود") == "👩\u200d💻 می\u200cشود"


def test_what_is_kept_is_named() -> None:
    assert escape("a\tb\n\r", "\t\n") == "a\tb\n^M"
