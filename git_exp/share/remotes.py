"""Which other repository is meant, and what of its notes is known here."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from git_exp import errors, locks
from git_exp.git import notes, objects, refs, remote
from git_exp.git.remote import Remote
from git_exp.git.repo import Repo


def chosen(repo: Repo, name: str | None = None) -> Remote:
    """The remote of that name or URL; else `exp.remote`, that of the branch, `origin`, or the one.

    Raises `NotFound` where there is none to choose, `UsageError` for what is no remote's name.
    """
    known = remote.configured(repo)
    if name is None:
        name = repo.config.get("exp.remote") or _usual(repo, known)
    if name is None:
        which = f"one of: {', '.join(known)}" if known else "add one: git remote add origin URL"
        hint = f"name it, or git config exp.remote NAME; {which}" if known else which
        raise errors.NotFound("no remote to share runs with", hint=hint)
    if not name or name.startswith("-") or not name.isprintable():
        raise errors.UsageError(f"bad remote '{name}'", hint="see: git remote -v")
    if name not in known and not any(sign in name for sign in "/:\\."):
        near = difflib.get_close_matches(name, known, n=1)
        meant = f"did you mean '{near[0]}'?" if near else "see: git remote -v"
        hint = f"{meant}; for a run, name the remote before it"
        raise errors.NotFound(f"no remote '{name}'", hint=hint)
    return Remote(name=name)


def followed(repo: Repo, other: Remote) -> notes.Tip:
    """The notes of a remote as they were when they were last fetched, nothing if they are none."""
    try:
        tip = notes.tip(repo, other.notes)
        if tip.commit:
            next(objects.tree(repo, tip.commit), None)
    except errors.RepositoryError:
        return notes.NOTHING
    return tip


def fetch(
    repo: Repo,
    other: Remote,
    specs: Sequence[str],
    *,
    offer: Sequence[str],
    checked: bool = False,
    prune: bool = False,
) -> bool:
    """Fetch until nobody is in the way: not a lock that a git which was killed left on our refs."""
    found = False

    def attempt() -> None:
        nonlocal found
        try:
            found = remote.fetch(repo, other, specs, offer=offer, checked=checked, prune=prune)
        except errors.RefLocked as error:
            locks.clear(repo, [error.ref])
            raise

    refs.insist(attempt)
    return found


def every(repo: Repo) -> list[Remote]:
    """All remotes that are configured, the usual one first."""
    known = remote.configured(repo)
    usual = repo.config.get("exp.remote") or _usual(repo, known)
    return [Remote(name=name) for name in sorted(known, key=lambda name: name != usual)]


def holders(repo: Repo, commit: str) -> list[Remote]:
    """The remotes whose notes, as last fetched, tell of a run: the usual one first."""
    found = every(repo)
    return [one for one in found if notes.blobs(repo, followed(repo, one).tree, commit)]


def _usual(repo: Repo, known: list[str]) -> str | None:
    here = refs.branch(repo)
    tracked = repo.config.get(f"branch.{here}.remote") if here else None
    if tracked and tracked != ".":
        return tracked
    if "origin" in known:
        return "origin"
    return known[0] if len(known) == 1 else None
