"""git exp init: set up a clone for a team that shares runs."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import click
import msgspec

from git_exp import cli
from git_exp.cli import hooks as hooks_command
from git_exp.cli import options, output

if TYPE_CHECKING:
    from git_exp.init import Step
    from git_exp.store import Store


class Initialised(msgspec.Struct, frozen=True, kw_only=True):
    """What was set, or undone, and what of the environment is not as it should be."""

    undone: bool
    problems: list[str]
    steps: list[Step]


@click.command()
@click.option("--hooks/--no-hooks", default=None, help="Install git's hooks for runs, or do not.")
@click.option("--undo", is_flag=True, help="Undo what an earlier init has changed.")
@options.answer
def command(hooks: bool | None, undo: bool, form: options.Form) -> None:
    """Set up a clone for a team that shares runs.

    Nothing needs it: runs are recorded and shared without. It checks what git exp needs, and sets
    in this clone what is good to have: how git's own merge of notes joins records, and, where
    `git log` would show them beside commits, that it passes over the refs of runs. Each thing that
    is changed is printed with how to undo it; what you have set yourself stays as it is.

    On a terminal it asks whether to install the hooks of git-exp-hooks(1); --hooks and --no-hooks
    answer that. --undo takes back what it has set, unless that was changed since.
    """
    from git_exp import init

    if undo and hooks is not None:
        raise click.UsageError("--undo and --hooks exclude each other")
    store = cli.store(recover=False)
    problems = [] if undo else init.check(store.repo)
    if not undo and not shutil.which("git-exp"):
        problems.append("git-exp is not on PATH: neither `git exp` nor a hook will find it")
    wanted = not undo and _wanted(store, hooks)
    steps = init.undo(store.repo) if undo else init.apply(store.repo, hooks=wanted)
    if form.kind == "json":
        output.document("init", Initialised(undone=undo, problems=problems, steps=steps))
    else:
        _told(steps)
    for one in problems:
        output.warn(one)
    if wanted:
        hooks_command.warn(store)
    elif not undo and hooks is None and form.kind != "json":
        output.hints("git's hooks for runs: git exp hooks install")


def _told(steps: list[Step]) -> None:
    for one in steps:
        output.line(one.what + (f" (undo: {one.undo})" if one.undo else ""))
    if not steps:
        output.line("nothing to change")


def _wanted(store: Store, hooks: bool | None) -> bool:
    if hooks is not None or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return bool(hooks)
    from git_exp.hook import files

    if all(one.state in ("installed", "chained") for one in files.status(store.repo)):
        return False
    return click.confirm("Install git's hooks for runs?", default=False, err=True)
