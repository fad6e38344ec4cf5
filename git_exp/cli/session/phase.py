"""git exp session phase: say where in its loop a session is."""

from __future__ import annotations

import click

from git_exp import cli
from git_exp.cli import options
from git_exp.cli import session as family

PHASES = (
    "initializing", "data_profiling", "baseline_modeling", "experiment_design", "code_generation",
    "experiment_execution", "results_analysis", "hypothesis_generation", "report_generation",
    "completed", "failed",
)  # fmt: skip


@click.command()
@options.session
@click.argument("phase", metavar="phase", type=click.Choice(PHASES))
@options.answer
def command(session: str, phase: str, form: options.Form) -> None:
    """Say where in its loop a session is.

    It is told to whoever looks; nothing depends on it. PHASE is `initializing`, `data_profiling`,
    `baseline_modeling`, `experiment_design`, `code_generation`, `experiment_execution`,
    `results_analysis`, `hypothesis_generation`, `report_generation`, `completed` or `failed`.
    """
    from git_exp.session import events
    from git_exp.session.models import ExperimentPhase

    store = cli.store()
    by = family.agent(store)
    happening = lambda _, now: events.Phase(t=now, by=by, phase=ExperimentPhase(phase))  # noqa: E731
    family.tell(family.add(store, family.chosen(store, session), happening), form, "phase")
