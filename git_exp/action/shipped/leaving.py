"""What leaves this machine by an action: nothing of a private run, and no secret."""

from __future__ import annotations

from collections.abc import Sequence

from git_exp import errors, scan
from git_exp.git.repo import Repo
from git_exp.scan import Finding, Library, Outgoing


def expect_clean(repo: Repo, items: Sequence[Outgoing]) -> None:
    """Raises `Refused` for a secret in what is sent, unless `exp.allow` names it."""
    _refuse(scan.outgoing(repo, items, library=scan.installed(repo)))


def expect_clean_text(
    repo: Repo, data: bytes, *, where: str, library: Library | None = None
) -> None:
    """Raises `Refused` for a secret in one text that is sent; what is binary has none."""
    kept = repo.config.all("exp.allow")
    found = scan.text(data, run=None, where=where, library=library)
    _refuse([one for one in found if one.id not in kept])


def _refuse(found: Sequence[Finding]) -> None:
    one = next((one for one in found if one.specific), None)
    if one:
        raise errors.Refused(
            f"a secret would be sent: {one.where}:{one.line}: {one.rule} {one.shown}",
            hint=f"nothing was sent; if it is none: git config --add exp.allow {one.id}",
        )
