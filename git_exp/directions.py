"""Which way a metric is better, told by the words of its name."""

from __future__ import annotations

import re

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
_PART = re.compile(r"[^A-Za-z0-9]+")
_WORD = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+")


def higher(metric: str) -> bool | None:
    """Whether more of a metric is better; None for one whose name does not say.

    The last word that is known decides; `neg` says that more is better. Words are whole: parts
    between signs, those of `camelCase`, and either without the digits at its end.
    """
    found = [_of_part(part) for part in _PART.split(metric)]
    if any("neg" in words for words in found):
        return True
    every = (word for words in reversed(found) for word in words)
    return next((word in HIGHER for word in every if word in HIGHER or word in LOWER), None)


def _of_part(part: str) -> list[str]:
    """The words that a part is, or has, the last one first."""
    words = [part, *reversed(_WORD.findall(part))]
    plain = [word.lower() for word in words]
    return [*plain, *(word.rstrip("0123456789") for word in plain)]
