"""git exp session start: begin a session."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from git_exp import cli, errors
from git_exp.cli import limits, options, output
from git_exp.cli import session as family

if TYPE_CHECKING:
    from git_exp.session.models import ExperimentConfig
    from git_exp.session.profile import DataProfile
    from git_exp.store import Store

_FIELDS = {
    "data": "data_path",
    "target": "target_column",
    "task": "task_type",
    "metric": "primary_metric",
    "threshold": "improvement_threshold",
}


_BLANK = {
    "goal": "--goal 'a faster kernel'",
    "data": "--data FILE --target COLUMN --task TASK",
    "target": "--target COLUMN",
    "metric": "--metric acc",
}


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """A session that began, and what its data set is like, if it has one."""

    session: str
    config: ExperimentConfig
    profile: DataProfile | None


@click.command()
@click.option("--goal", metavar="text", help="What is to be reached, in words.")
@click.option("--data", metavar="file", help="The data set: CSV, TSV, Parquet or JSON Lines.")
@click.option("--target", metavar="column", help="The column of the data that is predicted.")
@click.option(
    "--task", type=click.Choice(("regression", "classification")), help="What is predicted."
)
@click.option("--metric", metavar="name", help="The metric that results are compared by.")
@click.option(
    "--direction",
    type=click.Choice(("minimize", "maximize")),
    help="Which way the metric is better; its name tells for those that are known.",
)
@limits.options(defaults=True)
@click.option(
    "--threshold",
    metavar="fraction",
    type=float,
    help="What is no more than this better is no improvement. Default: 0.005.",
)
@click.option("--constraints", metavar="text", help="What is to be kept to, in words.")
@click.option("--id", "session_id", metavar="id", help="The id; one is made up without.")
@options.answer
def command(session_id: str | None, form: options.Form, **given: Any) -> None:
    """Begin a session.

    With --data, --target and --task the data set is profiled first, which takes
    `git-exp[data]`; with --goal there needs to be none, and with --metric it is known from the
    first result on what is better. Without --metric the first usual one that a result has becomes
    it. The id is printed.

    A run of the same code, command and params as an earlier one, made to see how much its number is
    luck, is a result like any other: it counts as one without improvement. Make such a run without
    `--session`, or give --plateau room for them.
    """
    _check(given)
    store = cli.store()
    config = _config(store, given)
    profile = _profile(given) if given["data"] else None
    session = _begun(store, config, profile, session_id=session_id)
    if form.kind == "json":
        told = Started(session=session.id, config=config, profile=profile)
        output.document("session-start", told)
        return
    output.line(session.id)
    if profile:
        output.say(f"profiled {profile.n_rows:,} rows and {profile.n_columns:,} columns")
        for note in profile.notes:
            output.say(f"note: {note}")
    loop = f"git exp session next -s {session.id}; do git exp run --session {session.id} -- COMMAND"
    output.hints(f"while {loop}; done")


def _check(given: dict[str, Any]) -> None:
    for name in ("goal", "data", "target", "metric"):
        if given[name] is not None and not given[name].strip():
            raise errors.UsageError(f"--{name} is blank", hint=_BLANK[name])
    if given["metric"] and given["metric"].startswith(("-", "+")):
        raise errors.UsageError(
            f"a metric's name does not begin with '{given['metric'][0]}'",
            hint=f"--metric {given['metric'][1:]} --direction minimize",
        )
    if given["metric"]:
        family.expect_metric(given["metric"], "--metric acc")
    if given["threshold"] is not None and not math.isfinite(given["threshold"]):
        raise errors.UsageError(
            "--threshold: nothing would be an improvement", hint="--threshold 0.005"
        )
    lacking = [name for name in ("data", "target", "task") if given[name] is None]
    if given["goal"] is None and len(lacking) == 3:
        raise errors.UsageError(
            "a session has a goal or a data set",
            hint="--goal TEXT --metric NAME, or --data FILE --target COLUMN --task TASK",
        )
    if 0 < len(lacking) < 3:
        raise errors.UsageError(f"a data set needs --{lacking[0]} too", hint=f"--{lacking[0]} ...")


def _config(store: Store, given: dict[str, Any]) -> ExperimentConfig:
    from git_exp.session import rules
    from git_exp.session.state import config_of

    told = {_FIELDS.get(name, name): one for name, one in given.items() if one is not None}
    try:
        config = config_of(told)
    except errors.BadField as error:
        names = {of: f"--{name}" for name, of in _FIELDS.items()}
        hint = "leave it out for its default; see: git exp session start -h"
        raise limits.refused(error, names, hint) from None
    metric = config.primary_metric
    if metric is None and config.direction is not None:
        output.warn(f"whichever metric the first result has is to {config.direction}", "--metric M")
    if metric is None or config.direction is not None:
        return config
    way, is_known = rules.direction_of(metric)
    said = store.ways().get(metric)
    if said is not None:
        direction = "maximize" if said else "minimize"
        if not is_known or direction != way:
            output.say(f"to {direction} {metric}, as an earlier session says")
        # What another session says later does not turn this one round.
        return config.but(direction=direction)
    if not is_known:
        output.warn(f"metric '{metric}' is unknown: more of it is better", "--direction minimize")
    return config


def _profile(given: dict[str, Any]) -> DataProfile:
    from git_exp.session.profiler import DataProfiler

    return DataProfiler(Path(given["data"]), given["target"], given["task"]).profile()


def _begun(
    store: Store, config: ExperimentConfig, profile: DataProfile | None, *, session_id: str | None
) -> Any:
    from git_exp.session import events, history

    by = family.agent(store)
    session = history.start(store.repo, config, session_id=session_id, by=by)
    if profile is None:
        return session
    return history.add(
        store.repo, session.id, lambda _, now: events.Profile(t=now, by=by, profile=profile)
    )
