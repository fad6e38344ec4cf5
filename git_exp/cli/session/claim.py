"""git exp session claim: claim an idea, so that no other agent tries it too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from git_exp import cli, errors
from git_exp.cli import limits, options, output
from git_exp.cli import session as family

if TYPE_CHECKING:
    from git_exp.session.claims import Near
    from git_exp.session.events import Claim, Event
    from git_exp.session.state import ExperimentState

SHOWN = 5


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """A claim that was made: its id, that of the one it took over, and ideas like it."""

    session: str
    claim: str
    taken_over: str | None
    near: list[Near]


@click.command()
@options.session
@click.argument("idea")
@click.option(
    "--ttl",
    metavar="time",
    type=options.SPAN,
    default="30m",
    show_default=True,
    help="How long it is claimed: seconds, or as in 1h30m.",
)
@click.option("--remote", metavar="remote", help="Claim it there too.")
@options.answer
def command(session: str, idea: str, ttl: float, remote: str | None, form: options.Form) -> None:
    """Claim an idea, so that no other agent tries it too.

    The id of the claim is printed. While somebody else has claimed the very same idea the exit
    code is 1; a claim whose time is over is taken over, and one by the same `GIT_EXP_AGENT` made
    anew. Ideas that were tried or are claimed and say nearly the same are pointed out: the same
    words in any order, with the same numbers.

    Among agents that share one repository a claim is made by moving a ref, once for one of them.
    With --remote the same is done on that remote, for agents that share no repository.

    Recording a result whose hypothesis is the idea ends the claim.
    """
    from git_exp.session import claims, standing

    store = cli.store()
    found = family.chosen(store, session)
    claim_id = claims.new_id()
    happening = claims.made(
        idea, claim_id, ttl=ttl, by=family.agent(store), renews=family.is_named_agent()
    )
    stale: list[Claim] = []

    def claimed(state: ExperimentState, now: float) -> Event | None:
        old = claims.taken_over(state, idea, now)
        stale[:] = [old] if old else []
        try:
            return happening(state, now)
        except errors.BadField as error:
            raise limits.refused(error, {"ttl": "--ttl"}, "--ttl 30m") from None

    goes, why = standing.goes_on(found.state, family.now())
    if not goes:
        output.warn(f"session {found.id}: {why}")
    added = family.add(store, found, claimed, remote=remote)
    claim_id = getattr(added.event, "claim_id", claim_id)
    near = claims.near(added.session.state, idea, family.now(), but=claim_id)
    if form.kind == "json":
        old = stale[0].claim_id if stale else None
        told = Claimed(session=found.id, claim=claim_id, taken_over=old, near=near[:SHOWN])
        output.document("session-claim", told)
        return
    output.line(claim_id)
    if stale:
        output.say(f"taken over from {stale[0].by or 'another agent'}, whose time was over")
    _point_out(near, idea)


def _point_out(near: list[Near], idea: str) -> None:
    from git_exp.session import claims

    for one in near[:SHOWN]:
        exact = claims.is_same(one.idea, idea)
        output.warn(f"{'the' if exact else 'nearly the'} same was {one.where}: {one.idea}")
    if len(near) > SHOWN:
        output.say(f"and {len(near) - SHOWN} more")
