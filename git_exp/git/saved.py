"""What was put aside: an index and a worktree as two commits, the way `git stash create` does."""

from __future__ import annotations

import os
import re
import urllib.parse
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from git_exp import errors
from git_exp.git import extras, gc, objects, refs, snapshot
from git_exp.git.overwrite import Peril
from git_exp.git.repo import Repo
from git_exp.git.survey import Entry, Survey, entries, naming, remove

PREFIX = "refs/exp/saved/"
LATEST = "@{saved}"
_BEFORE = re.compile(r"@\{saved(?:~([0-9]{1,9}))?\}")
_FEWEST = 4
_LISTED = "list all: git exp restore --list"
_TRAILER = re.compile(r"^Saved-(\w+): (.+)$", re.MULTILINE)


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """A worktree that was put aside: `tree` is its files, `index` the tree of its index.

    `head` and `branch` say where HEAD was, `known` what was checked out in its place; `extras` is
    the tree of what no git tree tells. `number` counts up, `worktree` says which one it was, and
    `time` is when, in seconds since 1970.
    """

    name: str
    commit: str
    tree: str
    index: str
    head: str | None
    branch: str | None
    known: str
    extras: str
    worktree: str
    number: int
    time: int = 0


def put(
    found: Survey, peril: Peril, *, known: str, now: float, spare: bool = False
) -> tuple[Saved | None, list[bytes]]:
    """Put the worktree aside, and answer the untracked files that git cannot hold.

    Those are in nobody's way and stay. Raises `Refused` when what would be overwritten cannot be
    saved. The survey's index holds the saved worktree afterwards. With `spare`, nothing is put
    aside where HEAD's commit has all of it already.
    """
    repo = found.repo
    index = _tree(found)
    wanted = {path for path, one in found.changes.items() if one.edited} | peril.lost
    missed, held = _stage(found, wanted | found.untracked)
    if stuck := sorted(missed & wanted):
        raise errors.Refused(
            f"cannot put aside {naming(map(os.fsdecode, stuck))}",
            hint="make it readable, or move it away",
        )
    paths = (wanted | found.untracked | peril.replaced) - missed
    with _writing(repo) as writer:
        more = extras.collect(found, held, paths, writer=writer)
        tree = _tree(found)
        if spare and not more and found.head and _is_clean(found, {index, tree}):
            return None, sorted(missed)
        notes = extras.write(writer, more)
        saved = _commit(found, writer, (index, tree, notes), known=known, now=now)
    refs.update(repo, [refs.Change(name=saved.name, new=saved.commit, old=None)])
    if not gc.held_commit(repo, saved.commit, found.head):
        drop(repo, saved)
        raise errors.ObjectsVanished
    return saved, sorted(missed)


def drop(repo: Repo, saved: Saved) -> None:
    """Forget what was put aside; with `git gc` it is gone."""
    refs.update(repo, [refs.Change(name=saved.name, new=None, old=saved.commit)])


def every(repo: Repo) -> list[Saved]:
    """All that was put aside in any worktree of the repository, newest first."""
    return sorted(_all(repo), key=lambda one: (one.number, one.name), reverse=True)


def here(repo: Repo) -> list[Saved]:
    """What was put aside in this worktree, newest first: `@{saved}`, `@{saved~1}` and so on."""
    return [one for one in every(repo) if one.worktree == _worktree(repo)]


def find(repo: Repo, name: str) -> Saved | None:
    """What `@{saved}` (the newest of this worktree), `@{saved~1}` or a saved ref stands for.

    A ref may be abbreviated to four characters of its id. None for a name of another kind;
    `NotFound` when there is no such thing, `Ambiguous` when there are several.
    """
    if asked := _BEFORE.fullmatch(name):
        return _before(repo, name, int(asked[1] or 0))
    if not name.startswith(PREFIX):
        return None
    oid = refs.resolve(repo, name)
    found = _read(repo, name, oid) if oid else None
    near = [] if found else _beginning(repo, name)
    if len(near) > 1:
        raise errors.Ambiguous(name, [one.name for one in near])
    if not (found or near):
        raise errors.NotFound(f"no saved work '{name}'", hint=_LISTED)
    return found or near[0]


def _before(repo: Repo, name: str, count: int) -> Saved:
    mine = here(repo)
    if len(mine) > count:
        return mine[count]
    if not mine:
        raise errors.NotFound("nothing was put aside in this worktree", hint=_LISTED)
    times = "once" if len(mine) == 1 else f"{len(mine)} times"
    raise errors.NotFound(f"no '{name}': work was put aside {times} in this worktree", hint=_LISTED)


