"""git exp push: send runs to a remote."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import click

from git_exp import cli, errors, query
from git_exp.cli import options, output, progress
from git_exp.cli.transfer import SHOWN, came, carried, counted, located, told
from git_exp.run import Run

if TYPE_CHECKING:
    from git_exp.share import Carried, Pushed
    from git_exp.store import Store


@click.command()
@click.argument("remote", required=False)
@options.run_argument("runs", nargs=-1)
@click.option("-n", "--dry-run", is_flag=True, help="Ask the remote, show what it lacks, stop.")
@click.option("--allow", metavar="ID", multiple=True, help="Send what looks like a secret.")
@options.answer
def command(
    remote: str | None,
    runs: tuple[str, ...],
    dry_run: bool,
    allow: tuple[str, ...],
    form: options.Form,
) -> None:
    """Send runs to a remote.

    The code and data that REMOTE lacks go first, the records of all runs last, so that nobody
    meets a record whose code is not there. What others have pushed is merged on the way. Runs that
    are still running are sent as far as they are. With RUN only those runs go. The commits that a
    run started from go along with it, pushed to a branch or not.

    Sessions go last, each with the events that others have pushed merged into it; none goes with
    RUN, and none that names a private run or may hold a secret, unless --allow names that.

    REMOTE is a remote of git's, a URL or a path; left out, it is `exp.remote`, else the remote of
    the current branch, else `origin`. git's own transport is used, with all that is set for it.
    Whatever is interrupted, the next push completes.

    Before anything leaves, it is scanned for secrets: what only runs hold of the code, their data,
    and their records. A key of a known form or a private key stops the push with exit code 4;
    `git exp scrub` takes it out, --allow and `exp.allow` let it go. What only might be one warns.
    """
    store = cli.store()
    chosen = query.every(store, runs) if runs else None
    again = Again((remote, *runs) if remote else (), allow)
    try:
        done = _pushed(store, located(remote), chosen, dry_run=dry_run, allow=allow)
    except errors.SecretsFound as found:
        for one in found.findings[:SHOWN]:
            output.say(one)
        found.hint = f"{found.way}; or if it is none: {again.allowing(found.ids)}"
        raise
    if done.codeless:
        output.warn(
            f"{counted(len(done.codeless), 'record')} went without code, which is not here",
            "fetch it from who has it, then push again: git exp pull REMOTE --all",
        )
    for one in done.warnings[:SHOWN]:
        output.warn(f"may be a secret: {one}")
    if form.kind == "json":
        output.document("push", done)
    else:
        _tell(done, "would send" if dry_run else "sent", "would remove" if dry_run else "removed")
    told(done.remote, done.merged, done.sessions)
    _tell_withheld(done.sessions, again)
    if done.refused:
        raise _refusal(done)


class Again(NamedTuple):
    """A push as it was typed: its words, and what they allow."""

    words: Sequence[str]
    allowed: Sequence[str]

    def allowing(self, ids: Sequence[str]) -> str:
        """The command line that lets these go too."""
        from git_exp import mask

        every = dict.fromkeys((*self.allowed, *ids))
        allow = [word for one in every for word in ("--allow", one)]
        words = (mask.url(one) for one in self.words)
        return shlex.join(("git", "exp", "push", *words, *allow))


def _pushed(
    store: Store,
    remote: str | None,
    chosen: Sequence[Run] | None,
    *,
    dry_run: bool,
    allow: Sequence[str],
) -> Pushed:
    from git_exp import share
    from git_exp.session.cargo import Sessions

    bar = progress.Late("Sending runs")
    try:
        if dry_run:
            return share.preview(store, remote, chosen, allow=allow, cargo=Sessions())
        return share.push(store, remote, chosen, allow=allow, progress=bar, cargo=Sessions())
    finally:
        bar.close()


def _tell(done: Pushed, sent: str, removed: str) -> None:
    code = f"the code of {counted(len(done.runs), 'run')}, " if done.runs else ""
    if done.runs or done.records:
        output.line(f"To {done.remote}: {sent} {code}{counted(len(done.records), 'record')}")
    elif not (done.removed or done.refused or done.sessions.sent):
        output.line(f"To {done.remote}: everything is there")
    if done.sessions.sent:
        output.line(f"To {done.remote}: {sent} {counted(len(done.sessions.sent), 'session')}")
    if done.archived:
        output.line(f"To {done.remote}: {counted(len(done.archived), 'old run')} in an archive")
    if done.removed:
        output.line(f"To {done.remote}: {removed} {counted(len(done.removed), 'ref')}")
    if brought := came(done.merged):
        output.line(f"From {done.remote}: {brought}")
    if brought := carried(done.sessions):
        output.line(f"From {done.remote}: {brought}")


def _tell_withheld(sessions: Carried, again: Again) -> None:
    for name, why in list(sessions.withheld.items())[:SHOWN]:
        output.warn(f"session '{name}' stays here: {why}", "all else has gone")
        if ids := sessions.secrets.get(name):
            output.hints(f"begin another without it; or if it is none: {again.allowing(ids)}")


def _refusal(done: Pushed) -> errors.RemoteFailed:
    name, why = next(iter(done.refused.items()))
    more = f", and {len(done.refused) - 1} more" if len(done.refused) > 1 else ""
    return errors.RemoteFailed(
        done.remote,
        f"it refuses {name}: {why}{more}",
        hint="the records of what it refused were held back; all else is there",
    )
