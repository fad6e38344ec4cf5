"""The session that a brief is about, and how it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_exp.brief.facts import Claimed, Course
from git_exp.git import refs
from git_exp.git.repo import Repo
from git_exp.session import cargo

if TYPE_CHECKING:
    from git_exp.session.history import Session

MOST = 20


def chosen(repo: Repo, name: str | None) -> Session | None:
    """The session that a name means; without one the one that `@` does, unless that is over."""
    if name is None and not refs.any_below(repo, cargo.PREFIX.rstrip("/")):
        # Its models take longer to import than all else.
        return None
    from git_exp.session import history, named

    if name is not None:
        return named.find(repo, name)
    # Read by one git: `named.find` imports pygit2.
    every = {one.id: one for one in history.every(repo)}
    mine = named.mine(
        repo, [one.removeprefix(cargo.PREFIX) for one in refs.listing(repo, cargo.PREFIX)]
    )
    found = every.get(mine) if mine else max(every.values(), key=named.age, default=None)
    return None if found is None or found.state.termination_reason else found


def course(session: Session, now: float) -> Course:
    """How a session stands; `now` in seconds since 1970."""
    from git_exp.session import claims, ideas, standing

    state = session.state
    config, best = state.config, standing.best_result(state)
    goes_on, why = standing.goes_on(state, now)
    return Course(
        id=session.id,
        task=standing.task(state),
        constraints=config.constraints,
        goes_on=goes_on,
        why=why,
        iteration=state.current_iteration,
        max_iterations=config.max_iterations,
        failed=sum(1 for one in state.experiments if not one.success),
        without_improvement=state.iterations_without_improvement,
        plateau_threshold=config.plateau_threshold,
        target=config.target_metric_value,
        best=state.best_metric,
        best_run=best.run_id if best else None,
        claims=[
            Claimed(id=one.claim_id, idea=one.idea, by=one.by)
            for one in claims.live(state, now)[:MOST]
        ],
        hypotheses=[one.statement for one in ideas.untried(state)[:MOST]],
    )
