"""The scripts that call git exp from git's hooks, three lines each."""

from __future__ import annotations

# What a hook asks first: without this it costs as much as git alone does.
_ASKED = {
    "pre-commit": "git config exp.gate >/dev/null",
    "prepare-commit-msg": '[ "$(git config --type=bool exp.trailers)" = true ]',
    "pre-push": '[ "$(git config --type=bool exp.autoPush)" = true ]',
}


def script(name: str) -> str:
    """The script of a hook, as `share/git-exp/hooks` has it too.

    Only the gate's no is an exit code of its own: where git exp cannot run at all, git goes on.
    """
    asked = f"{_ASKED[name]} && " if name in _ASKED else ""
    no = "! git-exp --version >/dev/null 2>&1" if name == "pre-commit" else ":"
    return (
        f"#!/bin/sh\n{asked}command -v git-exp >/dev/null || exit 0\n"
        f'git-exp hook {name} "$@" || {no}\n'
    )
