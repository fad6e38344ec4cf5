"""A view of a repository that shows few of its refs, made of links as `git-new-workdir` does.

`git push` compares every refspec with every ref there is: a thousand runs among two thousand
refs take it two seconds. In a view only what is to be sent is there, and a pattern names it.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from git_exp.git import hooks, refs
from git_exp.git.repo import Repo

# What a view has of its own, and what is of no use in it.
_OWN = ("HEAD", "refs", "packed-refs", "logs", "index", "exp", "worktrees")
_THEIRS = ("refs/heads/", "refs/tags/", "refs/remotes/")
# Nothing of the user's runs where few of their refs are seen: a gc would take what it holds for
# garbage, through the link to all objects.
QUIET = ("core.hooksPath=/dev/null", "gc.auto=0", "maintenance.auto=false")


def serves(repo: Repo) -> bool:
    """Whether a view can stand for a repository: it is no linked worktree and no bare one, its
    configuration does not ask where it is, and it has no `pre-push` hook but ours, which has
    nothing to do then: another would see a repository that is not the user's.
    """
    folder = repo.config.get("core.hooksPath")
    home = (repo.top or repo.git_dir) / folder if folder else repo.common_dir / "hooks"
    plain = repo.top is not None and repo.git_dir == repo.common_dir
    # Where `~` is, is git's to say; and another place may be another remote's address.
    plain = plain and not (folder or "").startswith("~")
    plain = plain and not any(key.startswith("includeif.") for key in repo.config.values)
    return plain and _is_idle(home / "pre-push")


@contextmanager
def showing(repo: Repo, shown: Mapping[str, str]) -> Iterator[Repo]:
    """The repository with these refs, by name, and the user's branches, tags and remote refs.

    Objects, configuration and hooks are the repository's own. It is for reading: what is written
    to its refs is gone with it.
    """
    folder = repo.git_dir / "exp" / "tmp" / f"view-{uuid.uuid4()}"
    (folder / "refs").mkdir(parents=True)
    try:
        _link(repo.common_dir, folder)
        (folder / "HEAD").write_bytes((repo.git_dir / "HEAD").read_bytes())
        every = {**refs.listing(repo, *_THEIRS), **shown}
        lines = sorted((os.fsencode(name), oid.encode()) for name, oid in every.items())
        packed = b"".join(b"%b %b\n" % (oid, name) for name, oid in lines)
        (folder / "packed-refs").write_bytes(b"# pack-refs with: sorted \n" + packed)
        yield msgspec.structs.replace(repo, git_dir=folder, common_dir=folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_idle(hook: Path) -> bool:
    if not os.access(hook, os.X_OK):
        return True
    try:
        return hook.read_text() == hooks.script("pre-push")
    except (OSError, UnicodeDecodeError):
        return False


def _link(common: Path, folder: Path) -> None:
    for entry in common.iterdir():
        if entry.name not in _OWN and not entry.name.endswith(".lock"):
            (folder / entry.name).symlink_to(entry)
