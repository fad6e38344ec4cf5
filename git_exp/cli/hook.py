"""What git's hooks start: `git exp hook NAME`, no command for people. git-exp-hooks(1) has it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from git_exp import errors
from git_exp.cli import output
from git_exp.hook import NAMES

if TYPE_CHECKING:
    from git_exp.hook.pre_commit import Verdict
    from git_exp.share import Pushed


def code(args: Sequence[str], given: bytes = b"") -> int:
    """Do what a hook does, and give its exit code: 1 for a gate that says no, else 0.

    `given` is what git tells it on stdin. Its own trouble stops nobody.
    """
    name, *words = args or ("",)
    if name not in NAMES:
        output.fail("error", f"no hook '{name}'", f"they are {', '.join(NAMES)}")
        return errors.UsageError.exit_code
    try:
        return _code(name, words, given)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if os.environ.get("GIT_EXP_DEBUG") == "1":
            import traceback

            traceback.print_exception(error)
        said = str(error) if isinstance(error, errors.GitExpError) else repr(error)
        output.warn(f"the {name} hook of git exp: {' '.join(said.split())}")
        return 0


def _code(name: str, words: Sequence[str], given: bytes) -> int:
    from git_exp.index.search import Indexed

    store = Indexed.open(Path.cwd(), os.environ)
    try:
        match name:
            case "pre-commit":
                from git_exp.hook import pre_commit

                return _gate(pre_commit.act(store))
            case "prepare-commit-msg":
                from git_exp.hook import prepare_commit_msg

                prepare_commit_msg.act(store, Path.cwd() / words[0])
            case "post-commit":
                from git_exp.hook import post_commit

                post_commit.act(store)
            case "post-rewrite":
                from git_exp.hook import post_rewrite

                post_rewrite.act(store, post_rewrite.pairs(given))
            case "pre-push":
                from git_exp.hook import pre_push
                from git_exp.session.cargo import Sessions

                _pushed(pre_push.act(store, words[0], Sessions()))
    finally:
        store.close()
    return 0


def _pushed(done: Pushed | None) -> None:
    if done and done.runs:
        count = len(done.runs)
        output.say(f"exp.autoPush: sent {count} run{'s' * (count != 1)} to {done.remote}")
    if done and done.refused:
        name, why = next(iter(done.refused.items()))
        output.warn(f"exp.autoPush: {done.remote} refuses {name}: {why}", "git exp push")


def _gate(verdicts: Sequence[Verdict]) -> int:
    from git_exp.hook.pre_commit import ANYWAY

    refused = [one for one in verdicts if not one.passed]
    for one in refused:
        output.fail("error", f"exp.gate '{one.gate}': {one.said}")
    hints = [hint for one in refused for hint in one.hint.splitlines()]
    for hint in dict.fromkeys([*hints, ANYWAY] if refused else []):
        output.hints(hint)
    if not refused:
        for said in dict.fromkeys(one.said for one in verdicts):
            output.say(f"exp.gate: {said}")
    return 1 if refused else 0
