"""The actions of a run, and the execution of one."""

from __future__ import annotations

from typing import Any

import msgspec

from git_exp import errors
from git_exp.action.interaction import Interaction
from git_exp.run import Run
from git_exp.store import Store


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """An action that a run offers; `t` is when it was registered, `cls` the name of its class."""

    run: Run
    id: str
    cls: str
    description: str
    t: str


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an action: `answers` by the keys of its questions, `unused` keys given in vain.

    `outcome` is done, failed or cancelled; `error` is why it failed.
    """

    action: Offered
    answers: dict[str, Any] = {}
    outcome: str = "done"
    error: str | None = None
    unused: list[str] = []


def listed(store: Store, run: Run) -> list[Offered]:
    """What a run offers, in the order of registration; nothing is imported for it."""
    raise errors.ActionFailed("not there yet")


def perform(
    store: Store,
    offered: Offered,
    interaction: Interaction,
    *,
    trust: bool = False,
    at_run: bool = False,
) -> Done:
    """Execute an action and record what came of it.

    Raises `Refused` for a run of somebody else's without `trust`, `ActionFailed` where it cannot be
    loaded; what it raises itself is told in the answer, and so is `Cancelled`.
    """
    raise errors.ActionFailed("not there yet")
