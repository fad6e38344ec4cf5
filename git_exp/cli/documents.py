"""What `--json` answers: of each document its name, its version, and the Struct that it is of.

A document's `schema` is `git-exp/<name>/<version>`. Whatever changes in it raises the version; its
JSON Schema is in `man/schemas/<name>/<version>.json`, and stays there once it is.
"""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of document: where its Struct is, as "module:Class" below `git_exp`."""

    place: str
    version: int = 1


KINDS = {
    "actions-list": Kind("cli.actions:Listed"),
    "actions-run": Kind("cli.actions:Performed"),
    "archive": Kind("cli.archive:Archived"),
    "best": Kind("cli.best:Best"),
    "brief": Kind("brief.facts:Brief", 3),
    "checkout": Kind("restore.answer:Answer"),
    "compare": Kind("cli.compare:Compared"),
    "diff": Kind("cli.diff:Difference"),
    "doctor": Kind("doctor:Report"),
    "export": Kind("cli.export:Exported"),
    "fsck": Kind("cli.fsck:Checked"),
    "gc": Kind("upkeep:Tidied"),
    "hooks-install": Kind("cli.hooks:Changed"),
    "hooks-status": Kind("cli.hooks:Status"),
    "hooks-uninstall": Kind("cli.hooks:Changed"),
    "import": Kind("cli.import:Imported"),
    "init": Kind("cli.init:Initialised"),
    "log": Kind("cli.log:Runs"),
    "plot": Kind("cli.plot:Plot"),
    "promote": Kind("promote:Promoted"),
    "pull": Kind("share.receiving:Pulled", 2),
    "push": Kind("share.sending:Pushed", 2),
    "restore": Kind("restore.answer:Answer"),
    "restore-list": Kind("cli.restore:Asides"),
    "scrub": Kind("cli.scrub:Scrubbed"),
    "seen": Kind("cli.seen:Seen"),
    "session-claim": Kind("cli.session.claim:Claimed"),
    "session-claims": Kind("cli.session.claims:Claims"),
    "session-hypothesize": Kind("session.told:Happened"),
    "session-list": Kind("cli.session.list:Sessions"),
    "session-log": Kind("cli.session.log:Events"),
    "session-next": Kind("session.standing:Standing"),
    "session-pause": Kind("session.told:Happened"),
    "session-phase": Kind("session.told:Happened"),
    "session-record": Kind("session.told:Happened"),
    "session-release": Kind("session.told:Happened"),
    "session-report": Kind("session.report:Report", 2),
    "session-report-file": Kind("cli.session.report:Written"),
    "session-resume": Kind("session.told:Happened"),
    "session-retract": Kind("session.told:Happened"),
    "session-start": Kind("cli.session.start:Started"),
    "session-status": Kind("session.told:Status"),
    "session-stop": Kind("session.told:Happened"),
    "show": Kind("cli.show:Shown"),
    "show-env": Kind("cli.show:Machine"),
    "show-events": Kind("cli.show:Events"),
    "show-output": Kind("cli.show:Output"),
    "show-series": Kind("cli.show:Series"),
    "skill": Kind("cli.skill:Text"),
    "sql": Kind("cli.sql:Rows"),
    "tree": Kind("cli.tree:Tree"),
    "verdict": Kind("cli.verdict:Judged"),
}


def schema(name: str, value: object) -> str:
    """What the document says of itself: it is what it was promised to be."""
    kind = KINDS[name]
    of = type(value)
    assert f"{of.__module__}:{of.__name__}" == f"git_exp.{kind.place}", f"{name} is no {of}"
    return f"git-exp/{name}/{kind.version}"
