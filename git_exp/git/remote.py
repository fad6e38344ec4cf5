"""Another repository, by the git program: what it has, what is fetched from it and pushed to it.

The transport is the user's own: ssh, credential helpers, proxies and `pushInsteadOf` as git has
them. Refspecs are always named, so that no configured one, no pruning and no tag takes part.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Sequence

import msgspec

from git_exp import errors
from git_exp.git import refs, view
from git_exp.git.repo import Repo, finish

# What git says of a ref that failed only because another one did.
_DRAGGED = ("atomic", "transaction")
# From so many refs on, git's comparing of each with all that there are is felt.
_MANY = 20
_MOVED = ("fetch first", "non-fast-forward", "stale info")
# What servers say where a ref was locked, or moved between their look and their lock.
_RACED = (
    "failed to update ref", "transaction failed", "lock ref", "failed to lock",
    "reference already exists", "incorrect old value",
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_FETCH = (
    "fetch", "-q", "--no-tags", "--no-prune", "--no-write-fetch-head", "--no-auto-maintenance",
    "--no-recurse-submodules", "--no-filter", "--no-show-forced-updates", "--refmap=",
)  # fmt: skip
_PUSH = (
    "push", "--porcelain", "--no-follow-tags", "--recurse-submodules=no", "--no-progress",
)  # fmt: skip
_LOCKED = re.compile(r"cannot lock ref '(.+?)': Unable to create '(.+?\.lock)': File exists")
_BETWEEN = re.compile(r"cannot lock ref '(.+?)': (?:is at \w+ but expected|reference already)")
_WHO = re.compile(r"(?<=://)[^/?#\s]*@")
_ABSENT = re.compile(r"couldn't find remote ref|[Cc]ould not find remote ref")


class Remote(msgspec.Struct, frozen=True, kw_only=True):
    """A configured remote by its name, or a URL or path as git takes it."""

    name: str

    @property
    def key(self) -> str:
        """What its tracking refs are under: its name, or for a URL a digest of that."""
        if _NAME.fullmatch(self.name) and ".." not in self.name and self.name[-5:] != ".lock":
            return self.name
        return (
            "url-" + hashlib.sha256(self.name.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        )

    @property
    def shown(self) -> str:
        """Its name as it may stand in a log: without who a URL says we are."""
        return _WHO.sub("", self.name)

    @property
    def notes(self) -> str:
        """The ref that says where its notes were when they were last fetched."""
        return f"refs/exp/remotes/{self.key}/notes"

    def follows(self, name: str) -> str:
        """The ref that says where one of its refs was when that was last fetched."""
        return f"refs/exp/remotes/{self.key}/{name.removeprefix('refs/')}"


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """One ref of the other side to move: `new` None deletes it where it stands at `old`.

    One that is to be `forced` may go back, from `old` alone.
    """

    name: str
    new: str | None
    old: str | None = None
    forced: bool = False

    @property
    def lease(self) -> str | None:
        """What git is told of where the ref has to stand; None where it only goes forward."""
        if self.new is not None and not self.forced:
            return None
        return f"--force-with-lease={self.name}:{self.old or ''}"


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A ref that the other side did not take, and why; `dragged` down by another's failure."""

    name: str
    why: str
    dragged: bool = False

    @property
    def moved(self) -> bool:
        """Whether somebody else was there first: fetch, merge and push again."""
        return any(words in self.why for words in _MOVED)

    @property
    def raced(self) -> bool:
        """Whether two may have been there at once: the same may well succeed a moment later."""
        return any(words in self.why for words in _RACED)


def configured(repo: Repo) -> list[str]:
    """The names of the remotes that the configuration has, in its order."""
    found = (key[7:].rpartition(".") for key in repo.config.values if key.startswith("remote."))
    return list(
        dict.fromkeys(name for name, _, word in found if name and word in ("url", "pushurl"))
    )


def listing(
    repo: Repo,
    remote: Remote,
    *patterns: str,
    meanwhile: Callable[[], object] = lambda: None,
) -> dict[str, str]:
    """The refs of another repository that patterns name: full name to object id.

    `meanwhile` is done until it answers.
    """
    words = ("ls-remote", "-q", "--", remote.name, *patterns)
    out = _asked(repo, remote, words, meanwhile=meanwhile)
    pairs = (line.split("\t", 1) for line in os.fsdecode(out).split("\n")[:-1])
    return {name: oid for oid, name in pairs if not name.endswith("^{}")}


