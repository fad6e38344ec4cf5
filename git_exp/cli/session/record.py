"""git exp session record: add a result to a session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from git_exp import cli, errors, query, values
from git_exp.cli import limits, options, output
from git_exp.cli import session as family

if TYPE_CHECKING:
    from git_exp.index.search import Indexed
    from git_exp.session.events import Event
    from git_exp.session.history import Happening
    from git_exp.session.state import ExperimentState


@click.command()
@options.session
@click.option("--run", metavar="run", shell_complete=options.offer_runs, help="A run that is over.")
@click.option("-n", "--name", metavar="name", help="The name of the experiment.")
@click.option("--metric", "metrics", metavar="name=value", multiple=True, help="A metric of it.")
@click.option("-p", "--param", "params", metavar="key=value", multiple=True, help="A param of it.")
@click.option("--model", metavar="name", help="The kind of model.")
@click.option("--took", metavar="time", type=options.SPAN, help="How long it took.")
@click.option("--error", metavar="text", help="It failed, and why.")
@click.option("-m", "--hypothesis", metavar="text", default="", help="The idea that was tried.")
@click.option("--reasoning", metavar="text", default="", help="Why it was tried.")
@options.answer
def command(session: str, run: str | None, form: options.Form, **given: Any) -> None:
    """Add a result to a session.

    With --run it is that of a run: its params, the last value of each metric, how it ended. Its
    snapshot is the code that was tried. A run that is among the results already is not added
    again. Without --run the result is what the options say.
    """
    store = cli.store()
    found = family.chosen(store, session)
    by = family.agent(store)
    happening = _of_run(store, run, given, by=by) if run else _said(given, by=by)
    added = family.add(store, found, happening)
    if added.event is None:
        output.say(f"run {run} is among the results already")
    family.tell(added, form, "record")


def _of_run(store: Indexed, name: str, given: dict[str, Any], *, by: str | None) -> Happening:
    from git_exp.session import tried

    for option in ("name", "metrics", "params", "model", "took", "error"):
        if given[option]:
            raise click.UsageError(f"--run and --{option.removesuffix('s')} exclude each other")
    run = query.find(store, name)
    if run.status == "running":
        raise errors.UsageError(
            f"run {query.short(run.id)} is still running", hint="record it when it is over"
        )
    if run.private:
        raise errors.Refused(
            f"run {query.short(run.id)} is private",
            hint="a session is shared: it is no result of one",
        )
    said = given["hypothesis"] or (run.notes[0].text if run.notes else "")
    return tried.happening(store, run, hypothesis=said, reasoning=given["reasoning"], by=by)


def _said(given: dict[str, Any], *, by: str | None) -> Happening:
    if not given["metrics"] and given["error"] is None:
        raise errors.UsageError(
            "a result has a metric, or an error", hint="--metric acc=0.9, or --run @"
        )
    from git_exp.session import events
    from git_exp.session.models import ExperimentResult

    metrics = _metrics(given["metrics"])
    params = options.params(given["params"])

    def happening(state: ExperimentState, now: float) -> Event:
        at = state.current_iteration + 1
        try:
            result = ExperimentResult(
                experiment_name=given["name"] or f"experiment_{at}",
                iteration=at,
                model_type=given["model"] or "",
                model_params=params,
                metrics=metrics,
                hypothesis=values.quoted(given["hypothesis"]),
                reasoning=values.quoted(given["reasoning"]),
                execution_time=given["took"] or 0.0,
                success=given["error"] is None,
                error_message=given["error"] and values.quoted(given["error"]),
            )
        except errors.BadField as error:
            raise limits.refused(error, {"execution_time": "--took"}, "--took 90s") from None
        return events.Result(t=now, by=by, result=result)

    return happening


def _metrics(given: Sequence[str]) -> dict[str, int | float]:
    found: dict[str, int | float] = {}
    for name, text in options.pairs(given, "metric", "--metric acc=0.9"):
        family.expect_metric(name, "--metric acc=0.9")
        found[name] = _number(name, text)
    return found


def _number(name: str, text: str) -> int | float:
    found = options.number_of(text)
    if found is None:
        raise errors.UsageError(f"metric {name} is a number, not '{text}'", hint=f"{name}=0.9")
    return found
