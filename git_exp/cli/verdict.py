"""git exp verdict: tell whether a run is better than another, or only luckier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from git_exp import cli, errors
from git_exp.cli import options, output
from git_exp.cli.output import Piece

if TYPE_CHECKING:
    from git_exp.evidence import Asked
    from git_exp.run import Run
    from git_exp.verdict import Sample, Verdict

_STYLES = {"improved": "bold green", "worse": "bold red", "indistinguishable": "bold yellow"}


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
    the only one that both have. Whether more or less of it is better is told from its name; --min
    and --max say so.

    Runs of one code, with one command and the same params, are replicates, whatever their seeds
    are. How far these differ is noise. A run has improved, or is worse, only if the 95 % interval
    of the difference leaves out 0.
    """
    lowest, highest, metric = given["lowest"], given["highest"], given["metric"]
    if lowest and highest:
        raise click.UsageError("--min and --max exclude each other")
    from git_exp import evidence

    higher = highest if lowest or highest else None
    store = cli.store()
    said = evidence.asked(store, run, baseline, metric=metric, higher=higher)
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
    for sentence in wording.notes(found, said.a, said.b).values():
        output.line(f"note: {sentence}")


def _document(said: Asked, found: Verdict) -> dict[str, object]:
    from git_exp.verdict import judging, planning, wording

    notes = wording.notes(found, said.a, said.b)
    return {
        "verdict": found.verdict,
        "metric": said.goal.measure.metric,
        "aggregate": said.goal.measure.aggregate,
        "higher_is_better": found.higher,
        "candidate": _side(said.a, found.a, found.tries.a),
        "baseline": _side(said.b, found.b, found.tries.b),
        "difference": found.difference,
        "percent": found.percent,
        "confidence": judging.CONFIDENCE,
        "interval": found.interval,
        "method": found.method,
        "noise": found.noise and {
            "candidate": found.noise.a, "baseline": found.noise.b, "df": found.noise.df,
            "groups": found.noise.groups,
        },
        "settled_by": {
            "runs": planning.fewest(found), "powered": planning.fewest(found, power=planning.POWER),
        } if planning.applies(found) else None,
        "flags": list(notes),
        "notes": list(notes.values()),
    }  # fmt: skip


def _side(run: Run, sample: Sample, tries: int) -> dict[str, object]:
    return {
        "run": run.id,
        "name": run.name,
        "value": sample.mean if sample.values else None,
        "values": sample.values,
        "diverged": sample.diverged,
        "nan": sample.missing,
        "repeated": sample.repeated,
        "chosen_of": tries,
    }
