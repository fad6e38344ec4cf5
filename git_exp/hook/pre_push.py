"""pre-push: runs go along with the branch, to the same remote unless `exp.remote` names another."""

from __future__ import annotations

from git_exp import share
from git_exp.index.search import Indexed


def act(store: Indexed, remote: str, cargo: share.Cargo | None = None) -> share.Pushed | None:
    """Send runs and cargo to the remote that the user pushes to; nothing where that is a bare URL.

    In this process, before the branch goes: when `git push` is over the runs are there, in CI and
    on a machine that is about to sleep too, and what needs a passphrase can ask for it.
    """
    if not store.repo.config.flag("exp.autoPush"):
        return None
    # Private runs of public code have a remote of their own: they never go to that of the code.
    chosen = store.repo.config.get("exp.remote") or remote
    if not store.repo.config.get(f"remote.{chosen}.url"):
        return None
    return share.push(store, chosen, cargo=cargo)
