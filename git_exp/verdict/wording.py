"""A verdict in words."""

from __future__ import annotations

from git_exp import query, table
from git_exp.query import Goal, Measure
from git_exp.run import PROTECT, Run
from git_exp.verdict import judging, planning, replicates
from git_exp.verdict.judging import Verdict
from git_exp.verdict.noise import Noise
from git_exp.verdict.replicates import Sample

_NAMED = 5
_SURE = 99.99
_SIDES = ("candidate", "baseline")
_METHODS = {
    "welch": "Welch's t interval, from the replicates of the two",
    "pooled": "t interval, the noise pooled over {groups}",
    "steps": "t interval, from the noise between the steps of each run",
    "deterministic": "deterministic replicates: those of each agree exactly",
    "replicates": "none: the two are replicates of each other",
    "diverged": "none: an infinite number is worse than any",
    "none": "none: nothing tells the noise",
}
_CAUTIONS = {
    "deterministic": "a seed that is fixed in the code would look like this too",
    "steps": "steps that resemble those before them make the noise look too small",
}

_TOLD_BY = {
    "others": "the noise is that of other code: neither side has replicates",
    "own": "the two are noisier than other runs: their own replicates alone tell the noise",
}
_LOOKS = "replicates were made after a first look: this look is at {share:.2g} %, not at 5 %"
_ASSUMED = "higher is taken for better; --min or -NAME says otherwise"


def told(measure: Measure) -> str:
    """A measure as people write it."""
    last = measure.aggregate == "last"
    return measure.metric if last else f"{measure.aggregate}({measure.metric})"


def headline(verdict: Verdict, measure: Measure) -> str:
    """What is compared, how far it is apart, and how sure that is; the word stands before it."""
    text = _numbers(verdict, measure)
    if verdict.interval and verdict.method != "deterministic":
        low, high = (f"{one:+.3g}" for one in verdict.interval)
        text += f", {_level_of(verdict)} % interval {low} to {high}"
    return text


def closing(verdict: Verdict, measure: Measure) -> str:
    """One short line: the word, the numbers, and what would settle it."""
    text = f"{verdict.verdict}: {_numbers(verdict, measure)}"
    if planning.applies(verdict):
        return f"{text}; {_more(verdict)} would settle it"
    return f"{text}; {_advice(verdict)}" if verdict.method == "none" else text


def method(verdict: Verdict) -> str:
    """How it was found out."""
    groups = verdict.noise.groups if verdict.noise else 0
    count = _count(groups, "group") + " of replicates"
    return _METHODS[verdict.method].format(groups=count)


def noise(found: Noise) -> str:
    """How far runs differ by chance alone."""
    each = [f"{sd:.3g}" for sd in ((found.a,) if found.a == found.b else (found.a, found.b))]
    what = "from step to step" if found.method == "steps" else "from run to run"
    return f"{' and '.join(each)} {what} (standard deviation, {found.df:.3g} degrees of freedom)"


def settled(verdict: Verdict) -> str:
    """How many replicates would settle it."""
    powered = planning.fewest(verdict, power=planning.POWER)
    runs = f"{powered:,}" if powered else f"more than {planning.MOST:,}"
    return f"{_more(verdict)}; {runs} of each to find such a difference 4 times in 5"


def side(run: Run, sample: Sample) -> str:
    """A run, and of how many its number is the mean."""
    count = len(sample.values)
    mean = f", mean of {count} runs" if count > 1 else ""
    return f"{query.short(run.id)} {run.name}".rstrip() + mean


def notes(verdict: Verdict, a: Run, b: Run, *, goal: Goal) -> dict[str, str]:
    """What to know about it: a word for programs, and a sentence."""
    found: dict[str, str] = {}
    if goal.assumed:
        found["assumed-direction"] = _ASSUMED
    if verdict.method == "replicates":
        found |= _sameness(a, b)
    if verdict.method in ("none", "steps") and verdict.noise is None:
        found["no-noise"] = _advice(verdict)
    elif verdict.method in _CAUTIONS:
        found[verdict.method] = _CAUTIONS[verdict.method]
    if verdict.noise and verdict.noise.told_by in _TOLD_BY:
        found[f"noise-of-{verdict.noise.told_by}"] = _TOLD_BY[verdict.noise.told_by]
    if verdict.tries.looks > 1 and verdict.method in ("pooled", "welch"):
        share = 100 * (1 - judging.CONFIDENCE) / judging.chances(verdict.tries.looks)
        found["looks"] = _LOOKS.format(share=share)
    for at, sample in enumerate((verdict.a, verdict.b)):
        found |= _of_side(_SIDES[at], sample, verdict.tries[at])
    return found | _apart(a, b)


