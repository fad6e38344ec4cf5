"""The tools that add to the records; a server has them only if its user says so."""

from __future__ import annotations

from git_exp import errors, records, starting, values
from git_exp.agent import answers, arguments, tool
from git_exp.agent.tool import Desk
from git_exp.query import TAINTED
from git_exp.session import claims, history, named, retraction


def note(desk: Desk, asked: arguments.Note) -> answers.Noted:
    """Add a note to a run: what was learned from it, for whoever looks at it later.

    Notes are added, never replaced.
    """
    run = arguments.run(desk, asked.run)
    words = values.quoted(asked.text.strip())
    if not words:
        raise errors.UsageError("a note must not be blank")
    desk.store.add(run, lambda t: records.Note(t=t, text=words))
    return answers.Noted(run=run.id, notes=len(run.notes) + 1)


def tag(desk: Desk, asked: arguments.Tag) -> answers.Tagged:
    """Give a run tags, to find it again with `@{tag:TAG}` or `where`.

    A run tagged `tainted` never counts as best, and as no success of a session.
    """
    wanted = starting.tags(asked.tags)
    run = arguments.run(desk, asked.run)
    new = [one for one in wanted if one not in run.tags]
    if new:
        desk.store.add(run, lambda t: records.Tag(t=t, tags=new))
    if TAINTED in wanted:
        retraction.of_tainted(desk.store.repo, run.id, by=named.agent(desk.store.repo, desk.env))
    return answers.Tagged(run=run.id, tags=[*run.tags, *new], added=new)


def claim(desk: Desk, asked: arguments.Claim) -> answers.Claimed:
    """Claim an idea in a session before trying it, so that no other agent tries it too.

    It fails while somebody else has claimed the same; `near` lists ideas that say nearly the same.
    """
    repo = desk.store.repo
    found = arguments.session(desk, asked.session)
    claim_id = claims.new_id()
    by = asked.by or named.agent(repo, desk.env)
    stale = claims.taken_over(found.state, asked.idea, desk.now)
    after = history.add(repo, found.id, claims.made(asked.idea, claim_id, ttl=asked.ttl, by=by))
    near = claims.near(after.state, asked.idea, desk.now, but=claim_id)
    return answers.Claimed(
        session=found.id,
        claim=claim_id,
        taken_over=stale.claim_id if stale else None,
        near=near,
    )


TOOLS = (tool.adding(note), tool.adding(tag, repeatable=True), tool.adding(claim))
