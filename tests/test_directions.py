"""Which way a metric is better, told by the words of its name."""

from __future__ import annotations

import pytest

from git_exp import directions


@pytest.mark.parametrize(
    ("metric", "higher"),
    [
        ("loss", False),
        ("val_loss", False),
        ("valLoss", False),
        ("train/Loss", False),
        ("mean_squared_error", False),
        ("eval-wer", False),
        ("cer@10", False),
        ("ms", False),
        ("bench.p99_latency_ms", False),
        ("accuracy", True),
        ("roc_auc", True),
        ("mAP", True),
        ("topK_accuracy5", True),
        ("bleu4", True),
        ("f1_macro", True),
        ("f1", True),
        # The last segment that says it decides.
        ("loss/accuracy", True),
        ("acc.error", False),
        ("accuracy/test", True),
        # A loss or a time of whatever is one.
        ("score_time", False),
        ("accuracyLoss", False),
        ("dice_loss", False),
        # So much in a time is a rate, unless it is of what is bad.
        ("tokens_per_ms", True),
        ("ops_per_us", True),
        ("bench/tokensPerSecond", True),
        ("errors_per_second", False),
        ("ms_per_token", False),
        ("tokens_per_batch", None),
        ("per_ms", False),
        ("val_per", None),
        # Where words do not agree nothing is guessed.
        ("time_score", None),
        ("latency_score", None),
        ("time_to_accuracy", None),
        ("errors_fixed", None),
        ("loss_reduction", None),
        ("accuracy_drop", None),
        ("loss/time_to_accuracy", None),
        ("neg_log_loss", True),
        ("val.negMSE", True),
        # Whole words: none of these has one that is known.
        ("glossary", None),
        ("lossless", None),
        ("terror", None),
        ("maestro", None),
        ("items", None),
        ("tokens", None),
        ("", None),
        ("._/", None),
        ("42", None),
    ],
)
def test_the_words_of_a_name_tell_its_direction(metric: str, higher: bool | None) -> None:
    assert directions.higher(metric) is higher


def test_no_word_says_both() -> None:
    assert not directions.LOWER & directions.HIGHER
    assert "" not in directions.LOWER | directions.HIGHER
