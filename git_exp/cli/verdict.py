"""git exp verdict: tell whether a run is better than another, or only luckier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
import msgspec

from git_exp import cli, errors
from git_exp.cli import ahead, options, output
from git_exp.cli.output import Piece

if TYPE_CHECKING:
    from git_exp.evidence import Asked
    from git_exp.run import Run
    from git_exp.verdict import Sample, Verdict

_STYLES = {"improved": "bold green", "worse": "bold red", "indistinguishable": "bold yellow"}


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two that are compared: its value is the mean of `values`, those of replicates.

    Of these `diverged` were infinite, `nan` had none, and `repeated` are the same run once more.
    It was chosen as the best of `chosen_of`.
    """

    run: str
    name: str
    value: float | None
    values: Sequence[float]
    diverged: int
    nan: int
    repeated: int
    chosen_of: int


class Noise(msgspec.Struct, frozen=True, kw_only=True):
    """The standard deviation of one run on each side, from so many groups of replicates."""

    candidate: float
    baseline: float
    df: float
    groups: int


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """How many more runs on each side would settle it, if the difference is what it seems.

    `powered` is so many that it does so four times in five.
    """

    runs: int | None
    powered: int | None


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a run is better than another: `difference` is candidate - baseline.

    `interval` has the difference at this `confidence`; null where nothing tells the noise.
    """

    verdict: str
    metric: str
    aggregate: str
    higher_is_better: bool
    candidate: Side
    baseline: Side
    difference: float | None
    percent: float | None
    confidence: float
    interval: tuple[float, float] | None
    method: str
    noise: Noise | None
    settled_by: Settled | None
    flags: list[str]
    notes: list[str]


@click.command()
@options.run_argument("run", default=options.LATEST)
@options.run_argument("baseline", required=False)
@click.option("--metric", metavar="METRIC", help="What to compare the two in.")
@click.option("--min", "lowest", is_flag=True, help="Lower is better.")
@click.option("--max", "highest", is_flag=True, help="Higher is better.")
@click.option("--steps", is_flag=True, help="Take the noise within each run, not that of runs.")
@options.answer
def command(run: str, baseline: str | None, form: options.Form, **given: Any) -> int:
    """Tell whether a run is better than another, or only luckier.

    RUN has improved, is worse than BASELINE, or cannot be told from it. It is the latest one by
    default, and BASELINE the best of those before it that are no replicates of it. METRIC is the
    path of a metric, whose last value counts, or an aggregate of one such as `max(acc)`; by default
    the only one that both have, of several that of the session which is going on here. Whether more
    or less of it is better --min and --max say, else the newest session that has said it of that
    metric, else its name.

    Runs of one code, with one command and the same params, are replicates, whatever their seeds
    are. How far these differ is noise. A run has improved, or is worse, only if the interval of
    the difference, at 95 % or more, leaves out 0.
    """
    lowest, highest, metric = given["lowest"], given["highest"], given["metric"]
    if lowest and highest:
        raise click.UsageError("--min and --max exclude each other")
    from git_exp import evidence

    higher = highest if lowest or highest else None
    store = cli.store()
    said = evidence.asked(
        store,
        run,
        baseline,
        metric=metric,
        higher=higher,
        usual=lambda names: ahead.usual(store, names),
    )
    if given["steps"] and said.goal.measure.aggregate != "last":
        raise click.UsageError(f"--steps is for the last value, not {metric}")
    found = evidence.judged(store, said, steps=given["steps"])
    if form.kind == "json":
        output.document("verdict", _document(said, found))
    else:
        _show(said, found)
    return 0 if found.verdict == "improved" else errors.AnswerIsNo.exit_code


def _show(said: Asked, found: Verdict) -> None:
    from git_exp.verdict import planning, wording

    word = Piece(found.verdict, _STYLES[found.verdict])
    output.line(word, f": {wording.headline(found, said.goal.measure)}")
    output.line(f"candidate: {wording.side(said.a, found.a)}")
    output.line(f"baseline: {wording.side(said.b, found.b)}")
    output.line(f"method: {wording.method(found)}")
    if found.noise and found.method != "deterministic":
        output.line(f"noise: {wording.noise(found.noise)}")
    if planning.applies(found):
        output.line(f"to settle it: {wording.settled(found)}")
    for sentence in wording.notes(found, said.a, said.b, goal=said.goal).values():
        output.line(f"note: {sentence}")


def _document(said: Asked, found: Verdict) -> Judged:
    from git_exp.verdict import wording

    notes = wording.notes(found, said.a, said.b, goal=said.goal)
    return Judged(
        verdict=found.verdict,
        metric=said.goal.measure.metric,
        aggregate=said.goal.measure.aggregate,
        higher_is_better=found.higher,
        candidate=_side(said.a, found.a, found.tries.a),
        baseline=_side(said.b, found.b, found.tries.b),
        difference=found.difference,
        percent=found.percent,
        confidence=found.confidence,
        interval=found.interval,
        method=found.method,
        noise=_noise(found),
        settled_by=_settled(found),
        flags=list(notes),
        notes=list(notes.values()),
    )


def _noise(found: Verdict) -> Noise | None:
    known = found.noise
    if known is None:
        return None
    return Noise(candidate=known.a, baseline=known.b, df=known.df, groups=known.groups)


def _settled(found: Verdict) -> Settled | None:
    from git_exp.verdict import planning

    if not planning.applies(found):
        return None
    powered = planning.fewest(found, power=planning.POWER)
    return Settled(runs=planning.fewest(found), powered=powered)


def _side(run: Run, sample: Sample, tries: int) -> Side:
    return Side(
        run=run.id,
        name=run.name,
        value=sample.mean if sample.values else None,
        values=sample.values,
        diverged=sample.diverged,
        nan=sample.missing,
        repeated=sample.repeated,
        chosen_of=tries,
    )
