"""The report of a session: what was tried, the best so far, what worked and why, dead ends."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from git_exp import errors, query, tagged, values
from git_exp.session import blocks, claims, ideas, machine, progress, rules, standing, trials
from git_exp.session.blocks import Block, Code, Heading, Items, Line, Paragraph, Table
from git_exp.session.models import Hypothesis, Number
from git_exp.session.profile import DataProfile
from git_exp.session.standing import number
from git_exp.session.state import ExperimentState
from git_exp.session.trials import Trial, Verdict

ROWS = 50
LISTED = 20
_NAMED = 5
_HEADINGS = ("Iteration", "Experiment", "Model", "Metric", "Change", "Outcome", "Run")
_DEAD = {
    Verdict.WORSE: "Worse than the best",
    Verdict.NONE: "No gain",
    Verdict.UNMEASURED: "Without the metric",
}


def markdown(state: ExperimentState, *, now: float) -> str:
    """The report in Markdown, with a chart in characters; `now` in seconds since 1970."""
    return blocks.markdown(_blocks(state, now, picture=False))


def html(state: ExperimentState, *, now: float) -> str:
    """The report as a page of HTML, with a chart in SVG; `now` in seconds since 1970."""
    return blocks.page(_blocks(state, now, picture=True), _title(state))


def lacking(state: ExperimentState, *, picture: bool) -> errors.UsageError | None:
    """Why the chart, or the picture of it in a page, is not drawn; None where nothing lacks."""
    return progress.lacking(trials.walked(state), picture=picture)


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """A result of a session, and what it was by the best before it.

    `replicate_of` is the run that it has the code, command and params of.
    """

    iteration: int
    experiment: str
    value: values.Number
    verdict: str
    hypothesis: str
    error: str | None
    run: str | None
    replicate_of: str | None


class Report(standing.Standing, frozen=True, kw_only=True):
    """The report for a program: how the session stands, and all that was tried or is open."""

    tried: list[Tried]
    hypotheses: list[ideas.Idea]
    claims: list[claims.Held]


def of(state: ExperimentState, *, now: float) -> Report:
    """The report for a program; `now` in seconds since 1970."""
    tried = [
        Tried(
            iteration=one.result.iteration,
            experiment=one.result.experiment_name,
            value=one.value,
            verdict=one.verdict.value,
            hypothesis=one.result.hypothesis,
            error=one.result.error_message,
            run=one.result.run_id,
            replicate_of=one.result.replicate_of,
        )
        for one in trials.walked(state)
    ]
    stands = msgspec.structs.asdict(standing.of(state, now))
    return Report(
        **stands, tried=tried, hypotheses=ideas.open_in(state), claims=claims.held(state, now)
    )


def _blocks(state: ExperimentState, now: float, *, picture: bool) -> Iterator[Block]:
    tried = trials.walked(state)
    yield Heading(1, _title(state))
    yield Items([*_task(state), *_course(state, now)])
    yield Heading(2, "Best result")
    yield _best(state, tried)
    yield Heading(2, "What was tried")
    yield from _table(tried)
    if any(one.is_best for one in tried):
        yield Heading(2, "Best so far")
        yield progress.drawing(tried, picture=picture)
        yield Paragraph(["; ".join(["Each step is a result", *progress.remarks(tried)]), "."])
    # A replicate shows how much is luck, and neither that an idea works nor that it does not.
    first = _first(tried)
    yield Heading(2, "What worked")
    worked = [one for one in first if one.verdict in (Verdict.GAIN, Verdict.SMALL)]
    yield from _listed([_told(one) for one in worked])
    yield from _replicates(tried)
    yield Heading(2, "Dead ends")
    yield from _dead(first)
    yield Heading(2, "Open hypotheses")
    yield from _listed([_hypothesis(one) for one in ideas.untried(state)], latest=False)
    yield Heading(2, "Open claims")
    yield from _listed(_claims(state, now))


def _first(tried: list[Trial]) -> list[Trial]:
    """Of each code, command and params the first success, and what failed."""
    seen: set[str] = set()
    found: list[Trial] = []
    for one in tried:
        code = one.result.replicate_of or one.result.run_id
        if code is None or not one.result.success or code not in seen:
            found.append(one)
        if code is not None and one.result.success:
            seen.add(code)
    return found


def _title(state: ExperimentState) -> str:
    return f"Session {state.session_id}"


def _task(state: ExperimentState) -> Iterator[Line]:
    """What a session is to do."""
    config = state.config
    if config.goal is not None:
        yield ["Goal: ", config.goal]
    if config.data_path is not None:
        target: Line = [", target ", Code(config.target_column)] if config.target_column else []
        task = f", {config.task_type.value}" if config.task_type else ""
        yield ["Data: ", Code(config.data_path), *target, task]
    if state.data_profile:
        yield from _profile(state.data_profile)
    if config.constraints:
        yield ["Constraints: ", config.constraints]


def _profile(profile: DataProfile) -> Iterator[Line]:
    gaps = sum(1 for count in profile.missing_values.values() if count)
    kinds = (
        (len(profile.numeric_columns), "numeric"),
        (len(profile.categorical_columns), "categorical"),
        (gaps, "with missing values"),
    )
    columns = ", ".join(f"{count:,} {kind}" for count, kind in kinds)
    target = f"; the target is {profile.target_type}" if profile.target_type else ""
    yield [f"Profile: {profile.n_rows:,} rows, {profile.n_columns:,} columns ({columns}){target}"]
    yield from (["Note: ", note] for note in profile.notes[:LISTED])


def _course(state: ExperimentState, now: float) -> Iterator[Line]:
    """How a session goes."""
    config = state.config
    metric: Line = ["not known yet"]
    if config.primary_metric:
        metric = [Code(config.primary_metric), f", to {machine.direction(config)}"]
    if config.target_metric_value is not None:
        metric = [*metric, f", target {number(config.target_metric_value)}"]
    failed = sum(1 for one in state.experiments if not one.success)
    yield ["Metric: ", *metric]
    yield ["Status: ", standing.status(state, now)]
    yield ["Started: ", standing.moment(state.start_time)]
    elapsed = standing.duration(machine.elapsed(state, now))
    yield [f"Elapsed: {elapsed} of {standing.duration(config.time_budget)}"]
    yield [f"Iterations: {state.current_iteration} of {config.max_iterations}, {failed} failed"]


def _best(state: ExperimentState, tried: list[Trial]) -> Block:
    best = trials.best(tried)
    if best is None:
        return Paragraph(["No result has a value of the metric."])
    result, metric = best.result, state.config.primary_metric or ""
    lines: list[Line] = [
        ["Experiment: ", *_named(best)],
        ["Metric: ", Code(metric), f" {number(best.value)}, {_gain(state, best)}"],
        ["Run: ", Code(result.run_id or "-")],
    ]
    others = [(key, number(one)) for key, one in result.metrics.items() if key != metric]
    params = [(_param(key), _param(one)) for key, one in result.model_params.items()]
    return Items([*lines, *_values("Also", others), *_values("Param", params)])


def _values(word: str, pairs: Sequence[tuple[str, str]]) -> list[Line]:
    lines: list[Line] = [[f"{word}: ", Code(key), " ", Code(one)] for key, one in pairs[:LISTED]]
    return [*lines, *([_more(len(pairs))] if len(pairs) > LISTED else [])]


def _gain(state: ExperimentState, best: Trial) -> str:
    """The change of the best against the baseline."""
    compared = state.compare(best.result)
    if compared is None or compared.baseline_value is None:
        return "the baseline itself"
    change = _percent(compared.change_from_baseline_pct)
    return f"{change} against the baseline {number(compared.baseline_value)}"


def _table(tried: list[Trial]) -> Iterator[Block]:
    if not tried:
        yield Paragraph(["Nothing was tried."])
        return
    kept = _kept(tried)
    yield Table(_HEADINGS, [_row(one) for one in kept], numbers=(0, 3, 4))
    left = len(tried) - len(kept)
    if left:
        said = f"{left:,} of {len(tried):,} results are left out"
        yield Paragraph([f"{said}: the first, the best, improvements and the last are here."])


def _kept(tried: list[Trial]) -> list[Trial]:
    """As many as a reader can take: the first, best and last, then gains, then the latest."""
    if len(tried) <= ROWS:
        return tried
    best = trials.best(tried)
    ends = [tried[0], tried[-1], *([best] if best else [])]
    latest = tried[::-1]
    gains = [one for one in latest if one.verdict in (Verdict.BASELINE, Verdict.GAIN)]
    wanted = dict.fromkeys(one.at for one in (*ends, *gains, *latest))
    return [tried[at - 1] for at in sorted(list(wanted)[:ROWS])]


def _row(trial: Trial) -> list[str]:
    result = trial.result
    outcome = "ok, new best" if trial.is_best else "ok" if result.success else "failed"
    return [
        str(result.iteration), result.experiment_name or "-", result.model_type or "-",
        number(trial.value), _change(trial.value, trial.best), outcome,
        query.short(result.run_id or "-"),
    ]  # fmt: skip


def _replicates(tried: list[Trial]) -> Iterator[Block]:
    """How far the results of the same code, command and params are apart."""
    groups: dict[str, list[Trial]] = {}
    for one in tried:
        code = one.result.replicate_of or one.result.run_id
        if code is not None and one.result.success:
            groups.setdefault(code, []).append(one)
    several = [some for some in groups.values() if len(some) > 1]
    if several:
        yield Heading(2, "Replicates")
        yield from _listed([_spread(some) for some in several])


def _spread(some: list[Trial]) -> Line:
    values = sorted(one.value for one in some if one.value is not None and one.value == one.value)
    between = f", {number(values[0])} to {number(values[-1])}" if values else ""
    return [*_named(some[0]), f": {len(some):,} results of the same code{between}"]


def _dead(tried: list[Trial]) -> Iterator[Block]:
    failed = [one for one in tried if one.verdict is Verdict.FAILED]
    if failed:
        yield Heading(3, "Failed")
        yield from _listed(_failures(failed))
    for verdict, title in _DEAD.items():
        found = [one for one in tried if one.verdict is verdict]
        if found:
            yield Heading(3, title)
            yield from _listed([_told(one) for one in found])
    if not any(one.verdict in (*_DEAD, Verdict.FAILED) for one in tried):
        yield Paragraph(["None."])


def _failures(failed: list[Trial]) -> list[Line]:
    """What went wrong, and where; the same error is told once."""
    errors: dict[str, list[Trial]] = {}
    for one in failed:
        errors.setdefault(blocks.cut(one.result.error_message or ""), []).append(one)
    return [[Code(error or "no message"), *_places(places)] for error, places in errors.items()]


def _places(failed: list[Trial]) -> Line:
    if len(failed) == 1:
        return [": ", *_named(failed[0]), *_why(failed[0])]
    names = [part for one in failed[:_NAMED] for part in (", ", Code(one.result.experiment_name))]
    more = f" and {len(failed) - _NAMED:,} more" if len(failed) > _NAMED else ""
    return [f": {len(failed):,} times, ", *names[1:], more]


def _told(trial: Trial) -> Line:
    """A result that was measured, or should have been: how it came out, and why."""
    if trial.verdict is Verdict.UNMEASURED:
        return [*_named(trial), *_why(trial)]
    to = trial.reference if trial.verdict is Verdict.GAIN else trial.best
    small = ", within the threshold" if trial.verdict is Verdict.SMALL else ""
    change = f": {number(trial.value)} after {number(to)} ({_change(trial.value, to)}{small})"
    return [*_named(trial), change, *_why(trial)]


def _named(trial: Trial) -> Line:
    result = trial.result
    model: Line = [", ", Code(result.model_type)] if result.model_type else []
    return [Code(result.experiment_name), f" (iteration {result.iteration}", *model, ")"]


def _why(trial: Trial) -> Line:
    result = trial.result
    said = (("Hypothesis", result.hypothesis), ("Reasoning", result.reasoning))
    return [part for word, text in said if text.strip() for part in (f". {word}: ", _open(text))]


def _hypothesis(one: Hypothesis) -> Line:
    model: Line = [", ", Code(one.suggested_model)] if one.suggested_model else []
    odds = f": priority {one.priority}, confidence {one.confidence_score:.2f}"
    why: Line = [". Rationale: ", _open(one.rationale)] if one.rationale.strip() else []
    return [Code(one.hypothesis_id), odds, *model, ". ", _open(one.statement), *why]


def _open(sentence: str) -> str:
    """A sentence without its end, as another may follow."""
    return sentence.strip().removesuffix(".")


def _claims(state: ExperimentState, now: float) -> list[Line]:
    return [
        [
            one.idea,
            *([", by ", one.by] if one.by else []),
            f", {standing.duration(one.t + one.ttl - now)} left",
        ]
        for one in claims.live(state, now)
    ]


def _listed(lines: Sequence[Line], *, latest: bool = True) -> Iterator[Block]:
    """A list of the last of some lines, or of the first, and how many there are besides."""
    shown = lines[-LISTED:] if latest else lines[:LISTED]
    yield Items(shown) if shown else Paragraph(["None."])
    if len(lines) > LISTED:
        yield Paragraph(_more(len(lines)))


def _more(count: int) -> Line:
    return [f"And {count - LISTED:,} more."]


def _change(value: Number | None, of: Number | None) -> str:
    return "-" if value is None else _percent(rules.percent(value, of))


def _percent(change: float | None) -> str:
    if change is None:
        return "-"
    return f"{change:+.2f} %" if abs(change) < 1e6 else f"{change:+.3g} %"


def _param(value: Any) -> str:
    """A param or the name of one, exact."""
    if isinstance(value, str | float):
        return str(value)
    listed = list(value) if isinstance(value, tuple) else value
    return json.dumps(tagged.told(listed, "a param"), ensure_ascii=False)
