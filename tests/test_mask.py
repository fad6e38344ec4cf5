"""Secrets: what of a command line and of URLs is not recorded."""

from __future__ import annotations

import pytest

from git_exp import mask

TABLE = [
    ("--api-key abc", "--api-key ***"),
    ("--api_key abc --lr 0.1", "--api_key *** --lr 0.1"),
    ("--key=abc", "--key=***"),
    ("--token abc def", "--token *** def"),
    ("-token abc", "-token ***"),
    ("--HF_TOKEN=abc", "--HF_TOKEN=***"),
    ("--client-secret abc", "--client-secret ***"),
    ("--password abc", "--password ***"),
    ("--password-file secret.txt", "--password-file ***"),
    ("--db.password=a=b", "--db.password=***"),
    ("--passwd abc", "--passwd ***"),
    ("WANDB_API_KEY=abc python", "WANDB_API_KEY=*** python"),
    ("+db.password=abc ++auth.token=abc", "+db.password=*** ++auth.token=***"),
    ("~api_key=abc", "~api_key=***"),
    ("--token --lr 0.1", "--token --lr 0.1"),
    ("--token -abc", "--token ***"),
    ("--token", "--token"),
    ("--tokenizer gpt2 --max-tokens 3 --keys a --secretary b", None),
    ("train.py --lr 0.1 key token secret", None),
    ("https://ada:abc@host/x?y=1", "https://***@host/x?y=1"),
    ("--remote=https://abc@host/x", "--remote=https://***@host/x"),
    ("https://ada:p@ss@host/x", "https://***@host/x"),
    ("postgresql+psycopg2://ada:abc@db:5432/x", "postgresql+psycopg2://***@db:5432/x"),
    ("https://host/@ada git@host:x ada@host", None),
    ("https://host/x?a=1&access_token=abc&b=2#c", "https://host/x?a=1&access_token=***&b=2#c"),
    ("--out https://host/x?sort_key=abc", "--out https://host/x?sort_key=***"),
    ("--urls https://a:b@x,https://c:d@y", "--urls https://***@x,https://***@y"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "kept"), TABLE, ids=[given for given, _ in TABLE])
def test_the_values_of_secrets_are_masked_and_nothing_else(given: str, kept: str | None) -> None:
    masked = mask.argv(given.split())

    assert " ".join(masked) == (given if kept is None else kept)


def test_words_with_spaces_and_line_feeds_are_one_word() -> None:
    words = ["--token=a b\nc", "--key", "a b", "say https://a:b@host now"]

    assert mask.argv(words) == ["--token=***", "--key", "***", "say https://***@host now"]


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://ada:abc@host/x.git", "https://host/x.git"),
        ("https://abc@host/x.git", "https://host/x.git"),
        ("https://ada:p@ss@host/x.git", "https://host/x.git"),
        ("https://host/x.git?private_token=abc", "https://host/x.git?private_token=***"),
        ("ssh://git@host:22/x.git", "ssh://host:22/x.git"),
        ("git@host:x.git", "git@host:x.git"),
        ("https://host/x.git", "https://host/x.git"),
        ("/srv/git/x@2.git", "/srv/git/x@2.git"),
    ],
)
def test_a_remote_is_recorded_without_credentials(url: str, kept: str) -> None:
    assert mask.bare_url(url) == kept


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("-p api_key=abc -p api_key=a.c", "not '***' but '***', xabc"),
        ("--param=api_key=abc", "not '***' but 'a.c', xabc"),
        ("--token abc -- x", "not '***' but 'a.c', xabc"),
        ("--token= -p lr=abc", "not 'abc' but 'a.c', xabc"),
    ],
)
def test_text_about_words_masks_what_they_hide(words: str, said: str) -> None:
    assert mask.told("not 'abc' but 'a.c', xabc", words.split()) == said


def test_text_about_words_keeps_an_address_without_its_credentials() -> None:
    address = "https://ada:abc@host/x"

    assert mask.told(f"no '{address}'", [address]) == "no 'https://***@host/x'"