def _numbers(verdict: Verdict, measure: Measure) -> str:
    first, second = map(_level, (verdict.a, verdict.b))
    percent = verdict.percent
    digits = ".2g" if percent is None or abs(percent) < 99.5 or abs(percent) > 1e6 else ",.0f"
    change = f" ({percent:+{digits}} %)" if percent is not None else ""
    return f"{told(measure)} {first} against {second}{change}"


def _level_of(verdict: Verdict) -> str:
    """The confidence in percent, which is never all."""
    return f"{min(100 * verdict.confidence, _SURE):.4g}"


def _level(sample: Sample) -> str:
    if sample.values:
        return table.number(sample.mean)
    return "infinite" if sample.diverged else "nothing"


def _more(verdict: Verdict) -> str:
    runs = planning.fewest(verdict)
    if runs is None:
        return f"more than {planning.MOST:,} runs of each"
    have = (len(verdict.a.values), len(verdict.b.values))
    more = [max(runs - count, 0) for count in have]
    if more[0] == more[1]:
        return f"{more[0]:,} more of each"
    parts = [f"{count:,} more of the {of}" for count, of in zip(more, _SIDES, strict=True) if count]
    return " and ".join(parts)


def _advice(verdict: Verdict) -> str:
    samples = (verdict.a, verdict.b)
    if verdict.method == "steps":
        return "a series has fewer than 16 numbers, or does not vary"
    if any(one.repeated for one in samples):
        return "runs of one seed that agree are no replicates: run one of the two with another seed"
    if any(one.df for one in samples):
        return "replicates agree so far: run both again to see whether they always do"
    return "no replicates: run one of the two again"


def _sameness(a: Run, b: Run) -> dict[str, str]:
    if a.id == b.id:
        return {"same-run": "it is the same run"}
    if replicates.seeds(a) != replicates.seeds(b):
        return {"only-seed": "only a seed differs: the difference is noise, however large"}
    return {"same": "the code, the command and the params are the same: what differs is noise"}


def _of_side(name: str, sample: Sample, tries: int) -> dict[str, str]:
    found: dict[str, str] = {}
    if tries > 1:
        chosen = f"the {name} was chosen as the best of {tries:,}, replicates counted once"
        one = "; it has one run, whose number is likely too good by luck"
        found[f"chosen-{name}"] = chosen + (one if len(sample.values) == 1 else "")
    if sample.diverged and sample.values:
        runs = _count(sample.diverged, "run")
        found[f"diverged-{name}"] = f"{runs} of the {name} diverged: it is not called better"
    if sample.missing:
        runs = _count(sample.missing, "run")
        found[f"nan-{name}"] = f"{runs} of the {name} with NaN left out"
    if sample.repeated:
        runs = _count(sample.repeated, "run")
        found[f"repeated-{name}"] = f"{runs} of the {name} left out: the seed and number of another"
    return found


def _apart(a: Run, b: Run) -> dict[str, str]:
    """What else is not the same, or may not be."""
    found: dict[str, str] = {}
    if a.host and b.host and a.host.name != b.host.name:
        found["other-machine"] = "the two ran on different machines"
    if a.env and b.env and a.env.packages != b.env.packages:
        found["other-packages"] = "the two ran with different packages"
    if paths := _protected_apart(a, b):
        found["other-protected"] = f"protected files of the two are not the same: {paths}"
    if a.partial or b.partial:
        found["partial"] = "a snapshot is partial: the code may differ in what it does not hold"
    return found


def _protected_apart(a: Run, b: Run) -> str:
    """The paths that both had protected, each as its own base has them, which is not the same."""
    told = (run.metadata.get(PROTECT) if isinstance(run.metadata, dict) else None for run in (a, b))
    first, second = ({} if not isinstance(one, dict) else one for one in told)
    paths = sorted(path for path in first.keys() & second.keys() if first[path] != second[path])
    return ", ".join(paths[:_NAMED]) + (", …" if len(paths) > _NAMED else "")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
