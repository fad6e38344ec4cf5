"""git's gc beside us: what is new is packed once more, for what a gc may take is loose.

A gc reads the refs, and a while later removes what none of them held: also what a ref has come to
hold in between. It lets be every pack that is younger than its reading of the refs. So after refs
have moved beside a gc, what is new goes into a pack; a gc that begins later sees the refs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

from git_exp import errors
from git_exp.git.repo import Repo

# As in git: an older lock of another machine's is nobody's.
_STALE = 12 * 3600
# What git's own gc spares, unless the user says otherwise.
_WEEKS = "2.weeks.ago"
# There is no time for deltas: the next gc makes them.
_PACK = ("pack-objects", "-q", "--window=0", "--compression=1")


def is_under_way(repo: Repo) -> bool:
    """Whether a `git gc` may be at work that takes what is new, by its lock as git reads that."""
    path = repo.common_dir / "gc.pid"
    try:
        pid, host = path.read_text(errors="replace").split()[:2]
        fresh = time.time() - path.stat().st_mtime <= _STALE
    except (OSError, ValueError):
        return False
    if host != os.uname().nodename:
        return fresh
    return fresh and _is_alive(pid) and not _spares_what_is_new(repo, pid)


def held(repo: Repo, oids: Iterable[str]) -> bool:
    """Whether a gc that may be at work takes none of these objects, which refs hold now.

    False: one is gone already, and has to be written again.
    """
    named = "\n".join(dict.fromkeys(oids))
    return not named or not is_under_way(repo) or _packed(repo, (), named)


def held_commit(repo: Repo, commit: str, base: str | None) -> bool:
    """The same of a commit and of all that its base has not, which refs held before."""
    but = f"\n^{base}" if base else ""
    return not is_under_way(repo) or _packed(repo, ("--revs",), commit + but)


def _packed(repo: Repo, words: tuple[str, ...], named: str) -> bool:
    where = repo.common_dir / "objects" / "pack" / "pack"
    try:
        repo.git(*_PACK, *words, str(where), stdin=f"{named}\n".encode())
    except errors.GitFailed:
        # Also where that gc has removed the pack that was being written.
        return False
    return True


def _spares_what_is_new(repo: Repo, pid: str) -> bool:
    """Whether it is the gc that git starts by itself, which takes what is two weeks old.

    It may go on for minutes, in which a hundred runs would make two hundred packs.
    """
    try:
        words = Path("/proc", pid, "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    by_itself = b"--auto" in words and not any(word.startswith(b"--prune") for word in words)
    return by_itself and repo.config.get("gc.pruneExpire", _WEEKS) == _WEEKS


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (OSError, OverflowError, ValueError):
        return False
    return True
