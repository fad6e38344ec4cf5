"""What happens in a session: its state is the fold of these, in the order of their lines."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from git_exp.session.model import Model
from git_exp.session.models import (
    ConversationEntry,
    Count,
    ExperimentConfig,
    ExperimentPhase,
    ExperimentResult,
    HypothesisSet,
    Number,
    Positive,
    Seconds,
)
from git_exp.session.profile import DataProfile

# What a session that has come to its end can be given more of.
LIMITS = (
    "max_iterations",
    "time_budget",
    "plateau_threshold",
    "target_metric_value",
    "max_consecutive_failures",
)
Time = Annotated[float, Meta(ge=0, lt=253_402_300_799)]


class Event(Model, kw_only=True):
    """Something that happened at `t`, in seconds since 1970; `by` says who did it."""

    t: Time
    by: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        # As a line has it.
        self.t = round(self.t, 6)


class Start(Event, kw_only=True):
    """The session begins."""

    session_id: str
    config: ExperimentConfig


class Profile(Event, kw_only=True):
    """The data set was looked at."""

    profile: DataProfile


class Result(Event, kw_only=True):
    """An experiment is over."""

    result: ExperimentResult


class Retract(Event, kw_only=True):
    """A result counts no more: that of a run, else one that says the same in all three.

    Two clones may have given one name to two results that have no run.
    """

    run_id: str | None = None
    experiment_name: str | None = None
    iteration: Count | None = None
    metrics: dict[str, Number] | None = None
    reason: str | None = None

    def is_of(self, result: ExperimentResult) -> bool:
        """Whether it takes back this result."""
        if self.run_id is not None or result.run_id is not None:
            return result.run_id == self.run_id
        if (result.experiment_name, result.iteration) != (self.experiment_name, self.iteration):
            return False
        # No NaN is equal to itself.
        return repr(result.metrics) == repr(self.metrics)


class Phase(Event, kw_only=True):
    """The agent goes on to something else."""

    phase: ExperimentPhase


class Hypotheses(Event, kw_only=True):
    """What may be tried next."""

    hypotheses: HypothesisSet


class Message(Event, kw_only=True):
    """Somebody said something."""

    entry: ConversationEntry


class Pause(Event, kw_only=True):
    """Time stands still from here on."""


class Resume(Event, kw_only=True):
    """Time goes on, under other limits where it names some: fields of the config."""

    max_iterations: Positive | None = None
    time_budget: Seconds | None = None
    plateau_threshold: Positive | None = None
    target_metric_value: Number | None = None
    max_consecutive_failures: Positive | None = None

    @property
    def limits(self) -> dict[str, int | float]:
        """The limits that it changes, by the names of their fields."""
        found = {name: getattr(self, name) for name in LIMITS}
        return {name: value for name, value in found.items() if value is not None}


class Stop(Event, kw_only=True):
    """Nobody expects more of it; `reason` is theirs, if they say one."""

    reason: str | None = None


class Claim(Event, kw_only=True):
    """An agent tries an idea, which is nobody else's for `ttl` seconds."""

    claim_id: str
    idea: Annotated[str, Meta(min_length=1)]
    ttl: Annotated[float, Meta(gt=0, le=31_536_000)]


class Release(Event, kw_only=True):
    """An idea is anybody's again."""

    claim_id: str
    idea: str | None = None


KINDS: dict[str, type[Event]] = {
    "start": Start,
    "profile": Profile,
    "result": Result,
    "retract": Retract,
    "phase": Phase,
    "hypotheses": Hypotheses,
    "message": Message,
    "pause": Pause,
    "resume": Resume,
    "stop": Stop,
    "claim": Claim,
    "release": Release,
}
