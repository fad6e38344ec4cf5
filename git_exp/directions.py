"""Which way a metric is better, told by the words of its name."""

from __future__ import annotations

import re
from collections.abc import Iterator

LOWER = frozenset(re.findall(r"\w+", """
    loss losses nll ce xent bce crossentropy entropy logloss perplexity ppl bpb bpc error errors err
    mse rmse rmsle msle mae mape smape mase wape nrmse deviance brier ece wer cer ter eer fid kid
    lpips kl divergence distance regret cost latency time runtime duration elapsed seconds ms us ns
    fpr fnr frr failures violations aic bic
"""))  # fmt: skip
HIGHER = frozenset(re.findall(r"\w+", """
    acc accuracy precision recall sensitivity specificity f1 f2 fbeta auc auroc auprc map mrr ndcg
    iou miou dice r2 pearson spearman kendall kappa mcc bleu rouge meteor chrf psnr ssim score
    reward return throughput speedup likelihood elbo tpr tnr flops mfu correct
"""))  # fmt: skip
# Of these a name may mean that what it says before them became less, or how far it is apart.
TURNING = frozenset(re.findall(r"\w+", """
    fixed solved removed saved avoided reduction reduced reducing drop dropped decrease decreased
    change changed delta diff difference gap
"""))  # fmt: skip
_TIMES = frozenset(re.findall(r"\w+", """
    ns us ms s sec secs second seconds min minute minutes h hour hours day
"""))  # fmt: skip
_SEGMENT = re.compile(r"[/.:]+")
_PART = re.compile(r"[^A-Za-z0-9]+")
_WORD = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+")


def higher(metric: str) -> bool | None:
    """Whether more of a metric is better; None for one whose name does not say.

    The last segment of its path that has a word that is known decides; `neg` says that more is
    better. Words are whole: parts between signs, those of `camelCase`, and either without the
    digits at its end.
    """
    segments = [list(_words(one)) for one in _SEGMENT.split(metric)]
    if any("neg" in words for words in segments):
        return True
    return next((_way(words) for words in reversed(segments) if _says(words)), None)


def _says(words: list[str]) -> bool:
    known = LOWER | HIGHER | TURNING
    return not known.isdisjoint(words) or _is_rate(words)


def _way(words: list[str]) -> bool | None:
    """What the words of one name say; None where they do not agree.

    So much of what is bad is bad, `accuracy_loss` too; but a `loss_score` may go either way, and a
    `loss_reduction` is no loss.
    """
    if any(word in TURNING for word in words):
        return None
    before = words[: _per(words)]
    known = [word in HIGHER for word in before if word in HIGHER or word in LOWER]
    if not known:
        return True if _is_rate(words) else None
    return None if known[-1] and not all(known) else known[-1]


def _is_rate(words: list[str]) -> bool:
    """Whether it is so much in a time, as in `tokens_per_ms`."""
    at = _per(words)
    return at < len(words) and words[at + 1] in _TIMES


def _per(words: list[str]) -> int:
    """Where `per` stands between words, else the end."""
    return next((at for at, word in enumerate(words[:-1]) if word == "per" and at), len(words))


def _words(segment: str) -> Iterator[str]:
    """The words that each part is, or has, in their order."""
    for part in _PART.split(segment):
        known = _plain(part)
        whole = known in LOWER or known in HIGHER
        yield from [known] if whole else map(_plain, _WORD.findall(part))


def _plain(word: str) -> str:
    """A word as it is known: without the digits at its end, unless they are part of it."""
    lowered = word.lower()
    return lowered if lowered in LOWER or lowered in HIGHER else lowered.rstrip("0123456789")
