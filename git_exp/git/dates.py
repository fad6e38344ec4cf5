"""The committer date of our commits: just old enough to keep out of fetch's negotiation.

git's fetch offers what it has newest first and stops when the server knows enough. Dated today,
2,000 runs cost the user's own fetch 2,032 more "have" lines; one second before the newest commit
that the remote surely has, they cost none. Where no such commit is known, ours are from 1970:
older than all that a server could know, a fetch by URL for example is over before it comes to them.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from git_exp import errors
from git_exp.git.repo import Repo

if TYPE_CHECKING:
    import pygit2

_MINE, _THEIRS, _SHARED = 1, 2, 3
_PATIENCE = 250
# The walk is part of every start; from a HEAD far behind its remote it is not gone on for ever.
_FARTHEST = 2_000
_NOW = ("now", "today")


def before_shared(repo: Repo, head: str | None, remote_tips: Iterable[str]) -> int:
    """Seconds since 1970: one before the newest commit in HEAD's history that a remote has.

    0 where no remote ref is known to share history with it, and in an unborn repository.
    """
    own = _commit(repo.pg, head) if head else None
    if own is None:
        return 0
    tips = (_commit(repo.pg, tip) for tip in remote_tips)
    shared = _newest_shared(repo.pg, own, [tip for tip in tips if tip])
    return max(shared.commit_time - 1, 0) if shared else 0


def approximate(repo: Repo, text: str) -> int | None:
    """A time in words as git reads it, such as `2 weeks ago`: seconds since 1970.

    None for what it does not understand, which it takes for now without saying so.
    """
    before = int(time.time())
    try:
        answer = repo.git("rev-parse", f"--since={text}")
    except (errors.GitFailed, ValueError):
        return None
    found = int(answer.rpartition(b"=")[2])
    now = found >= before
    return None if now and text.strip().lower() not in _NOW else found


def _newest_shared(
    pg: pygit2.Repository, head: pygit2.Commit, tips: Iterable[pygit2.Commit]
) -> pygit2.Commit | None:
    """Walk both histories newest first until a commit is met from both sides.

    Where one side is at its end, what is left of the other may still meet it, by a commit that a
    wrong clock dated: a little way is gone on.
    """
    sides: dict[pygit2.Oid, int] = {}
    queue: list[tuple[int, int, pygit2.Commit]] = []
    turn = itertools.count()
    waiting = {_MINE: 0, _THEIRS: 0, _SHARED: 0}

    def meet(commit: pygit2.Commit, side: int) -> None:
        known = sides.get(commit.id, 0)
        if known | side != known:
            sides[commit.id] = known | side
            waiting[known | side] += 1
            heapq.heappush(queue, (-commit.commit_time, next(turn), commit))

    meet(head, _MINE)
    for tip in tips:
        meet(tip, _THEIRS)
    patience = _PATIENCE if waiting[_THEIRS] or waiting[_SHARED] else 0
    while queue and patience and len(sides) < _FARTHEST:
        patience -= not (waiting[_SHARED] or (waiting[_MINE] and waiting[_THEIRS]))
        _, _, commit = heapq.heappop(queue)
        side = sides[commit.id]
        if side == _SHARED:
            return commit
        waiting[side] -= 1
        for parent in commit.parent_ids:
            found = None if sides.get(parent, 0) & side else _commit(pg, parent)
            if found:
                meet(found, side)
    return None


def _commit(pg: pygit2.Repository, oid: str | pygit2.Oid) -> pygit2.Commit | None:
    """A commit, or None for what is no commit or is not here (below a shallow clone's edge)."""
    import pygit2

    found = pg.get(oid)
    return found if isinstance(found, pygit2.Commit) else None
