"""verdict: whether a run is better than another, or only luckier."""

from git_exp.verdict.judging import Tries, Verdict, judged
from git_exp.verdict.noise import Noise
from git_exp.verdict.replicates import Sample, counts, key
from git_exp.verdict.weighing import among, by_steps, closing

__all__ = [
    "Noise",
    "Sample",
    "Tries",
    "Verdict",
    "among",
    "by_steps",
    "closing",
    "counts",
    "judged",
    "key",
]
