"""git exp hooks: install git's hooks for runs, show them, or take them out."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import click
import msgspec

from git_exp import cli, errors
from git_exp.cli import options, output

if TYPE_CHECKING:
    from git_exp.hook.files import Done, Hook
    from git_exp.store import Store

ACTS = ("install", "status", "uninstall")


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands with each hook."""

    hooks: list[Hook]


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """What was done about each hook."""

    hooks: list[Done]


@click.command()
@click.argument("act", type=click.Choice(ACTS), default="status")
@options.answer
def command(act: str, form: options.Form) -> int:
    """Install git's hooks for runs, show them, or take them out.

    A hook that is there already is kept beside ours and runs after it, with the same arguments and
    the same input. Its exit code stays what git goes by. To uninstall puts it back as it was. A
    hook that somebody has put in the place of ours stays.
    """
    from git_exp.hook import files

    store = cli.store(recover=False)
    if act == "status":
        found = files.status(store.repo)
        if form.kind == "json":
            output.document("hooks-status", Status(hooks=found))
        else:
            for one in found:
                kept = f", then {one.kept}" if one.kept and one.state == "chained" else ""
                output.line(f"{one.name:<18} {_word(one.state):<13} {one.path}{kept}")
        return 0 if all(one.state in ("installed", "chained") for one in found) else 1
    done = files.install(store.repo) if act == "install" else files.uninstall(store.repo)
    if form.kind == "json":
        output.document(f"hooks-{act}", Changed(hooks=done))
    else:
        told(done)
    if act == "install":
        warn(store)
    return 0


def told(done: list[Done]) -> None:
    """What was done about each hook, and where."""
    for one in done:
        kept = f" (before: {one.kept})" if one.kept else ""
        output.line(f"{one.name}: {one.did}: {one.path}{kept}")


def warn(store: Store) -> None:
    """Say what keeps installed hooks from working, or lets them work where nobody thinks of."""
    if not shutil.which("git-exp"):
        output.warn("git-exp is not on PATH: until it is, the hooks do nothing")
    if store.repo.config.get("core.hooksPath") and not os.environ.get("GIT_CONFIG_COUNT"):
        try:
            store.repo.git("config", "--local", "core.hooksPath")
        except errors.GitFailed:
            output.warn("core.hooksPath is not of this repository alone: others have these hooks")


def _word(state: str) -> str:
    return "not installed" if state == "missing" else state