def _beginning(repo: Repo, name: str) -> list[Saved]:
    if len(name) < len(PREFIX) + _FEWEST:
        return []
    return [one for one in every(repo) if one.name.startswith(name)]


def _is_clean(found: Survey, trees: set[str]) -> bool:
    return trees == {objects.tree_of(found.repo, found.head or "")}


def _stage(found: Survey, wanted: set[bytes]) -> tuple[set[bytes], dict[bytes, Entry]]:
    """Add what is changed and untracked to the survey's index; answers what git did not take."""
    gone = [path for path, one in found.changes.items() if one.worked == "D"]
    submodules = {path for path, one in found.changes.items() if one.submodule}
    remove(found.repo, found.index, gone)
    failed = snapshot.stage(found.repo, found.index, sorted(wanted | submodules))
    held = entries(found.repo, found.index)
    # git passes over a name that another platform could not write, without a word of failure.
    there = {path for path in wanted - held.keys() if os.path.lexists(found.at(path))}
    return there | {one.path for one in failed}, held


@contextmanager
def _writing(repo: Repo) -> Iterator[objects.Writer]:
    import pygit2

    writer = objects.Writer(repo)
    try:
        yield writer
        writer.sync()
    except (OSError, pygit2.GitError) as error:
        raise errors.RepositoryError(f"cannot put the worktree aside: {error}") from error


def _tree(found: Survey) -> str:
    return os.fsdecode(found.repo.git("write-tree", index=found.index)).strip()


def _commit(
    found: Survey, writer: objects.Writer, trees: tuple[str, str, str], *, known: str, now: float
) -> Saved:
    repo = found.repo
    index, tree, notes = trees
    number = max((one.number for one in _all(repo)), default=0) + 1
    who = objects.ident(repo, now)
    message = _message(found, known, number)

    def commit(tree: str, *parents: str | None) -> str:
        present = [parent for parent in parents if parent]
        return writer.commit(tree, present, message, author=who, committer=who)

    # `git stash apply` looks at the first two parents of a stash, and at none of its index's.
    below = commit(index, found.head, commit(notes))
    return Saved(
        name=f"{PREFIX}{uuid.uuid4()}",
        commit=commit(tree, found.head, below),
        tree=tree,
        index=index,
        head=found.head,
        branch=found.branch,
        known=known,
        extras=notes,
        worktree=_worktree(repo),
        number=number,
        time=who.time,
    )


def _message(found: Survey, known: str, number: int) -> str:
    where = urllib.parse.quote(os.fsencode(found.branch)) if found.branch else "detached"
    lines = (
        f"saved: before a checkout of {known}",
        "",
        f"Saved-Number: {number}",
        f"Saved-Head: {where}",
        f"Saved-Before: {known}",
        f"Saved-Worktree: {_worktree(found.repo)}",
    )
    return "\n".join(lines) + "\n"


def _all(repo: Repo) -> Iterator[Saved]:
    for name, oid in refs.listing(repo, PREFIX).items():
        if saved := _read(repo, name, oid):
            yield saved


def _read(repo: Repo, name: str, oid: str) -> Saved | None:
    top = objects.commit(repo, oid)
    said = dict(_TRAILER.findall(top.message)) if top else {}
    below = objects.commit(repo, top.parents[-1]) if top and top.parents else None
    if not (top and below and said.get("Number", "").isdigit() and "Before" in said):
        return None
    notes = objects.tree_of(repo, below.parents[-1]) if below.parents else None
    where = said.get("Head", "detached")
    return Saved(
        name=name,
        commit=oid,
        tree=top.tree,
        index=below.tree,
        head=top.parents[0] if len(top.parents) > 1 else None,
        branch=None if where == "detached" else os.fsdecode(urllib.parse.unquote_to_bytes(where)),
        known=said["Before"],
        extras=notes or objects.EMPTY_TREE,
        worktree=said.get("Worktree", ""),
        number=int(said["Number"]),
        time=top.committer.time,
    )


def _worktree(repo: Repo) -> str:
    """Which worktree of the repository this is: git's own name for it, which outlives a move."""
    place = os.path.relpath(repo.git_dir, repo.common_dir)
    return urllib.parse.quote(os.fsencode(place))