def fetch(
    repo: Repo,
    remote: Remote,
    refspecs: Sequence[str],
    *,
    offer: Sequence[str] = (),
    checked: bool = False,
    prune: bool = False,
) -> bool:
    """Fetch exactly these refspecs; False where the other side lacks one of them.

    `offer` are the refs and globs whose history the other side is told of, no others: git gave up
    and sent all notes anew where it offered two thousand runs first. What is `checked` comes only
    if `git fsck` finds no fault in it. With `prune` what a pattern names here goes when it is gone
    over there. Raises `RemoteFailed`, and for a ref of ours `RefLocked` or `RefMoved`.
    """
    settings = ["core.hooksPath=/dev/null", "core.logAllRefUpdates=false"]
    settings += ["fetch.writeCommitGraph=false", "advice.fetchShowForcedUpdates=false"]
    settings += ["fetch.fsckObjects=true"] if checked else []
    tips = [f"--negotiation-tip={name}" for name in offer if _offered(repo, name)]
    if not tips:
        settings.append("fetch.negotiationAlgorithm=noop")
    words = [word for one in settings for word in ("-c", one)]
    # As arguments: a git that ends before it has read its stdin would end us with SIGPIPE.
    words += [*_FETCH, *(["--prune"] if prune else []), *tips, "--", remote.name, *refspecs]
    try:
        _asked(repo, remote, words)
    except errors.RemoteFailed as error:
        if _ABSENT.search(error.said):
            return False
        if locked := _LOCKED.search(error.said):
            raise errors.RefLocked(locked[1], locked[2]) from error
        if between := _BETWEEN.search(error.said):
            raise errors.RefMoved(between[1]) from error
        raise
    return True


def push(
    repo: Repo, remote: Remote, updates: Sequence[Update], *, atomic: bool = True
) -> list[Refused]:
    """Move refs of the other side: all or none if `atomic`. What it refused, each with its reason.

    A ref that is deleted must stand where it is expected; one that is moved never goes back. The
    user's `pre-push` hook runs (git-lfs uploads by one), with `GIT_EXP_PUSHING=1`.
    """
    leases = [one.lease for one in updates if one.lease]
    shown = {one.name: one.new for one in updates if one.new}
    if len(shown) == len(updates) > _MANY and not leases and view.serves(repo):
        folders = dict.fromkeys(name.rpartition("/")[0] for name in shown)
        with view.showing(repo, shown) as seen:
            specs = [f"{folder}/*:{folder}/*" for folder in folders]
            return _pushed(seen, remote, specs, atomic=atomic, settings=view.QUIET)
    specs = [f"{one.new or ''}:{one.name}" for one in updates]
    return _pushed(repo, remote, specs, leases=leases, atomic=atomic)


def _pushed(
    repo: Repo,
    remote: Remote,
    specs: Sequence[str],
    *,
    leases: Sequence[str] = (),
    settings: Sequence[str] = (),
    atomic: bool,
) -> list[Refused]:
    words = [word for one in settings for word in ("-c", one)]
    words += ["-c", f"remote.{remote.name}.mirror=false"] if remote.name in configured(repo) else []
    words += [*_PUSH, *(["--atomic"] if atomic else []), *leases, "--", remote.name, *specs]
    child = repo.start(*words, remote=True)
    out, err = child.communicate()
    refused = _refused(os.fsdecode(out))
    said = err.decode(errors="replace")
    if child.returncode and not refused:
        if atomic and "does not support --atomic" in said:
            return _pushed(repo, remote, specs, leases=leases, atomic=False)
        raise errors.RemoteFailed(remote.shown, said)
    return refused


def _refused(report: str) -> list[Refused]:
    found: list[Refused] = []
    for line in report.splitlines():
        flag, _, rest = line.partition("\t")
        if flag == "!":
            names, _, why = rest.partition("\t")
            reason = why.partition("(")[2].removesuffix(")") or why
            dragged = reason.startswith(_DRAGGED)
            found.append(Refused(name=names.rpartition(":")[2], why=reason, dragged=dragged))
    return found


def _offered(repo: Repo, name: str) -> bool:
    """Whether there is anything of that name: git refuses to offer what is not there."""
    if name.endswith("*"):
        return refs.any_below(repo, name.removesuffix("/*"))
    return refs.resolve(repo, name) is not None


def _asked(
    repo: Repo,
    remote: Remote,
    words: Sequence[str],
    *,
    meanwhile: Callable[[], object] = lambda: None,
) -> bytes:
    child = repo.start(*words, remote=True)
    try:
        meanwhile()
    except BaseException:
        child.kill()
        child.communicate()
        raise
    try:
        return finish(child, words)
    except errors.GitFailed as error:
        raise errors.RemoteFailed(remote.shown, error.stderr) from error
