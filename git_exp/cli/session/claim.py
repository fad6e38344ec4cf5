"""git exp session claim: claim an idea, so that no other agent tries it too."""

from __future__ import annotations

import click

from git_exp import cli
from git_exp.cli import options, output
from git_exp.cli import session as family


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
    code is 1; a claim whose time is over is taken over. Ideas that were tried or are claimed and
    say nearly the same are pointed out: the same words in any order, with the same numbers.

    Among agents that share one repository a claim is made by moving a ref, once for one of them.
    With --remote the same is done on that remote, for agents that share no repository.

    Recording a result whose hypothesis is the idea ends the claim.
    """
    from git_exp.session import claims

    store = cli.store()
    found = family.chosen(store, session)
    claim_id = claims.new_id()
    happening = claims.made(idea, claim_id, ttl=ttl, by=family.agent(store))
    stale = claims.taken_over(found.state, idea, family.now())
    added = family.add(store, found.id, happening, remote=remote)
    near = claims.near(added.session.state, idea, family.now(), but=claim_id)
    if form.kind == "json":
        output.document("session-claim", {
            "session": found.id,
            "claim": claim_id,
            "taken_over": stale.claim_id if stale else None,
            "near": [one._asdict() for one in near],
        })  # fmt: skip
        return
    output.line(claim_id)
    if stale:
        output.say(f"taken over from {stale.by or 'another agent'}, whose time was over")
    for one in near:
        output.warn(f"nearly the same was {one.where}: {one.idea}")
